"""What this process knows of one session.

A `Session` belongs to a `SessionLifecycle` and is changed under the lock of its processor only.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg._collections.deadlines import Deadline
from otel_session_agg._model.dimensions import Dimension, merged_dimensions
from otel_session_agg._model.growing_totals import GrowingTotals
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.encoding import SessionTotalsEncoder


class Session:
    """One session: this process's totals of it, those of other processes, and when it ends."""

    __slots__ = (
        "active_seconds",
        "began_seconds",
        "changed",
        "deadline",
        "duplicated",
        "encoder",
        "end_reason",
        "ending",
        "grown",
        "inherited",
        "published_seconds",
        "remote_totals",
        "revision",
        "seq",
        "session_id",
        "unwritten_since",
        "writer",
    )

    def __init__(self, session_id: str, writer: str, now: float) -> None:
        self.session_id = session_id
        self.writer = writer
        """Its slot in the store.  A session that was forgotten and comes back gets another one."""
        self.grown = GrowingTotals()
        """The totals of this processor's traces."""
        self.encoder: SessionTotalsEncoder | None = None
        """Encodes `grown`, once it is written; it keeps the parts that are encoded already."""
        self.duplicated: GrowingTotals | None = None
        """The part of `grown` that another processor of this process counts, too."""
        self.inherited: SessionTotals | None = None
        """Shares of processors of this process that were shut down."""
        self.remote_totals: SessionTotals | None = None
        """The totals of other processes, as last read from the store."""
        self.seq = 0
        """Sequence number of the last write of the slot."""
        self.changed = False
        """Whether something is new since the last record."""
        self.ending: str | None = None
        """Why the session is to end as soon as nothing of it is open; ``None``: it is not."""
        self.end_reason: str | None = None
        """Why the session has ended; ``None``: it has not."""
        self.revision = 0
        """Number of records made so far."""
        self.deadline: Deadline[str] | None = None
        """When the session is next checked for its end."""
        self.began_seconds = self.active_seconds = now
        """When it began (or came back) and when something last happened in it, monotonic."""
        self.published_seconds = float("-inf")
        """When it was last written to the store, monotonic."""
        self.unwritten_since: float | None = None
        """Since when something new waits to be written, monotonic."""

    def cancel_deadline(self) -> None:
        """Do not check the session for its end any more."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    @property
    def own(self) -> SessionTotals:
        """The totals of this processor's traces, as a value."""
        return self.grown.totals

    @property
    def share(self) -> SessionTotals:
        """The part of the totals that no other processor of this process counts."""
        own = self.own
        if self.duplicated is not None:
            own = own.since(self.duplicated.totals)
        return own if self.inherited is None else own + self.inherited

    def growing(self) -> tuple[GrowingTotals, ...]:
        """Return the totals that a trace adds to which another processor counts, too."""
        self.duplicated = self.duplicated or GrowingTotals()
        return self.grown, self.duplicated

    @property
    def labels(self) -> SessionTotals | None:
        """Totals with the user and the metadata that are known here; ``None``: neither is."""
        if self.inherited is not None or self.remote_totals is not None:
            return self.totals
        grown = self.grown
        if grown.user is None and not grown.metadata:
            return None
        return SessionTotals(user=grown.user, metadata=grown.metadata)

    @property
    def dimensions(self) -> Mapping[str, Dimension]:
        """The dimensions that are known here."""
        found = self.grown.dimensions
        for others in (self.inherited, self.remote_totals):
            if others is not None and others.dimensions:
                found = merged_dimensions(found, others.dimensions)
        return found

    @property
    def totals(self) -> SessionTotals:
        """All that is known here: of this processor, those shut down, and other processes."""
        own = self.own if self.inherited is None else self.share
        return own if self.remote_totals is None else own + self.remote_totals
