"""What stands below the keys of sessions in a store, read: the totals of all processes, the last record, and what is open.

Sessions are ``s:<session id>``, with one slot per process.  How many ``session()`` blocks a process is in stands beside that, at
``o:<session id>``: saying so is nothing new in the session, so it neither goes on by that nor is recorded again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import add
from typing import NamedTuple

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.decoding import MalformedError
from otel_session_agg._sharing.encoding import decode, decode_recorded, encode
from otel_session_agg._sharing.parts import Recorded
from otel_session_agg.stores.base import LeftOut, SessionStore, Slot, Stored

RECORD = "record"
"""Writer of the slot that belongs to nobody's process: the last record of a session."""

EVICTED = "evicted"
"""Writer of the slot that says that a session was gone from the store before: what others had written may be missing.

For versions that do not know that, it is a part with something open.
"""

NOBODYS = frozenset({RECORD, EVICTED})
"""Writers of slots that are no parts of sessions."""

SESSION = "s:"
"""Begins the keys of sessions."""

OPEN = "o:"
"""Begins the keys of what is open in sessions, and for those that budgets are over."""

ACCOUNT = "b:"
"""Begins the keys of accounts, which budgets over anything else than a session have."""

_NOTHING_OPEN = b"0"
_NUMBER = re.compile(rb"[0-9]{1,19}")


class RemoteTotals(NamedTuple):
    """What other processes have of a session."""

    session_id: str
    totals: SessionTotals


class Spent(NamedTuple):
    """What other processes have of an account."""

    account: str
    rollup: Rollup


class Gone(NamedTuple):
    """What a store has lost."""

    keys: frozenset[str] | None
    """``None``: perhaps all of them."""
    marks: list[Slot]
    """What says so in the store."""


def open_slot(name: str, process: str, seq: int, num_blocks: int) -> Slot:
    """How many ``session()`` blocks of a session, or of an owner of accounts, a process is in."""
    return Slot(OPEN + name, process, seq, str(num_blocks).encode())


def account_slot(name: str, writer: str, seq: int, rollup: Rollup) -> Slot:
    """A process' part of an account: what it comes to, without texts."""
    return Slot(ACCOUNT + name, writer, seq, encode(SessionTotals(rollup), texts=False))


