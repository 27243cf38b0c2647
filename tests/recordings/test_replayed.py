"""All recordings and cases as files: a replay of them comes to what `explain` says of each, however they are split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from otel_session_agg import Rollup, explain
from otel_session_agg._history.history import History
from otel_session_agg._history.rollup_tables import OF_DETAILS, SESSIONS
from otel_session_agg._history.tables import COUNTED, DETAILS, KEPT, SESSIONS_ONLY
from otel_session_agg._model.session_sums import sum_of_totals
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.counter import CountedTrace, TraceCounter
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.progress import Replayed
from otel_session_agg._offline.replay import Replay
from otel_session_agg._offline.source_spans import Resource, SourceSpan
from otel_session_agg._spans.given import data_of
from otel_session_agg._trace import whole_trace
from otel_session_agg._trace.whole_trace import in_order_of_ends
from tests.recording.verdict import recordings
from tests.support.explained import below_root
from tests.support.folding import made_cases, rows
from tests.support.offline import SERVICE, counted
from tests.support.otlp_files import write_files
from tests.support.replay import Case, cases_in, load, real_prices, replay_traces

_DAY_NS = 86_400_000_000_000
_PARTS = [slice(part, None, 8) for part in range(8)]
_FIGURES = ("num_events", "num_model_events", "num_errors", "total_tokens", "prompt_tokens", "cost_pusd", "num_unpriced_events")


@cache
def _cases() -> list[Case]:
    own = [case for path in recordings() for case in cases_in(path)]
    return [case for case in (*made_cases(), *load("reports"), *own) if case["spans"] and not case.get("prices")]


def _traces(cases: list[Case]) -> Iterator[list[SpanData]]:
    """Cases as traces of their own, a day apart: no two can be reports of one call but by a response id, which is made its own."""
    for number, case in enumerate(cases, 1):
        for span in (spans := below_root(rows(case))):
            assert span.trace_id == 1
        yield [_moved(span, number) for span in spans]


def _moved(span: SpanData, number: int) -> SpanData:
    attributes = {
        name: f"{value}-{number}" if "response" in name and name.endswith("id") and isinstance(value, str) else value
        for name, value in span.attributes.items()
    }
    shift = number * _DAY_NS
    return span._replace(trace_id=number << 64, attributes=attributes, start_ns=span.start_ns + shift, end_ns=span.end_ns + shift)


def _replayed(folder: Path, **options: int) -> tuple[Replayed, dict[str, tuple[int, ...]]]:
    """What is known of a replay of a folder, and the figures of each trace."""
    with History() as history:
        replay = Replay([folder], history, Options(), **options)  # type: ignore[arg-type]
        replay.run()
        replay.close()
        found = {name: tuple(figures) for name, *figures in history._reader().execute(_SQL).fetchall()}
    return replay.done, found


_SQL = """
SELECT trace_id, events, model_events, errors, coalesce(tokens, 0), coalesce(prompt_tokens, 0),
    (coalesce(cost, 0) * 1000000000000)::HUGEINT, unpriced
