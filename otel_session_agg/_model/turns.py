"""Turns of a session: the traces that begin in it, and what the dearest of them has used.

A trace whose calls all count in other traces is no turn: where no span of the application is above
a call, each instrumentation may report it in a trace of its own.
"""

from __future__ import annotations

from typing import NamedTuple

from otel_session_agg._model.merges import Rule
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._untrusted.values import PUSD_PER_USD


class Turn(NamedTuple):
    """One turn: a trace that begins in the session."""

    cost_pusd: int
    """Known cost, picodollars."""
    trace_id: int
    total_tokens: int | None
    """``None`` when no call states it."""

    @property
    def cost_usd(self) -> float:
        """Known cost, USD."""
        return self.cost_pusd / PUSD_PER_USD


def turn_of(trace_id: int, rollup: Rollup) -> Turn | None:
    """Return a trace with these totals as a turn; ``None`` when nothing of its cost is known."""
    if not rollup.num_computed and not rollup.num_recorded:
        return None
    return Turn(rollup.cost_pusd, trace_id, rollup.total_tokens)


def has_calls(rollup: Rollup) -> bool:
    """Return whether a call counts in totals."""
    return bool(
        rollup.num_model_events
        or rollup.num_computed
        or rollup.num_recorded
        or rollup.num_unpriced_events
        or rollup.total_tokens
    )


def dearest(a: Turn | None, b: Turn | None) -> Turn | None:
    """Return the turn that costs more; of equal ones that with the larger trace id."""
    if a is None or b is None:
        return b if a is None else a
    return max(a, b, key=_rank)


def _rank(turn: Turn) -> tuple[int, int, int]:
    tokens = -1 if turn.total_tokens is None else turn.total_tokens
    return turn.cost_pusd, turn.trace_id, tokens


DEAREST = Rule("dearest", dearest)
"""The turn that costs more; late spans of a turn correct it upwards."""
