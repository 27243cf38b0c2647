"""What leaves when, by values: no SDK processor, clock or thread."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.merges import MAX_MODELS
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import SpanData
from otel_session_agg._reading import span as reading
from otel_session_agg._reasons import DUPLICATE, NO_START, OPEN_ROOTS
from otel_session_agg._settings import Settings
from otel_session_agg._trace import cross_trace, traces_by_session
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.left_traces import MAX_COMPLETE, MAX_REMEMBERED
from otel_session_agg._trace.trace import Released
from otel_session_agg._trace.trace_calls import MAX_CALLS

CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 1,
}


def price(call: Call) -> int:
    """A picodollar a token."""
    return 0 if call.usage is None else call.usage.total_tokens or 0


def new(rootless_seconds: float | None = None) -> tuple[Engine, list[object]]:
    """An engine, and where it puts what leaves."""
    return Engine(Settings(), reading.read, price, Deadlines(), rootless_seconds, text=str), []


def data(span_id: int, parent_id: int | None, attributes: dict[str, Any] | None = None, **more: Any) -> SpanData:
    row = {"name": "s", "trace_id": 1, "span_kind": "INTERNAL", "scope_name": "", "scope_version": "", "start_ns": 1, "end_ns": 2}
    return SpanData(**{**row, "span_id": span_id, "parent_id": parent_id, "attributes": attributes or {}, **more})


def rollups(engine: Engine, out: list[object]) -> list[Rollup]:
    return [engine.totals.rollup(item.trace) for item in out if isinstance(item, Released)]


class TestCarriedContext:
    """Spans whose parent looks remote and may be in this process."""

    def test_known_parent(self) -> None:
        """A span below a root of this process is no root."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, None, out, 1)
        engine.ended(data(2, None, CHAT, carried_parent_id=1), "child", 0, out)
        engine.ended(data(1, None), "root", 0, out)
        assert "child" == out[0]
        assert [(1, 11)] == [(rollup.num_events, rollup.total_tokens) for rollup in rollups(engine, out)]
        assert 1 == engine.opened

    def test_unknown_parent(self) -> None:
        """A span below a root of another process is a root."""
        engine, out = new()
        engine.started(1, 2, None, out, 1)
        engine.ended(data(2, None, CHAT, carried_parent_id=1), "root", 0, out)
        assert [(1, 11)] == [(rollup.num_events, rollup.total_tokens) for rollup in rollups(engine, out)]

    def test_parent_that_ended(self) -> None:
        """The parent may have ended, when its root has not left."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, 1, out)
        engine.ended(data(2, 1), "parent", 0, out)
        engine.started(1, 3, None, out, 2)
        engine.ended(data(3, None, CHAT, carried_parent_id=2), "child", 0, out)
        engine.ended(data(1, None), "root", 0, out)
        assert [2] == [rollup.num_events for rollup in rollups(engine, out)]

    def test_fault(self) -> None:
        """A span below a root of this process whose reading raises is waited for no longer, and the root says so."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, None, out, 1)
        engine.fault(data(2, None, CHAT, carried_parent_id=1))
        engine.ended(data(1, None), "root", 0, out)
        assert ["fault"] == [item.trace.partial for item in out if isinstance(item, Released)]

    def test_start_not_seen(self) -> None:
        """Without its start, a span with a carried parent is taken for a root."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.ended(data(3, None, CHAT, carried_parent_id=1), "other", 0, out)
        assert {NO_START: 1} == engine.released


class TestRecentCalls:
    """Calls that can still be corrected, over all traces."""

    def test_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond the bound the oldest are settled, and every total is exact."""
        monkeypatch.setattr(cross_trace, "MAX_RECENT_CALLS", 5)
        engine, out = new()
        for trace_id in range(1, 11):
            engine.started(trace_id, 1, None, out)
            for span_id in (2, 3, 4):
                engine.ended(data(span_id, 1, CHAT, trace_id=trace_id), "call", 0, out)
                assert engine._recent_calls.number <= 5
        for trace_id in range(1, 11):
            engine.ended(data(1, None, trace_id=trace_id), "root", 0, out)
        assert 10 * [(3, 33, 33)] == [(r.num_model_events, r.total_tokens, r.cost_pusd) for r in rollups(engine, out)]
        assert (0, 0) == (engine._recent_calls.number, len(engine._recent_calls.traces))

    def test_root_is_a_call(self) -> None:
        """Calls of roots are in the number while they are kept, and no longer."""
        engine, out = new()
        for trace_id in range(1, 4):
            engine.started(trace_id, 1, None, out)
            engine.ended(data(2, 1, CHAT, trace_id=trace_id), "call", 0, out)
            engine.ended(data(1, None, CHAT, trace_id=trace_id, start_ns=5, end_ns=9), "root", 0, out)
        assert 3 == len(rollups(engine, out))
        assert (0, 0) == (engine._recent_calls.number, len(engine._recent_calls.traces))

    def test_settled_below(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An agent's sum does not count beside calls that are settled."""
        monkeypatch.setattr(cross_trace, "MAX_RECENT_CALLS", 1)
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, 1, out)
        for span_id in (3, 4, 5):
            engine.ended(data(span_id, 2, CHAT), "call", 0, out)
        engine.ended(data(2, 1, {**CHAT, "gen_ai.operation.name": "invoke_agent"}), "agent", 0, out)
        engine.ended(data(1, None, {**CHAT, "gen_ai.operation.name": "invoke_agent"}), "root", 0, out)
        assert [(3, 33)] == [(rollup.num_model_events, rollup.total_tokens) for rollup in rollups(engine, out)]

    def test_many_below_one_span(self) -> None:
        """What hangs at an open span is bounded, and its sum is exact."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, 1, out)
        for span_id in range(3, 2003):
            engine.ended(data(span_id, 2, CHAT), "call", 0, out)
        [trace] = engine.roots
        assert trace.calls is not None
        assert len(trace.calls.calls) <= MAX_CALLS
        engine.ended(data(2, 1, {**CHAT, "gen_ai.operation.name": "invoke_agent"}), "agent", 0, out)
        engine.ended(data(1, None), "root", 0, out)
        assert [(2000, 22000)] == [(rollup.num_model_events, rollup.total_tokens) for rollup in rollups(engine, out)]

    def test_duplicates_fall_out(self) -> None:
        """Calls that another teller took over fall out of a full window without being counted."""
        engine, out = new()
        engine.started(1, 1, None, out)
        for number in range(600):
            scope = "ab"[number % 2]
            times = {"start_ns": 100 * (number // 2), "end_ns": 100 * (number // 2) + 50}
            engine.ended(data(number + 2, 1, CHAT, scope_name=scope, **times), "call", 0, out)
        engine.ended(data(1, None), "root", 0, out)
        assert [(300, 3300)] == [(rollup.num_model_events, rollup.total_tokens) for rollup in rollups(engine, out)]

    def test_search_is_given_up(self) -> None:
        """Calls that ended long before are not looked at, however many scopes there are."""
        engine, out = new()
        engine.started(1, 1, None, out)
        for number in range(60):
            attributes = {**CHAT, "gen_ai.usage.input_tokens": number}
            times = {"start_ns": 100 * number, "end_ns": 100 * number + 50}
            engine.ended(data(number + 2, 1, attributes, scope_name="ab"[number % 2], **times), "call", 0, out)
        engine.ended(data(1, None), "root", 0, out)
        assert [60] == [rollup.num_model_events for rollup in rollups(engine, out)]


class TestParked:
    """Open roots beyond the bound."""

    def test_span_below(self) -> None:
        """A span that ends below a parked root leaves, is counted, and is in no totals; the root has what it had."""
        engine = Engine(Settings(max_open_roots=1), reading.read, price, Deadlines())
        out: list[object] = []
        engine.started(1, 1, None, out)
        engine.ended(data(2, 1, CHAT), "before", 0, out)
        engine.started(2, 1, None, out)
        engine.ended(data(3, 1, CHAT), "after", 0, out)
        assert ["before", "after"] == out
        assert {OPEN_ROOTS: 1} == engine.ignored
        engine.ended(data(1, None), "root", 0, out)
        assert [(1, 11)] == [(rollup.num_events, rollup.total_tokens) for rollup in rollups(engine, out)]
        assert {OPEN_ROOTS: 1} == +engine.released


class TestDrain:
    """What leaves at once, on request."""

    @pytest.mark.parametrize("reason", ["flush", "shutdown"])
    def test_ended(self, reason: str) -> None:
        """Roots that ended leave, the first to end first; those that are open stay, and are not even looked at."""
        engine, out = new()
        for trace_id in (1, 2, 3, 4):
            engine.started(trace_id, 1, None, out)
            engine.started(trace_id, 2, 1, out)
        for trace_id in (3, 1, 4):
            engine.ended(data(1, None, trace_id=trace_id), "root", 0, out)
        engine.ended(data(2, 1, trace_id=4), "child", 0, out)
        assert [3, 1] == [trace.trace_id for trace in engine.roots.waiting]
        out.clear()
        engine.drain(reason, out)
        assert [3, 1] == [item.trace.trace_id for item in out if isinstance(item, Released)]
        assert (1, {}) == (engine.open, engine.roots.waiting)
        assert {"complete": 1, reason: 2} == engine.released

    @pytest.mark.parametrize(("reason", "released"), [("flush", {}), ("shutdown", {"no_root": 1})])
    def test_unknown_root(self, reason: str, released: dict[str, int]) -> None:
        """A trace whose root is not known leaves at shutdown, and is open again once its root has begun."""
        engine, out = new()
        for trace_id in (1, 2):
            engine.ended(data(2, 1, trace_id=trace_id), "child", 0, out)
        engine.started(2, 1, None, out)
        engine.drain(reason, out)
        assert (released, 2 - len(released)) == (engine.released, engine.open)

    def test_parked(self) -> None:
        """A root that was parked and has ended leaves, too."""
        engine, out = Engine(Settings(max_open_roots=1), reading.read, price, Deadlines()), list[object]()
        engine.started(1, 1, None, out)
        engine.started(1, 2, 1, out)
        engine.started(2, 1, None, out)
        engine.ended(data(1, None), "root", 0, out)
        engine.drain("flush", out)
        assert [1] == [item.trace.trace_id for item in out if isinstance(item, Released)]
        assert (1, {}) == (engine.open, engine.roots.waiting)


class TestTwice:
    """Spans that end twice."""

    def test_root_that_waits(self) -> None:
        """A root that ends again while it waits leaves once with its totals, and once as it came."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, 1, out)
        engine.ended(data(1, None), "root", 0, out)
        engine.ended(data(1, None), "again", 0, out)
        assert ["again"] == out
        assert {DUPLICATE: 1} == engine.ignored
        engine.ended(data(2, 1, CHAT), "child", 0, out)
        assert [11] == [rollup.total_tokens for rollup in rollups(engine, out)]