class SessionSlots:
    """Reads them; any call may raise what the store raises."""

    def __init__(self, store: SessionStore, counts: Counter[str]) -> None:
        """``counts``: ``malformed`` slots, which are skipped."""
        self._store = store
        self._counts = counts
        self._left_out = LeftOut()

    def malformed(self, key: str, writer: str) -> None:
        """Count a slot that cannot be read, and remember its name."""
        self._counts["malformed"] += 1
        self._left_out.note(f"{key}: {writer}")

    def left_out(self) -> list[str]:
        """Names of what could not be read since the last call; what the store itself left out is counted."""
        _, names = self._left_out.take()
        in_store: LeftOut | None = getattr(self._store, "left_out", None)
        if in_store is not None:
            number, more = in_store.take()
            self._counts["malformed"] += number
            names += more
        return names

    def gone(self) -> Gone | None:
        """What was written and may be gone from the store by now; ``None``: nothing."""
        keys = [key for key in self.evicted if key.startswith(SESSION)]
        marks = [Slot(key, EVICTED, 1, encode(SessionTotals(num_open=1))) for key in keys]
        self.evicted.clear()
        if self._store.lost_sight():
            return Gone(None, marks)
        return Gone(frozenset(keys), marks) if keys else None

    def others(self, watched: Mapping[str, str], seen: dict[str, int]) -> list[RemoteTotals]:
        """What others have of sessions, as far as it is new; ``watched``: our own writer by session; ``seen``: versions of these."""
        found: list[RemoteTotals] = []
        _forget(seen, watched)
        names = list(watched)
        for session_id, stored in zip(
            names, self._store.get([SESSION + name for name in names]), strict=True
        ):
            if stored.version != seen.get(session_id):
                seen[session_id] = stored.version
                found.append(
                    RemoteTotals(
                        session_id,
                        self.sum(SESSION + session_id, stored, without=watched[session_id]),
                    )
                )
        return found

    def others_and_open(
        self, session_id: str, writer: str, ours: frozenset[str]
    ) -> tuple[RemoteTotals, dict[str, bytes]]:
        """What others have of a session, and slots of theirs in which something is open.

        Args:
            session_id: The session.
            writer: Our own writer.
            ours: Names of this process, by which what is open here is told from what is open elsewhere.

        """
        is_open = self._open(
            session_id, ours
        )  # first: what was open a moment ago may be in the totals by now
        [stored] = self._store.get([SESSION + session_id])
        totals = SessionTotals()
        for name, part in self._decoded(SESSION + session_id, stored):
            if name != writer:
                totals += part
                if part.num_open and name.partition(".")[0] not in ours:
                    is_open[name] = stored.slots[name]
        return RemoteTotals(session_id, totals), is_open

    def _open(self, name: str, ours: frozenset[str]) -> dict[str, bytes]:
        [blocks] = self._store.get([OPEN + name])
        is_open = {
            process: value
            for process, value in blocks.slots.items()
            if process not in ours and value != _NOTHING_OPEN
        }
        for process in [
            process for process, value in is_open.items() if not _NUMBER.fullmatch(value)
        ]:
            self.malformed(OPEN + name, process)
            del is_open[process]
        return is_open

    def spent(self, watched: Mapping[str, str], seen: dict[str, int]) -> list[Spent]:
        """What others have of accounts, as far as it is new; ``watched``: our own writer by account."""
        found: list[Spent] = []
        _forget(seen, watched)
        names = list(watched)
        for name, stored in zip(
            names, self._store.get([ACCOUNT + name for name in names]), strict=True
        ):
            if stored.version != seen.get(
                name
            ):  # 0 when there is nothing, which is news the first time
                seen[name] = stored.version
                found.append(
                    Spent(name, self.sum(ACCOUNT + name, stored, without=watched[name]).rollup)
                )
        return found

    def spent_and_open(
        self, name: str, writer: str, whose: str, ours: frozenset[str]
    ) -> tuple[Spent, dict[str, bytes]]:
        """What others have of an account, and slots of theirs in which something of its owner is open; as ``others_and_open``."""
        is_open = self._open(whose, ours)
        [spent] = self.spent({name: writer}, {})
        return spent, is_open

    def sum(self, key: str, stored: Stored, without: str = RECORD) -> SessionTotals:
        """The totals of all writers but one."""
        return reduce(
            add,
            (part for writer, part in self._decoded(key, stored) if writer != without),
            SessionTotals(),
        )

    def sum_and_unread(self, key: str, stored: Stored) -> tuple[SessionTotals, bool]:
        """The totals of all writers, and whether something of theirs cannot be read."""
        parts = [part for _, part in self._decoded(key, stored)]
        is_unread = bool(stored.malformed) or len(parts) < len(stored.slots.keys() - NOBODYS)
        return reduce(add, parts, SessionTotals()), is_unread

    @property
    def evicted(self) -> dict[str, None]:
        """Keys that are gone from the store before their time; whoever writes them again takes them from here."""
        evicted: dict[str, None] | None = getattr(self._store, "evicted", None)
        return {} if evicted is None else evicted

    def _decoded(self, key: str, stored: Stored) -> Iterator[tuple[str, SessionTotals]]:
        for writer, value in stored.slots.items():
            if writer not in NOBODYS:
                try:
                    yield writer, decode(value)
                except MalformedError:
                    self.malformed(key, writer)

    def recorded(self, key: str, stored: Stored) -> Recorded | None:
        """The last record of a session; ``None`` before the first."""
        if RECORD not in stored.slots:
            return None
        try:
            return decode_recorded(stored.slots[RECORD])
        except MalformedError:
            self.malformed(key, RECORD)
            return None


def _forget(seen: dict[str, int], watched: Mapping[str, str]) -> None:
    """Forget versions of what is not watched any more."""
    for name in seen.keys() - watched.keys():
        del seen[name]
