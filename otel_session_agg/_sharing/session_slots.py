"""Read the totals and what is open of sessions and accounts from a store."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import add
from typing import NamedTuple

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.encoding import encode
from otel_session_agg._sharing.keys import ACCOUNT, EVICTED, OPEN, RECORD, RESERVED_WRITERS, SESSION
from otel_session_agg._sharing.slot_reader import SlotReader
from otel_session_agg.stores.base import SessionStore, Slot, Stored

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
        self.reader = SlotReader(store, counts)

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
        return [RemoteTotals(*row) for row in self._changed(SESSION, watched, seen)]

    def _changed(
        self, prefix: str, watched: Mapping[str, str], seen: dict[str, int]
    ) -> Iterator[tuple[str, SessionTotals]]:
        for name in seen.keys() - watched.keys():
            del seen[name]
        all_stored = self._store.get([prefix + name for name in watched])
        for (name, writer), stored in zip(watched.items(), all_stored, strict=True):
            # the version is 0 when there is nothing, which is new the first time
            if stored.version != seen.get(name):
                seen[name] = stored.version
                yield name, self.sum(prefix + name, stored, without=writer)

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
        for name, part in self.reader.totals(SESSION + session_id, stored).items():
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
            self.reader.leave_out(OPEN + name, process)
            del is_open[process]
        return is_open

    def spent(self, watched: Mapping[str, str], seen: dict[str, int]) -> list[Spent]:
        """Return what other processes have of accounts, for those where it is new.

        Arguments like `remote_totals`.
        """
        return [
            Spent(name, totals.rollup) for name, totals in self._changed(ACCOUNT, watched, seen)
        ]

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
        parts = self.reader.totals(key, stored)
        return reduce(
            add, (part for writer, part in parts.items() if writer != without), SessionTotals()
        )

    def sum_and_unread(self, key: str, stored: Stored) -> tuple[SessionTotals, bool]:
        """Sum the totals of all writers; also return whether a slot cannot be read."""
        parts = self.reader.totals(key, stored)
        is_unread = bool(stored.malformed) or parts.keys() != stored.slots.keys() - RESERVED_WRITERS
        return reduce(add, parts.values(), SessionTotals()), is_unread

    @property
    def evicted(self) -> dict[str, None]:
        """Keys that are gone from the store before their time; `take_gone` takes them."""
        evicted: dict[str, None] | None = getattr(self._store, "evicted", None)
        return {} if evicted is None else evicted