FROM traces
"""


def _figures(rollup: Rollup) -> tuple[int, ...]:
    return tuple(getattr(rollup, name) or 0 for name in _FIGURES)


class TestFiles:
    """Files of OTLP."""

    @pytest.mark.slow
    @pytest.mark.parametrize("part", _PARTS)
    def test_as_explained(self, part: slice, tmp_path: Path) -> None:
        """Each trace has the same figures, with its spans in several files and forms, in any order, some of them twice."""
        traces = list(_traces(_cases()[part]))
        random = Random(part.start)  # noqa: S311 -- repeatable
        spans = [span for trace in traces for span in trace]
        mixed = random.sample(spans, len(spans)) + random.sample(spans, len(spans) // 10)
        write_files(tmp_path, mixed, random)
        done, found = _replayed(tmp_path)
        expected = {f"{trace[0].trace_id:032x}": _figures(explain(trace, prices=real_prices()).rollup) for trace in traces}
        assert ([], len(traces)) == (done.problems, done.num_traces)
        assert {} == {name: (figures, found.get(name)) for name, figures in expected.items() if figures != found.get(name)}

    @pytest.mark.slow
    @pytest.mark.parametrize("part", _PARTS)
    def test_without_details(self, part: slice, tmp_path: Path) -> None:
        """Sessions are the same in all columns but those that come from details, where these are not wanted."""
        spans = [span for trace in _traces(_cases()[part]) for span in trace]
        write_files(tmp_path, spans, Random(part.start))  # noqa: S311 -- repeatable
        names = [column.name for column in SESSIONS.columns]
        assert set(names) > OF_DETAILS
        kept = ", ".join(f'"{name}"' for name in names if name not in OF_DETAILS)
        found = []
        for wanted in (SESSIONS_ONLY, SESSIONS_ONLY - {DETAILS}):
            with History() as history:
                replay = Replay([tmp_path], history, Options(tables=wanted))
                replay.run()
                found.append(history.rows(f"SELECT {kept} FROM sessions ORDER BY session"))  # noqa: S608
                replay.close()
        assert found[0] == found[1]
        assert len(found[0]) > 50

    @pytest.mark.slow
    def test_processes(self, tmp_path: Path) -> None:
        """Several processes come to the same."""
        spans = [span for trace in _traces(_cases()[::40]) for span in trace]
        write_files(tmp_path, spans, Random(1))  # noqa: S311 -- repeatable
        assert _replayed(tmp_path, processes=1)[1] == _replayed(tmp_path, processes=2)[1]


class TestWhole:
    """Traces whose spans are all at hand and nest, which are folded in one go."""

    @pytest.mark.parametrize("part", [slice(part, None, 40) for part in range(4)])
    def test_same(self, part: slice, monkeypatch: pytest.MonkeyPatch) -> None:
        """They come to the same as by the starts and ends of their spans."""
        traces = [trace for trace in _traces(_cases()[part]) if in_order_of_ends({span.span_id: span for span in trace})]
        options = Options(with_roots=True, tables=KEPT)
        in_one_go = [_all(counted(trace, options, seed=1)) for trace in traces]
        monkeypatch.setattr(whole_trace, "MAX_SPANS", 0)
        assert in_one_go == [_all(counted(trace, options, seed=1)) for trace in traces]
        assert len(traces) > 100

    @pytest.mark.parametrize("part", [slice(part, None, 40) for part in range(2)])
    @pytest.mark.parametrize("num_sessions", [0, 5])
    def test_sessions(self, part: slice, num_sessions: int) -> None:
        """Sessions get the same where their traces are not wanted themselves; ``num_sessions``: 0: those of the recordings."""
        traces = sorted(_traces(_cases()[part]), key=lambda trace: min(span.start_ns for span in trace))
        if num_sessions:
            traces = [_in_session(trace, f"chat {number % num_sessions}") for number, trace in enumerate(traces)]
        parts: dict[str, list[SessionTotals]] = {}
        for one in _counter(traces, COUNTED).results():
            for its in one.parts:
                parts.setdefault(its.session_id, []).append(its.totals)
        found = {its.session_id: its.totals for its in _counter(traces, SESSIONS_ONLY).sessions()}
        assert {name: sum_of_totals(its) for name, its in parts.items()} == found
        assert len(found) >= (num_sessions or 100)


def _counter(traces: list[list[SpanData]], tables: frozenset[str]) -> TraceCounter:
    counter = TraceCounter(Options(tables=tables), real_prices())
    for trace in traces:
        counter.add([SourceSpan(span, SERVICE) for span in trace])
    return counter


def _in_session(trace: list[SpanData], session_id: str) -> list[SpanData]:
    """A trace whose root states a session, unless it states one."""
    return [
        span if span.parent_id is not None else span._replace(attributes={"session.id": session_id, **span.attributes})
        for span in trace
    ]


def _all(found: list[CountedTrace]) -> list[tuple[object, ...]]:
    """Everything of traces, with calls and spans in the order of their ids."""
    return [
        (one.trace, one.parts, sorted(one.calls), one.on_roots, sorted(one.spans, key=lambda row: row.span.span_id))
        for one in found
    ]


class TestProcessor:
    """A real processor, through the SDK."""

    @pytest.mark.slow
    @pytest.mark.parametrize("part", _PARTS)
    def test_same_roots(self, part: slice) -> None:
        """It has written the same figures on roots, where it has seen all below them in time.

        A call that two traces report may be in the other one.
        """
        differing = {}
        for case in [case for case in _cases()[part] if "trace" in case["spans"][0]][::4]:
            spans = [row[0] for span in replay_traces(case) if (row := data_of(span)) is not None]
            roots = {(span.trace_id, span.span_id): span.attributes for span in spans if "metadata.rollup" in span.attributes}
            found = counted(spans, Options(with_roots=True), seed=1, resource=Resource({}))
            changes = {(root.trace_id, root.span_id): root.attributes for one in found for root in one.on_roots}
            again = {key: {**own, **changes[key]} for key, own in roots.items()}
            if not any("metadata.partial" in own for own in roots.values()) and _sums(roots) != _sums(again):
                differing[case["id"]] = (_sums(roots), _sums(again))
        assert {} == differing


def _sums(roots: Mapping[tuple[int, int], Mapping[str, Any]]) -> list[float]:
    names = (
        "num_events",
        "num_model_events",
        "total_tokens",
        "prompt_tokens",
        "num_unpriced_events",
        "num_errors",
        "num_tool_events",
    )
    found = [sum(own.get(f"metadata.{name}") or 0 for own in roots.values()) for name in names]
    return [*found, round(sum(own.get("metadata.cost") or 0 for own in roots.values()), 12)]
