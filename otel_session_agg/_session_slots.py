"""What stands below the keys of sessions in a store, read: the totals of all processes, the last record, and what is open.

Sessions are ``s:<session id>``, with one slot per process.  How many ``session()`` blocks a process is in stands beside that, at
``o:<session id>``: saying so is nothing new in the session, so it neither goes on by that nor is recorded again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import add
from typing import NamedTuple

from otel_session_agg._rollup import Rollup
from otel_session_agg._session_codec import Recorded, decode, decode_recorded, encode
from otel_session_agg._session_totals import SessionTotals
from otel_session_agg._session_values import MalformedError
from otel_session_agg._store import SessionStore, Slot, Stored

RECORD = "record"
"""Writer of the slot that belongs to nobody's process: the last record of a session."""

SESSION = "s:"
"""Begins the keys of sessions."""

OPEN = "o:"
"""Begins the keys of what is open in sessions, and for those that budgets are over."""

ACCOUNT = "b:"
"""Begins the keys of accounts, which budgets over anything else than a session have."""

_NOTHING_OPEN = b"0"


class Others(NamedTuple):
    """What other processes have of a session."""

    session_id: str
    totals: SessionTotals


class Spent(NamedTuple):
    """What other processes have of an account."""

    account: str
    rollup: Rollup


def open_slot(name: str, process: str, seq: int, num_blocks: int) -> Slot:
    """How many ``session()`` blocks of a session, or of an owner of accounts, a process is in."""
    return Slot(OPEN + name, process, seq, str(num_blocks).encode())


def account_slot(name: str, writer: str, seq: int, rollup: Rollup) -> Slot:
    """A process' part of an account."""
    return Slot(ACCOUNT + name, writer, seq, encode(SessionTotals(rollup)))


class SessionSlots:
    """Reads them; any call may raise what the store raises."""

    def __init__(self, store: SessionStore, counts: Counter[str]) -> None:
        """``counts``: ``malformed`` slots, which are skipped."""
        self._store = store
        self._counts = counts

    def others(self, watched: Mapping[str, str], seen: dict[str, int]) -> list[Others]:
        """What others have of sessions, as far as it is new; ``watched``: our own writer by session."""
        found: list[Others] = []
        names = list(watched)
        for session_id, stored in zip(names, self._store.get([SESSION + name for name in names]), strict=True):
            if stored.version != seen.get(session_id):
                seen[session_id] = stored.version
                found.append(Others(session_id, self.sum(stored, without=watched[session_id])))
        return found

    def others_and_open(self, session_id: str, writer: str, ours: frozenset[str]) -> tuple[Others, dict[str, bytes]]:
        """What others have of a session, and slots of theirs in which something is open.

        Args:
            session_id: The session.
            writer: Our own writer.
            ours: Names of this process, by which what is open here is told from what is open elsewhere.

        """
        is_open = self._open(session_id, ours)  # first: what was open a moment ago may be in the totals by now
        [stored] = self._store.get([SESSION + session_id])
        totals = SessionTotals()
        for name, part in self._decoded(stored):
            if name != writer:
                totals += part
                if part.num_open and name.partition(".")[0] not in ours:
                    is_open[name] = stored.slots[name]
        return Others(session_id, totals), is_open

    def _open(self, name: str, ours: frozenset[str]) -> dict[str, bytes]:
        [blocks] = self._store.get([OPEN + name])
        return {process: value for process, value in blocks.slots.items() if process not in ours and value != _NOTHING_OPEN}

    def spent(self, watched: Mapping[str, str], seen: dict[str, int]) -> list[Spent]:
        """What others have of accounts, as far as it is new; ``watched``: our own writer by account."""
        found: list[Spent] = []
        names = list(watched)
        for name, stored in zip(names, self._store.get([ACCOUNT + name for name in names]), strict=True):
            if stored.version != seen.get(name):  # 0 when there is nothing, which is news the first time
                seen[name] = stored.version
                found.append(Spent(name, self.sum(stored, without=watched[name]).rollup))
        return found

    def spent_and_open(self, name: str, writer: str, whose: str, ours: frozenset[str]) -> tuple[Spent, dict[str, bytes]]:
        """What others have of an account, and slots of theirs in which something of its owner is open; as ``others_and_open``."""
        is_open = self._open(whose, ours)
        [spent] = self.spent({name: writer}, {})
        return spent, is_open

    def sum(self, stored: Stored, without: str = RECORD) -> SessionTotals:
        """The totals of all writers but one."""
        return reduce(add, (part for writer, part in self._decoded(stored) if writer != without), SessionTotals())

    def _decoded(self, stored: Stored) -> Iterator[tuple[str, SessionTotals]]:
        for writer, value in stored.slots.items():
            if writer != RECORD:
                try:
                    yield writer, decode(value)
                except MalformedError:
                    self._counts["malformed"] += 1

    def recorded(self, stored: Stored) -> Recorded | None:
        """The last record of a session; ``None`` before the first."""
        if RECORD not in stored.slots:
            return None
        try:
            return decode_recorded(stored.slots[RECORD])
        except MalformedError:
            self._counts["malformed"] += 1
            return None
