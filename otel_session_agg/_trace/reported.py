"""What the sessions and the store know of a trace.

It belongs to `_sessions/`, and only that room changes it.  A trace has none until its first report.
"""

from __future__ import annotations

from collections.abc import Collection

from otel_session_agg._model.rollup import Rollup


class Reported:
    """What was reported of one trace."""

    __slots__ = (
        "announced_to",
        "has_other_publisher",
        "is_carried",
        "is_double",
        "num_on_root",
        "num_published",
        "repeats_in",
        "session_id",
        "totals",
        "turn",
    )

    def __init__(self) -> None:
        self.totals: dict[str, Rollup] = {}
        """The totals that sessions have got so far, by session: only changes are reported."""
        self.announced_to: Collection[str] = ()
        """Ids of the sessions that know of the root."""
        self.session_id: str | None = None
        """The session of the whole trace, with its parts in other processes, once known."""
        self.num_on_root = 0
        """Number of events that its session knows to be in the totals on the root."""
        self.turn: Rollup | None = None
        """The totals of the turn that its session knows; ``None``: it is none, or not yet."""
        self.repeats_in: str | None = None
        """The session that knows that the trace only repeats calls of other traces."""
        self.num_published = 0
        """Number of times that it was written to a store."""
        self.is_carried = False
        """Whether the root above it has left with its totals."""
        self.is_double = False
        """Whether another processor of this process reports it, too, without a store."""
        self.has_other_publisher = False
        """Whether another processor of this process writes it to the store."""
