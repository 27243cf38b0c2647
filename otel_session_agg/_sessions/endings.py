"""Who ends sessions: this process, or the store for all processes.

Without a store, a session that ends here is recorded here.  With one, the store decides whether
it has ended for all processes, and one of them makes the record; what is forgotten here is there.
"""

from __future__ import annotations

from typing import Protocol

from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._sessions.session import Session


class Endings(Protocol):
    """What is done with sessions that have ended here."""

    records: list[SessionRecord]
    """Records that were made and not taken yet."""
    ends: list[tuple[str, str]]
    """Sessions that are to end in the store, and why; not taken yet."""
    are_here: bool
    """Whether sessions end in this process."""

    def ended(self, session: Session, reason: str, num_open: int, *, is_changed: bool) -> None:
        """End a session of which so many traces are open; ``is_changed``: since its last record."""
        ...

    def unknown(self, session_id: str, reason: str) -> None:
        """End a session that is not in memory."""
        ...


class EndsHere:
    """Sessions end in this process, and their records are made here."""

    are_here = True

    def __init__(self) -> None:
        self.records: list[SessionRecord] = []
        self.ends: list[tuple[str, str]] = []

    def ended(self, session: Session, reason: str, num_open: int, *, is_changed: bool) -> None:
        """Make the record of a session, if there is anything new in it."""
        if is_changed:
            session.revision += 1
            session.grown.set_open(num_open)
            self.records.append(
                SessionRecord(session.session_id, session.revision, reason, session.totals)
            )

    def unknown(self, session_id: str, reason: str) -> None:
        """Do nothing: such a session has been recorded."""


class EndsInStore:
    """Sessions end in the store, which has what this process forgets."""

    are_here = False

    def __init__(self) -> None:
        self.records: list[SessionRecord] = []
        self.ends: list[tuple[str, str]] = []

    def ended(self, session: Session, reason: str, *_: object, **__: object) -> None:
        """End a session, also when nothing is new here: other processes may have more."""
        self.ends.append((session.session_id, reason))

    def unknown(self, session_id: str, reason: str) -> None:
        """End a session that other processes may know."""
        self.ends.append((session_id, reason))
