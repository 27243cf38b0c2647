"""What a process has of one session."""

from __future__ import annotations

from otel_session_agg._deadlines import Deadline
from otel_session_agg._session_codec import Words
from otel_session_agg._session_totals import GrowingTotals, SessionTotals


class Session:
    """One session, as far as this process is in it."""

    __slots__ = (
        "active_seconds", "born_seconds", "changed", "deadline", "end_reason", "ending", "grown", "others", "published_seconds",
        "revision", "seq", "session_id", "words", "writer",
    )  # fmt: skip

    def __init__(self, session_id: str, writer: str, now: float) -> None:
        self.session_id = session_id
        self.writer = writer
        """Its slot in the store.  A session that was forgotten and comes back gets another one."""
        self.grown = GrowingTotals()
        """What this process has of it."""
        self.words = Words()
        """The same in bytes."""
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

    @property
    def own(self) -> SessionTotals:
        """What this process has of it, as a value."""
        return self.grown.totals

    @property
    def totals(self) -> SessionTotals:
        """All that is known of it here."""
        return self.own if self.others is None else self.own + self.others
