"""All recordings and cases without what people and models wrote: the same totals, and none of the texts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._history.tables import KEPT
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._offline.counter import CountedTrace
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.replay import Replay
from otel_session_agg._spans import without_content as module
from otel_session_agg._spans.without_content import without_content, without_long_texts
from tests.recordings.test_replayed import _cases, _traces
from tests.support.live import tables
from tests.support.offline import counted
from tests.support.otlp_files import write_files

_MARK = "zqx wrote this"
_PARTS = [slice(part, None, 8) for part in range(8)]
_CONTENT = (
    "input", "output", "prompt", "completion", "message", "content", "argument", "result", "instruction", "response.text",
    "response.object", "spaninputs", "spanoutputs", "llm_request", "llm_response", "request_data", "response_data", "tools",
    "parameters", "query", "document", "description", "body", "task", "goal", "choices", "toolcall",
)  # fmt: skip
"""Parts of the names of attributes whose texts people or models wrote, or that hold such texts."""
_NO_CONTENT = (
    "token",
    "usage",
    ".type",
    ".role",
    "model",
    ".id",
    "_id",
    "name",
    "finish_reason",
    "cost",
    "service_tier",
    "speed",
    "kind",
)
"""Parts of the names of those that are figures, ids and names, although they are called like these."""
_SHORT = frozenset(
    {"model", "modelId", "llm", "id", "type", "role", "object", "unit", "modality", "service_tier", "serviceTier", "trafficType"}
    | {"traffic_type", "speed", "inference_geo", "session_id", "thread_id", "conversation_id", "user_id", "finish_reason"}
)
"""Names in objects that have no free text."""


def _marked(span: SpanData) -> SpanData:
    """A span with the mark in each text that somebody wrote, and in some that no instrumentation has."""
    events = [
        event._replace(attributes={name: _with_mark(name, value) for name, value in event.attributes.items()})
        for event in span.events
    ]
    return span._replace(
        attributes={
            **{name: _with_mark(name, value) for name, value in span.attributes.items()},
            "app.note": _MARK,
            "app.notes": [_MARK],
            "gen_ai.system_instructions": _MARK,
        },
        events=[*events, SpanEvent(f"log: {_MARK}", {"body": _MARK}, span.end_ns)],
        status_description=_MARK if span.failed else None,
    )


def _with_mark(name: str, value: Any) -> Any:
    lower = name.lower()
    is_content = lower in {"exception.message", "exception.stacktrace"} or (
        any(part in lower for part in _CONTENT) and not any(part in lower for part in _NO_CONTENT)
    )
    if not isinstance(value, str) or not is_content:
        return value
    if value.lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(value)
        except ValueError:
            return value
        compact = '": ' not in value
        return json.dumps(_in_leaves(found), separators=(",", ":") if compact else None, ensure_ascii=False)
    return f"{value} {_MARK}"


def _in_leaves(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _in_leaves(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_leaves(item) for item in value]
    return f"{value} {_MARK}" if isinstance(value, str) and name not in _SHORT and not _is_number(value) else value


def _is_number(text: str) -> bool:
    return text.replace(".", "").isdigit()


def _totals(found: list[CountedTrace]) -> list[tuple[object, ...]]:
    """All figures of traces: everything but outputs and the words of errors."""
    return [
        (
            one.trace._replace(rollup=replace(one.trace.rollup, output=None, error=None)),
            [part._replace(totals=_without_texts(part.totals)) for part in one.parts],
            sorted(one.calls),
            sorted((row.span.span_id, row.session_id, row.kind) for row in one.spans),
        )
        for one in found
    ]


def _without_texts(totals: SessionTotals) -> SessionTotals:
    return replace(totals, rollup=replace(totals.rollup, output=None, error=None), first_input=None)


class TestTotals:
    """Spans without content."""

    @pytest.mark.slow
    @pytest.mark.parametrize("part", _PARTS)
    def test_same(self, part: slice) -> None:
        """They come to the same, and have no text that somebody wrote."""
        options = Options(tables=KEPT)
        traces = [[_marked(span) for span in trace] for trace in _traces(_cases()[part])]
        assert len(traces) > 100
        for trace in traces:
            left = [without_content(span) for span in trace]
            assert [] == [span for span in left if "zqx" in repr(span)]
            assert left == [without_content(span) for span in left]
            assert _totals(counted(trace, options, seed=1)) == _totals(counted(left, options, seed=1))


class TestLongTexts:
    """Spans without the long texts that nothing reads."""

    @pytest.mark.slow
    @pytest.mark.parametrize("part", _PARTS)
    def test_same(self, part: slice, monkeypatch: pytest.MonkeyPatch) -> None:
        """They come to the same, errors included, whatever is called long."""
        monkeypatch.setattr(module, "MAX_TEXT_CHARS", 0)
        traces = [[_marked(span) for span in trace] for trace in _traces(_cases()[part])]
        assert len(traces) > 100
        num_changed = 0
        for trace in traces:
            left = [without_long_texts(span) for span in trace]
            num_changed += left != trace
            expected, found = (counted(spans, Options(), seed=1) for spans in (trace, left))
            assert _totals(expected) == _totals(found)
            assert [one.trace.rollup.error for one in expected] == [one.trace.rollup.error for one in found]
        assert num_changed > 50


class TestFile:
    """A history that is kept."""

    def test_nothing_written(self, tmp_path: Path) -> None:
        """The file and its tables have none of the texts, late spans change nothing in that, and costs are the same."""
        traces = [[_marked(span) for span in trace] for trace in _traces(_cases()[::60])]
        early, late = [span for trace in traces for span in trace[::2]], [span for trace in traces for span in trace[1::2]]
        folders = [tmp_path / name for name in ("early", "late")]
        for folder, spans in zip(folders, (early, late), strict=True):
            folder.mkdir()
            write_files(folder, spans, Random(1))  # noqa: S311 -- repeatable
        found = {}
        for has_content in (True, False):
            path = tmp_path / f"history-{has_content}"
            options = Options(tables=KEPT, has_content=has_content)
            for folder in folders:
                with History(path) as history:
                    replay = Replay([folder], history, options)
                    replay.run()
                    replay.close()
            with History(path, read_only=True) as history:
                found[has_content] = history.rows(_SQL)
                texts = repr(tables(history))
            assert has_content is ("zqx" in texts)
        assert found[True] == found[False]
        assert b"zqx" not in path.read_bytes()
        assert len(found[True]) == len(traces)


_SQL = """
SELECT trace_id, events, model_events, errors, tokens, prompt_tokens, cost, unpriced, models, (
    SELECT list((span_id, cost, tokens, counts, lost_to, rule) ORDER BY span_id) FROM calls WHERE calls.trace_id = traces.trace_id
) FROM traces ORDER BY ALL
"""
