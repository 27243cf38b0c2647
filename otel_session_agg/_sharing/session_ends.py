"""End sessions in a store: make their records, and correct records when something is late.

A session that has ended is *settled* in the store.  What is written to it then either begins
something new, so that it is open again and ends by itself, or belongs to what had ended: then it
stays settled, so that the process that writes next sees that, too, and is due after lingering,
for one more record with the reason of the last one.  Which of both it is, the wall clocks decide
of the processes in which something began and of the one that ended the session.  In doubt it is
the second: a record that is too early is followed by another one, one that is too late is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._reasons import IDLE, STORE_EVICTED, UNREADABLE
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.encoding import encode_recorded
from otel_session_agg._sharing.keys import EVICTED, RECORD, RESERVED_WRITERS, SESSION
from otel_session_agg._sharing.parts import Recorded
from otel_session_agg._sharing.session_slots import SessionSlots
from otel_session_agg._untrusted.values import MAX_WHOLE
from otel_session_agg.stores.base import SessionStore, Slot

_CLAIM_SECONDS = 30.0
_SKEW_NS = 5_000_000_000
"""How far the clocks of two hosts may be apart.

A person hardly ends a session and comes back to it in less.
"""

_MAX_ROUNDS = 8
"""How often a session is settled again while other processes write to it."""

MAX_DUE = 64
"""Sessions that are looked at in one turn because they are due."""


class SessionEnds:
    """Ends the sessions of a store; any call may raise what the store raises.

    Args:
        store: The store.
        sessions: Reads it.
        settings: The settings.
        process: The name of this process, which makes a record only under a claim.
        wall_ns: Nanoseconds since the Unix epoch.

    """

    def __init__(
        self,
        store: SessionStore,
        sessions: SessionSlots,
        settings: Settings,
        process: str,
        wall_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._settings = settings
        self._process = process
        self._wall_ns = wall_ns
        self._ttl_seconds = 2 * settings.session_max_seconds
        self.is_late = False
        """Whether something late was written, so a record is due `soon_seconds` from then.

        `StoreTurns` clears it.
        """
        self._made: dict[str, tuple[int, int]] = {}
        """Revision and version of records that were made here and may not have been settled."""

    @property
    def soon_seconds(self) -> float:
        """How long after something late a record is corrected."""
        return min(self._settings.linger_seconds, self._settings.session_idle_seconds)

    def write(self, slots: list[Slot]) -> None:
        """Write slots below sessions; see to the records of those that had ended."""
        idle_seconds = self._settings.session_idle_seconds
        were_settled = self._store.put(
            slots, ttl_seconds=self._ttl_seconds, due_seconds=idle_seconds
        )
        had_ended = [
            slot.key
            for slot, settled in zip(slots, were_settled, strict=True)
            if settled or slot.writer == RECORD
        ]
        self._correct(dict.fromkeys(had_ended))

    def _correct(self, keys: Iterable[str]) -> None:
        """Let records of sessions that had ended be corrected soon, after a write to them.

        Unless something new began in them.
        """
        unsettled, late = list(keys), list[str]()
        for _ in range(_MAX_ROUNDS):
            found = zip(unsettled, self._store.get(unsettled), strict=True) if unsettled else ()
            unsettled = []
            for key, stored in found:
                recorded = self._sessions.reader.recorded(key, stored)
                if recorded is not None and not _is_back(self._sessions.sum(key, stored), recorded):
                    slot = Slot(key, RECORD, recorded.revision, encode_recorded(recorded))
                    is_settled = self._store.settle(
                        slot, stored.version, ttl_seconds=self._ttl_seconds
                    )
                    (late if is_settled else unsettled).append(key)
        if late or unsettled:
            self._store.postpone([*late, *unsettled], self.soon_seconds)
            self.is_late = True

    def end(
        self,
        session_id: str,
        reason: str,
        add_record: Callable[[SessionRecord], None],
        *,
        patiently: bool = False,
    ) -> bool:
        """End a session; call ``add_record`` with its record if this process makes it.

        Return ``False`` when it could not be ended now: another process is at it, or, if
        ``patiently``, something of it is open.
        """
        key = SESSION + session_id
        if not self._store.claim(key, self._process, _CLAIM_SECONDS):
            return False
        draft = SessionRecord(session_id, 0, reason, SessionTotals())
        try:
            return self._record(key, draft, add_record, patiently=patiently)
        finally:
            self._store.unclaim(key, self._process)

    def _record(
        self,
        key: str,
        draft: SessionRecord,
        add_record: Callable[[SessionRecord], None],
        *,
        patiently: bool,
    ) -> bool:
        [stored] = self._store.get([key])
        recorded = self._sessions.reader.recorded(key, stored)
        if not stored.slots.keys() - RESERVED_WRITERS:
            if key in self._sessions.evicted:  # it is written again before the next try
                return False
            if stored.malformed:
                # it would be due again at once, and keep others from being looked at
                self._store.postpone([key], self._settings.session_idle_seconds)
            return True
        if recorded is not None and recorded.version == stored.version:
            slot = Slot(key, RECORD, recorded.revision, encode_recorded(recorded))
            self._store.settle(slot, stored.version, ttl_seconds=self._ttl_seconds)
            return True
        totals, is_unread = self._sessions.sum_and_unread(key, stored)
        if patiently and totals.num_open:
            return False
        made = self._recorded_now(draft.end_reason, totals, recorded, stored.version)
        if self._made.get(key) != (made.revision, made.version):
            missing = (
                STORE_EVICTED if EVICTED in stored.slots else UNREADABLE if is_unread else None
            )
            add_record(
                replace(
                    draft,
                    revision=made.revision,
                    end_reason=made.reason,
                    totals=totals,
                    missing=missing,
                )
            )
        # should settling fail, the next try does not add the record again
        self._made[key] = made.revision, made.version
        slot = Slot(key, RECORD, made.revision, encode_recorded(made))
        if not self._store.settle(slot, stored.version, ttl_seconds=self._ttl_seconds):
            self._correct([key])  # another process wrote meanwhile
        del self._made[key]
        return True

    def _recorded_now(
        self, reason: str, totals: SessionTotals, last: Recorded | None, version: int
    ) -> Recorded:
        """Return what a record that is made now is made from; ``last``: the same of the last."""
        revision = 1 if last is None else min(last.revision + 1, MAX_WHOLE)
        ended_ns = self._wall_ns()
        if last is not None and reason == IDLE and not _is_back(totals, last):
            # a correction: the session had ended before
            reason, ended_ns = last.reason or IDLE, last.ended_ns
        return Recorded(revision, version, reason, ended_ns)

    def due(self) -> list[str]:
        """Return sessions in which nothing has happened for long enough."""
        keys = self._store.due(MAX_DUE)
        foreign = [key for key in keys if not key.startswith(SESSION)]
        if foreign:
            # this library lets none of these be due; they would keep sessions from being ended
            self._store.postpone(foreign, self._settings.session_max_seconds)
        return [key[len(SESSION) :] for key in keys if key.startswith(SESSION)]


def _is_back(totals: SessionTotals, recorded: Recorded) -> bool:
    """Return whether something began in a session after it had ended."""
    return totals.last_began_ns > recorded.ended_ns + _SKEW_NS
