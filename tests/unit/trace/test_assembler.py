"""Ended spans alone say the same as their starts and ends."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import SessionSpanExporter, SessionSpanProcessor, Settings
from otel_session_agg._spans.received import is_own_span
from otel_session_agg.testing import FakeClock, RecordingExporter, make_span
from tests.support.apps import CALL, PRICES

_LINGER_SECONDS = 5.0
_SCOPES = ("app", "lib", "sdk")
_KINDS: dict[str, dict[str, Any]] = {
    "span": {},
    "call": CALL,
    "silent": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
    "agent": {"gen_ai.operation.name": "invoke_agent"},
    "repeat": {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5},
    "tool": {"gen_ai.operation.name": "execute_tool"},
    "feedback": {"langfuse.trace.score": 1},
}


class _Play(NamedTuple):
    """Spans of some traces in the order in which they end, cut into batches."""

    spans: list[ReadableSpan]
    batches: list[int]


@st.composite
def _plays(draw: st.DrawFn) -> _Play:
    """A trace of up to fourteen spans with one root or several, whose spans end in any order."""
    number = draw(st.integers(1, 14))
    spans = []
    for index in range(number):
        parent = draw(st.integers(0, index - 1)) if index else None
        is_remote = parent is not None and draw(st.integers(0, 5)) == 0
        attributes = dict(_KINDS[draw(st.sampled_from(sorted(_KINDS)))])
        session = draw(st.sampled_from([None, None, None, "a", "b"]))
        if session is not None:
            attributes["session.id"] = session
        usage = draw(st.integers(0, 3))
        if attributes.get("gen_ai.usage.input_tokens"):
            attributes["gen_ai.usage.input_tokens"] = 10 + 100 * usage
        spans.append(
            make_span(
                f"s{index}",
                span_id=index + 1,
                parent_id=None if parent is None else parent + 1,
                remote_parent=is_remote,
                attributes=attributes,
                scope=draw(st.sampled_from(_SCOPES)),
                start_ns=(index + 1) * 1_000_000,
                end_ns=(2 * number - index) * 1_000_000,
            )
        )
    children_first = draw(st.booleans())  # as it mostly is
    ended = list(reversed(spans)) if children_first else draw(st.permutations(spans))
    return _Play(ended, draw(st.lists(st.integers(1, 5), min_size=number, max_size=number)))


def _roots(sent: RecordingExporter) -> dict[str, dict[str, Any]]:
    return {span.name: dict(span.attributes or {}) for span in sent.roots if not is_own_span(span)}


def _by_processor(play: _Play) -> dict[str, dict[str, Any]]:
    """What a processor writes that sees every start."""
    sent = RecordingExporter()
    processor = SessionSpanProcessor(SimpleSpanProcessor(sent), settings=Settings(linger_seconds=_LINGER_SECONDS), prices=PRICES)
    span_worker = processor._span_worker
    span_worker.clock, span_worker.worker.thread = FakeClock(1000.0), threading.current_thread()
    for span in sorted(play.spans, key=lambda one: one.start_time or 0):
        processor.on_start(span)  # type: ignore[arg-type]  # it reads nothing that an ended one has not
    for span in play.spans:
        processor.on_end(span)
    span_worker.turn()
    processor.shutdown()
    return _roots(sent)


def _by_exporter(play: _Play) -> dict[str, dict[str, Any]]:
    """What an exporter writes that sees the ends only, in batches."""
    sent = RecordingExporter()
    exporter = SessionSpanExporter(sent, settings=Settings(linger_seconds=_LINGER_SECONDS), prices=PRICES)
    span_worker = exporter._aggregator.span_worker
    clock = FakeClock(1000.0)
    span_worker.clock, span_worker.worker.thread = clock, threading.current_thread()
    rest, batches = list(play.spans), iter(play.batches)
    while rest:
        size = next(batches)
        exporter.export(rest[:size])
        clock.tick(_LINGER_SECONDS / 20)
        del rest[:size]
    clock.tick(_LINGER_SECONDS)
    span_worker.turn()
    assert [] == list(span_worker.queue)
    exporter.shutdown()
    assert len(play.spans) == len([span for span in sent.spans if not is_own_span(span)])
    return _roots(sent)


class TestSameAsTheProcessor:
    """Every root's attributes."""

    @settings(max_examples=3 * settings().max_examples)
    @given(_plays())
    def test_any_trace(self, play: _Play) -> None:
        """They do not depend on whether starts were seen, nor on the batches."""
        assert _by_processor(play) == _by_exporter(play)


class TestOneBatch:
    """What ends in one batch."""

    def test_part_ends_last(self) -> None:
        """A root in the middle of a trace counts for the root above it, whichever of them ends first."""
        root, part = make_span("root", span_id=1), make_span("part", span_id=2, parent_id=1, remote_parent=True)
        call = make_span("call", span_id=3, parent_id=2, attributes=CALL)
        for ended in ([call, part, root], [root, call, part], [call, root, part]):
            for written in (_by_processor(_Play(ended, [3])), _by_exporter(_Play(ended, [3]))):
                assert (2, 15) == tuple(written["root"][f"metadata.{key}"] for key in ("num_events", "total_tokens"))
                assert 15 == written["part"]["metadata.total_tokens"]

    def test_many_parts(self) -> None:
        """However many parts end with their root, each says that the root has its totals, too."""
        root = make_span("root", span_id=1)
        parts = [make_span(f"part {n}", span_id=n, parent_id=1, remote_parent=True, attributes=CALL) for n in range(2, 12)]
        for written in (_by_processor(_Play([root, *parts], [11])), _by_exporter(_Play([root, *parts], [11]))):
            assert "trace" == written.pop("root")["metadata.rollup"]
            assert ["part"] * len(parts) == [attributes["metadata.rollup"] for attributes in written.values()]
