"""Read the totals, the last record and what is open of sessions and accounts from a store."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import add
from typing import NamedTuple

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.decoding import MalformedError, decode, decode_recorded
from otel_session_agg._sharing.encoding import encode
from otel_session_agg._sharing.keys import ACCOUNT, EVICTED, OPEN, RECORD, RESERVED_WRITERS, SESSION
from otel_session_agg._sharing.parts import Recorded
from otel_session_agg.stores.base import LeftOut, SessionStore, Slot, Stored

_NOTHING_OPEN = b"0"
_NUMBER = re.compile(rb"[0-9]{1,19}")


class RemoteTotals(NamedTuple):
    """The totals that other processes have of a session."""

    session_id: str
    totals: SessionTotals


class Spent(NamedTuple):
    """The totals that other processes have of an account."""

    account: str
    rollup: Rollup


class Gone(NamedTuple):
    """Keys that a store has lost."""

    keys: frozenset[str] | None
    """The keys; ``None``: perhaps all of them."""
    notices: list[Slot]
    """Slots that say in the store that they were lost, see `EVICTED`."""


class SessionSlots:
    """Reads slots below sessions and accounts; any call may raise what the store raises.

    Args:
        store: The store.
        counts: Where ``malformed`` slots, which are skipped, are counted.

    """

    def __init__(self, store: SessionStore, counts: Counter[str]) -> None:
        self._store = store
        self._counts = counts
        self._left_out = LeftOut()

    def note_malformed(self, key: str, writer: str) -> None:
        """Count a slot that cannot be read, and remember its name."""
        self._counts["malformed"] += 1
        self._left_out.note(f"{key}: {writer}")

    def left_out(self) -> list[str]:
        """Return names of slots that could not be read since the last call.

        Those that the store itself left out are counted by this call.
        """
        _, names = self._left_out.take()
        in_store: LeftOut | None = getattr(self._store, "left_out", None)
        if in_store is not None:
            number, more = in_store.take()
            self._counts["malformed"] += number
            names += more
        return names

    def take_gone(self) -> Gone | None:
        """Return what was written and may be gone from the store since; ``None``: nothing."""
        keys = [key for key in self.evicted if key.startswith(SESSION)]
        notices = [Slot(key, EVICTED, 1, encode(SessionTotals(num_open=1))) for key in keys]
        self.evicted.clear()
        if self._store.lost_sight():
            return Gone(None, notices)
        return Gone(frozenset(keys), notices) if keys else None

    def remote_totals(self, watched: Mapping[str, str], seen: dict[str, int]) -> list[RemoteTotals]:
        """Return what other processes have of sessions, for those where it is new.

        Args:
            watched: The own writer by session.
            seen: The version last returned by session; this call updates it.

        """
        found: list[RemoteTotals] = []
        _forget(seen, watched)
        names = list(watched)
        all_stored = self._store.get([SESSION + name for name in names])
        for session_id, stored in zip(names, all_stored, strict=True):
            if stored.version != seen.get(session_id):
                seen[session_id] = stored.version
                totals = self.sum(SESSION + session_id, stored, without=watched[session_id])
                found.append(RemoteTotals(session_id, totals))
        return found

    def remote_and_open(
        self, session_id: str, writer: str, own_processes: frozenset[str]
    ) -> tuple[RemoteTotals, dict[str, bytes]]:
        """Return what other processes have of a session, and their slots with something open.

        Args:
            session_id: The session.
            writer: The own writer.
            own_processes: Names of the processors of this process; what is open there is left out.

        """
        # first: what was open a moment ago may be in the totals by now
        is_open = self._open(session_id, own_processes)
        [stored] = self._store.get([SESSION + session_id])
        totals = SessionTotals()
        for name, part in self._decoded(SESSION + session_id, stored):
            if name != writer:
                totals += part
                if part.num_open and name.partition(".")[0] not in own_processes:
                    is_open[name] = stored.slots[name]
        return RemoteTotals(session_id, totals), is_open

    def _open(self, name: str, own_processes: frozenset[str]) -> dict[str, bytes]:
        [blocks] = self._store.get([OPEN + name])
        is_open = {
            process: value
            for process, value in blocks.slots.items()
            if process not in own_processes and value != _NOTHING_OPEN
        }
        malformed = [one for one, value in is_open.items() if not _NUMBER.fullmatch(value)]
        for process in malformed:
            self.note_malformed(OPEN + name, process)
            del is_open[process]
        return is_open

    def spent(self, watched: Mapping[str, str], seen: dict[str, int]) -> list[Spent]:
        """Return what other processes have of accounts, for those where it is new.

        Arguments like `remote_totals`.
        """
        found: list[Spent] = []
        _forget(seen, watched)
        names = list(watched)
        all_stored = self._store.get([ACCOUNT + name for name in names])
        for name, stored in zip(names, all_stored, strict=True):
            # the version is 0 when there is nothing, which is new the first time
            if stored.version != seen.get(name):
                seen[name] = stored.version
                totals = self.sum(ACCOUNT + name, stored, without=watched[name])
                found.append(Spent(name, totals.rollup))
        return found

    def spent_and_open(
        self, name: str, writer: str, owner: str, own_processes: frozenset[str]
    ) -> tuple[Spent, dict[str, bytes]]:
        """Return what other processes have of an account, like `remote_and_open`.

        And their slots with something open of its owner.
        """
        is_open = self._open(owner, own_processes)
        [spent] = self.spent({name: writer}, {})
        return spent, is_open

    def sum(self, key: str, stored: Stored, without: str = RECORD) -> SessionTotals:
        """Sum the totals of all writers but one."""
        parts = (part for writer, part in self._decoded(key, stored) if writer != without)
        return reduce(add, parts, SessionTotals())

    def sum_and_unread(self, key: str, stored: Stored) -> tuple[SessionTotals, bool]:
        """Sum the totals of all writers; also return whether a slot cannot be read."""
        parts = [part for _, part in self._decoded(key, stored)]
        is_unread = bool(stored.malformed) or len(parts) < len(
            stored.slots.keys() - RESERVED_WRITERS
        )
        return reduce(add, parts, SessionTotals()), is_unread

    @property
    def evicted(self) -> dict[str, None]:
        """Keys that are gone from the store before their time; `take_gone` takes them."""
        evicted: dict[str, None] | None = getattr(self._store, "evicted", None)
        return {} if evicted is None else evicted

    def _decoded(self, key: str, stored: Stored) -> Iterator[tuple[str, SessionTotals]]:
        for writer, value in stored.slots.items():
            if writer not in RESERVED_WRITERS:
                try:
                    yield writer, decode(value)
                except MalformedError:
                    self.note_malformed(key, writer)

    def recorded(self, key: str, stored: Stored) -> Recorded | None:
        """Return what the last record of a session was made from; ``None``: there is none."""
        if RECORD not in stored.slots:
            return None
        try:
            return decode_recorded(stored.slots[RECORD])
        except MalformedError:
            self.note_malformed(key, RECORD)
            return None


def _forget(seen: dict[str, int], watched: Mapping[str, str]) -> None:
    """Forget the versions of what is not watched any more."""
    for name in seen.keys() - watched.keys():
        del seen[name]