class TestModels:
    """Models named on a root."""

    def test_bound(self) -> None:
        """However many are used, a bounded number is kept."""
        engine, out = new()
        engine.started(1, 1, None, out)
        for number in range(1000):
            engine.ended(data(number + 2, 1, {**CHAT, "gen_ai.request.model": f"m{number:04}"}), "call", 0, out)
        engine.ended(data(1, None), "root", 0, out)
        [rollup] = rollups(engine, out)
        assert MAX_MODELS == len(rollup.models)
        assert 1000 == rollup.num_model_events


class TestSessions:
    """Which session id a root gets."""

    def test_conflict(self) -> None:
        """The earliest wins, and others are counted."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.ended(data(2, 1, {"session.id": "late"}, start_ns=7), "a", 0, out)
        engine.ended(data(3, 1, {"session.id": "early"}, start_ns=5), "b", 0, out)
        engine.ended(data(1, None), "root", 0, out)
        [rollup] = rollups(engine, out)
        assert rollup.session is not None
        assert "early" == rollup.session.value
        assert {"session_id_conflict": 1} == engine.unread

    def test_forgotten_with_something_open(self) -> None:
        """A root that left with a span open is in its session as long as it is remembered, and no longer."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, 1, out)
        engine.started(1, 3, 1, out)
        engine.ended(data(3, 1, {"session.id": "s"}), "child", 0, out)
        engine.ended(data(1, None), "root", 0, out)
        assert 1 == engine.traces_by_session.number("s")
        engine.drain("shutdown", out)
        assert (1, ["s"]) == (engine.traces_by_session.number("s"), engine.traces_by_session.names())
        for trace_id in range(2, MAX_REMEMBERED + 2):
            engine.started(trace_id, 1, None, out)
            engine.started(trace_id, 2, 1, out)
            engine.ended(data(1, None, trace_id=trace_id), "root", 0, out)
            engine.drain("flush", out)
        assert (0, []) == (engine.traces_by_session.number("s"), engine.traces_by_session.names())

    def test_complete_are_forgotten_first(self) -> None:
        """Roots that left with all that had begun make no room by forgetting those that late spans are to come of."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.started(1, 2, 1, out)
        engine.ended(data(1, None), "root", 0, out)
        engine.drain("flush", out)
        for trace_id in range(2, MAX_COMPLETE + 3):
            engine.started(trace_id, 1, None, out)
            engine.ended(data(1, None, trace_id=trace_id), "root", 0, out)
        found = [engine.roots.find(trace_id, 1) for trace_id in (1, 2, 3, MAX_COMPLETE + 2)]
        assert [1, None, MAX_COMPLETE + 2] == [trace and trace.trace_id for trace in (found[0], found[1], found[3])]
        engine.ended(data(2, 1, CHAT), "late", 0, out)
        assert (1, 0) == (engine.late, engine.open)

    def test_without_starts_nothing_is_known_to_be_complete(self) -> None:
        """Where only ends are seen, spans may be open below any root that left: a late one finds it as long as any other."""
        engine, out = new(rootless_seconds=60.0)
        for trace_id in range(1, MAX_COMPLETE + 3):
            engine.started(trace_id, 1, None, out)
            engine.ended(data(1, None, trace_id=trace_id), "root", 0, out)
        engine.ended(data(2, 1, CHAT), "late", 0, out)
        assert (1, 0) == (engine.late, engine.open)

    def test_dropped(self) -> None:
        """Of roots that are too many and still open nothing is kept at last; they are in no session any more."""
        engine, out = Engine(Settings(max_open_roots=1), reading.read, price, Deadlines()), list[object]()
        for trace_id in (1, 2):
            engine.started(trace_id, 1, None, out)
            engine.ended(data(2, 1, {"session.id": "s"}, trace_id=trace_id), "child", 0, out)
        assert 2 == engine.traces_by_session.number("s")
        engine.started(3, 1, None, out)
        assert ({"discarded": 1}, [2]) == (+engine.released, [trace.trace_id for trace in engine.traces_by_session.of("s")])

    def test_sessions_of_forgotten_roots(self) -> None:
        """Nothing is kept of sessions whose roots were forgotten, however many there were."""
        engine, out = new()
        for trace_id in range(1, 3000):
            engine.started(trace_id, 1, None, out)
            engine.ended(data(2, 1, {"session.id": f"s-{trace_id}"}, trace_id=trace_id), "child", 0, out)
            engine.fault(data(1, None, trace_id=trace_id))
            assert len(engine.traces_by_session._traces) <= traces_by_session._MIN_SWEEP
        assert [] == engine.traces_by_session.names()


class TestRootsOwn:
    """What the root itself says."""

    def test_output_and_error(self) -> None:
        """Its output and error are written when no event has any."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.ended(data(1, None, {"output.value": "bye"}, failed=True, status_description="no"), "root", 0, out)
        [root] = out
        assert isinstance(root, Released)
        rollup = engine.totals.rollup(root.trace)
        assert rollup.output is not None
        assert rollup.error is not None
        assert ("bye", "no", 0) == (rollup.output.value, rollup.error.value, rollup.num_errors)

    def test_events_come_first(self) -> None:
        """An event's output and error win over the root's, which mostly repeat them."""
        engine, out = new()
        engine.started(1, 1, None, out)
        engine.ended(data(2, 1, {"output.value": "hi"}, failed=True, status_description="bad"), "child", 0, out)
        engine.ended(data(1, None, {"output.value": "bye"}, failed=True, status_description="no"), "root", 0, out)
        root = out[1]
        assert isinstance(root, Released)
        rollup = engine.totals.rollup(root.trace)
        assert rollup.output is not None
        assert rollup.error is not None
        assert ("hi", "bad", 1) == (rollup.output.value, rollup.error.value, rollup.num_errors)
