"""What is to be done after something happened to a trace, and a root that may be exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import LACKS_FIGURES, LACKS_SESSION
from otel_session_agg._reading.dimensions import NONE, Values
from otel_session_agg._reasons import DROPPED
from otel_session_agg._sessions.session_delta import SessionDelta
from otel_session_agg._sharing.keys import SlotWrite
from otel_session_agg._trace.reported import Reported
from otel_session_agg._trace.trace import Trace

NO_LABELS = SessionTotals()
"""Neither a user nor metadata is known."""


class ReleasedRoot(NamedTuple):
    """A root that may be exported."""

    trace: Trace
    session_id: str | None
    """The session of the whole trace; ``None``: it has none."""
    rollup: Rollup | None
    """The totals to write on it; ``None``: export it unchanged."""
    why_partial: str | None
    """Why the totals are known to be incomplete; ``None``: they are not."""
    is_carried: bool = False
    """The root that begins the trace has these totals, too, when they are there in time."""
    is_exceeded: bool = False
    """Its session has used more than a budget."""
    labels: SessionTotals = NO_LABELS
    """The user and the metadata of its session."""
    dimensions: Values = NONE
    """What its session is grouped by."""


class Release(NamedTuple):
    """What is to be done after something happened to a trace."""

    deltas: Sequence[SessionDelta | None]
    """What its sessions get; ``None``: nothing."""
    ready: ReleasedRoot | None = None
    """The root that leaves."""
    writes: Sequence[SlotWrite] = ()
    """What other processes get, by the store."""
    asks_until: float | None = None
    """Until when the store is asked for other parts, monotonic seconds."""


def why_lacking(trace: Trace, rollup: Rollup) -> str | None:
    """Return why the totals of a trace may be incomplete although all of it has ended.

    ``None``: they are complete.
    """
    is_lost = (
        bool(trace.lacks & LACKS_SESSION)
        and trace.session_id is None
        and rollup.num_model_events + rollup.num_winners > 0
    )
    return DROPPED if is_lost or trace.lacks & LACKS_FIGURES else None


def reported_of(trace: Trace) -> Reported:
    """Return what sessions and stores know of a trace, to change it."""
    reported = trace.reported
    if reported is None:
        reported = trace.reported = Reported()
    return reported


def is_published_elsewhere(trace: Trace) -> bool:
    """Return whether another processor of this process writes a trace to the store."""
    return trace.reported is not None and trace.reported.has_other_publisher
