"""What a process has of one session."""

from __future__ import annotations

from dataclasses import replace

from otel_session_agg._deadlines import Deadline
from otel_session_agg._model.session_totals import GrowingTotals, SessionTotals
from otel_session_agg._sharing.encoding import SessionTotalsEncoder


class Session:
    """One session, as far as this process is in it."""

    __slots__ = (
        "active_seconds",
        "born_seconds",
        "changed",
        "deadline",
        "doubled",
        "end_reason",
        "ending",
        "grown",
        "inherited",
        "others",
        "published_seconds",
        "revision",
        "seq",
        "session_id",
        "waits_since",
        "words",
        "writer",
    )  # fmt: skip

    def __init__(self, session_id: str, writer: str, now: float) -> None:
        self.session_id = session_id
        self.writer = writer
        """Its slot in the store.  A session that was forgotten and comes back gets another one."""
        self.grown = GrowingTotals()
        """What this process has of it."""
        self.words = SessionTotalsEncoder()
        """The same in bytes."""
        self.doubled: GrowingTotals | None = None
        """The part of it that another processor of this process tells, too."""
        self.inherited: SessionTotals | None = None
        """What processors of this process had of it that were shut down."""
        self.others: SessionTotals | None = None
        """What other processes have, as far as it was read."""
        self.seq = 0
        """Of the slot as it was written last."""
        self.changed = False
        """Something is new since the last record."""
        self.ending: str | None = None
        """Why it is to end as soon as nothing is open."""
        self.end_reason: str | None = None
        """Why it has ended."""
        self.revision = 0
        self.deadline: Deadline[str] | None = None
        """When it is looked at next."""
        self.born_seconds = self.active_seconds = now
        self.published_seconds = float("-inf")
        self.waits_since: float | None = None
        """Since when something new waits to be written."""

    def look_no_more(self) -> None:
        """It need not be looked at any more."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    @property
    def own(self) -> SessionTotals:
        """What this process has of it, as a value."""
        return self.grown.totals

    @property
    def share(self) -> SessionTotals:
        """What nobody else in this process has of it."""
        own = self.own if self.doubled is None else _without(self.own, self.doubled.totals)
        return own if self.inherited is None else own + self.inherited

    def growing(self, *, is_double: bool) -> tuple[GrowingTotals, ...]:
        """What grows with a trace; ``is_double``: another processor of this process tells it, too."""
        if not is_double:
            return (self.grown,)
        self.doubled = self.doubled or GrowingTotals()
        return self.grown, self.doubled

    @property
    def totals(self) -> SessionTotals:
        """All that is known of it here."""
        own = self.own if self.inherited is None else self.share
        return own if self.others is None else own + self.others


def _without(totals: SessionTotals, part: SessionTotals) -> SessionTotals:
    """Totals less those of some of their roots, as far as they are sums."""
    less = {name: getattr(totals, name) - getattr(part, name) for name in _SUMS}
    return replace(totals, rollup=totals.rollup.since(part.rollup), **less)


_SUMS = (
    "more_traces",
    "num_roots",
    "root_ns",
    "num_parts",
    "part_ns",
    "root_events",
    "num_unsampled",
)
