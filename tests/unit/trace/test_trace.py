"""The states of a trace, and the steps between them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from otel_session_agg._model.span import Kind, Reading
from otel_session_agg._trace.trace import CLOSED, ENDED, FOLDED, LEFT, OPEN, PARKED, Trace
from tests.unit.trace.test_engine import data

STEPS: dict[str, tuple[Callable[[Trace], None], int]] = {
    "park": (Trace.park, PARKED),
    "end": (lambda trace: trace.end(data(1, None), Reading(Kind.SPAN), "payload"), ENDED),
    "leave": (Trace.leave, LEFT),
    "fold": (Trace.fold, FOLDED),
    "close": (Trace.close, CLOSED),
}
ALLOWED = {
    OPEN: {"park", "end", "leave"},
    PARKED: {"end"},
    ENDED: {"leave"},
    LEFT: {"fold"},
    FOLDED: {"close"},
    CLOSED: set[str](),
}


class TestStates:
    """The table at the head of the module."""

    @pytest.mark.parametrize("state", ALLOWED)
    @pytest.mark.parametrize("step", STEPS)
    def test_step(self, state: int, step: str) -> None:
        """A step that the table has leads to the next state; any other raises and changes nothing."""
        trace = Trace(1, 1)
        trace.state = state
        take, following = STEPS[step]
        if step in ALLOWED[state]:
            take(trace)
            assert following == trace.state
        else:
            with pytest.raises(RuntimeError, match=r"a trace that is \w+ cannot become \w+"):
                take(trace)
            assert (state, None, None) == (trace.state, trace.root_span, trace.payload)

    def test_order(self) -> None:
        """States are in the order in which a trace passes through them."""
        assert sorted(ALLOWED) == [OPEN, PARKED, ENDED, LEFT, FOLDED, CLOSED]

    def test_no_root(self) -> None:
        """A trace that leaves without a root has the span in its place that began first."""
        trace = Trace(1, None)
        for span_id, start_ns in ((2, 20), (3, 10), (4, 30)):
            trace.note_first(data(span_id, 9, start_ns=start_ns, end_ns=40))
        trace.leave()
        assert (3, True, False) == (trace.root_id, trace.has_left, trace.state >= FOLDED)
