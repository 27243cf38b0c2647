"""What sessions get of a trace, by values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg import Rollup
from otel_session_agg._model.session_totals import Member
from otel_session_agg._sessions.session_delta import Gain, NewRoot, OnRoot, SessionDelta, take_delta
from otel_session_agg._spans.received import span_data
from otel_session_agg._trace.reported import Reported
from otel_session_agg._trace.trace import Trace
from otel_session_agg.testing import make_span


def root(**changes: Any) -> Trace:
    """A trace whose root has ended."""
    trace = Trace(7, 1)
    trace.root_span = span_data(make_span("request", trace_id=7, span_id=1, start_ns=100, end_ns=300))._replace(**changes)
    return trace


def taken(trace: Trace, own_id: str | None, rollups: Mapping[Any, Rollup], **more: Any) -> list[Gain]:
    """What the sessions of a trace get; there has to be something."""
    delta = take_delta(trace, own_id, rollups, **more)
    assert delta is not None
    return delta.gains


class TestTakeDelta:
    """What is new since the last time."""

    def test_without_session(self) -> None:
        """A trace without a session gives nothing, and nothing is kept of it."""
        trace = root()
        assert take_delta(trace, None, {None: Rollup(num_events=1)}, has_left=True) is None
        assert trace.reported is None

    def test_twice(self) -> None:
        """The second time there is nothing new."""
        trace, rollups = root(), {"s": Rollup(num_events=2)}
        assert [Gain("s", Rollup(num_events=2))] == taken(trace, "s", rollups)
        assert [Gain("s")] == taken(trace, "s", rollups)

    def test_more(self) -> None:
        """Of totals that have grown the session gets the difference."""
        trace = root()
        taken(trace, "s", {"s": Rollup(num_events=2, total_tokens=5)})
        assert [Gain("s", Rollup(num_events=1, total_tokens=2))] == taken(trace, "s", {"s": Rollup(num_events=3, total_tokens=7)})

    def test_moves(self) -> None:
        """What turns out to belong to another session is taken from the first one."""
        trace = root()
        taken(trace, "a", {"a": Rollup(num_events=2)})
        gains = taken(trace, "b", {"b": Rollup(num_events=2)})
        assert {"a": -2, "b": 2} == {gain.session_id: gain.rollup.num_events for gain in gains if gain.rollup is not None}

    def test_root(self) -> None:
        """The session of the trace gets its root once; another one the time that the trace was in it."""
        trace = root()
        rollups = {"s": Rollup(num_events=1), "t": Rollup(num_events=1, start_ns=150, end_ns=200)}
        roots = {gain.session_id: gain.root for gain in taken(trace, "s", rollups, has_left=True)}
        own = NewRoot(Member(100, 7, 1), 300, is_part=False)
        assert {"s": own, "t": NewRoot(Member(150, 7, 1), 200, is_part=True)} == roots
        assert [None, None] == [gain.root for gain in taken(trace, "s", rollups, has_left=True)]

    def test_late(self) -> None:
        """A session that only a late span names gets what is new first, and the root the next time."""
        trace = root()
        taken(trace, "s", {"s": Rollup(num_events=1)}, has_left=True)
        rollups = {"s": Rollup(num_events=1), "t": Rollup(num_events=1)}
        assert [None, None] == [gain.root for gain in taken(trace, "s", rollups, has_left=True, is_late=True)]
        roots = [gain.session_id for gain in taken(trace, "s", rollups, has_left=True, is_late=True) if gain.root is not None]
        assert ["t"] == roots

    def test_on_root(self) -> None:
        """The session learns how many more events are in the totals on its root; of a root that is not exported, nothing."""
        trace, rollups = root(), {"s": Rollup(num_events=3)}
        assert OnRoot(3, has_feedback=False) == taken(trace, "s", rollups, on_root=Rollup(num_events=3))[0].on_root
        assert (
            OnRoot(1, has_feedback=True) == taken(trace, "s", rollups, on_root=Rollup(num_events=4, has_feedback=True))[0].on_root
        )
        trace.is_sampled = False
        assert taken(trace, "s", rollups, on_root=Rollup(num_events=9))[0].on_root is None

    def test_other_publisher(self) -> None:
        """What another processor reports is not reported twice."""
        trace = root()
        trace.reported = Reported()
        trace.reported.has_other_publisher = True
        assert take_delta(trace, "s", {"s": Rollup(num_events=1)}) is None

    def test_double(self) -> None:
        """A delta says that another processor counts the trace, too."""
        trace = root()
        trace.reported = Reported()
        trace.reported.is_double = True
        assert SessionDelta(trace, [Gain("s")], is_double=True) == take_delta(trace, "s", {})
