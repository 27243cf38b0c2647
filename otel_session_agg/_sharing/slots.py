"""What is written to a store that others share and what is read from it, in its words: keys, slots and bytes.

Keys are sessions (``s:<session id>``) and traces (``t:<trace id>``).  Below a session stands one slot per process, the last
record, and parts of traces which named no session themselves; below a trace the parts that other processes than the root's have
of it, and the root once it has left.  Whoever ends a part without a session looks for the root, and whoever ends a root looks
for parts; each writes first and looks then, so at least one sees the other, and both would write the same slot.

A session that has ended is *settled* in the store.  What is written to it then either begins something new, so that it is open
again and ends by itself, or belongs to what had ended: then it stays settled, so that whoever writes next sees it, too, and is due
after lingering, for one more record that has the reason of the last one.  Which of both is told by the wall clocks of those who
began and of who ended it.  In doubt it is the second: a record too early is followed by another one, a record too late is not seen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from otel_session_agg._model.budget_scopes import ttl_seconds
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import Member, SessionTotals, of_root
from otel_session_agg._reasons import IDLE, STORE_EVICTED, UNREADABLE
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.decoding import MAX_SEQUENCE, MalformedError
from otel_session_agg._sharing.encoding import decode_part, encode, encode_recorded
from otel_session_agg._sharing.parts import Part, Recorded, RemoteParts
from otel_session_agg._sharing.session_slots import (
    ACCOUNT,
    EVICTED,
    NOBODYS,
    OPEN,
    RECORD,
    SESSION,
    RemoteTotals,
    SessionSlots,
)
from otel_session_agg.stores.base import SessionStore, Slot, Stored

ROOT = "root"
"""Writer of a slot that belongs to nobody's process: the root of a trace that has left."""

_TRACE = "t:"
_CLAIM_SECONDS = 30.0
_OPEN_TTL_SECONDS = 900.0
"""Longer than anybody waits for something that is open."""

_SPAN_ID = re.compile("[0-9a-f]{16}")
_TRACE_TTL_SECONDS = 900.0
"""Parts of traces are of use until their root has left, and for late parts a little longer."""

_SKEW_NS = 5_000_000_000
"""How far the clocks of two hosts may be apart, and a person hardly ends a session and comes back to it in less."""

_MAX_ROUNDS = 8
"""How often a session is settled again while others write to it."""

_BATCH = 256
"""Traces in one call to the store."""

MAX_DUE = 64
"""Sessions that are looked at in one turn because they are due."""


class SlotWrite(NamedTuple):
    """A slot to be written."""

    slot: Slot
    part_of: int | None = None
    """The trace whose root must be looked for afterwards."""


def session_slot(session_id: str, writer: str, seq: int, totals: SessionTotals) -> Slot:
    """A process' part of a session."""
    return Slot(SESSION + session_id, writer, seq, encode(totals))


def first_record(session_id: str) -> Slot:
    """That a root has left which was the first record of a session."""
    return Slot(
        SESSION + session_id, RECORD, 1, encode_recorded(Recorded(1, 0))
    )  # long ago: its parts did not begin it again


def trace_key(trace_id: int) -> str:
    """The key of a trace."""
    return f"{_TRACE}{trace_id:032x}"


def reassignment(session_id: str, trace_id: int, writer: str, part: Part) -> Slot:
    """A part that named no session, as one of a session; the same bytes whoever writes it."""
    rollup = part.rollups.get(None, Rollup())
    start_ns, end_ns = rollup.start_ns or 0, rollup.end_ns or 0
    span_id = 0 if part.root else int(writer, 16)
    root = of_root(
        Member(start_ns, trace_id, span_id),
        end_ns,
        is_part=not part.root,
        is_sampled=not part.is_unsampled,
    )
    return session_slot(
        session_id,
        f"{_TRACE}{trace_id:032x}:{writer}",
        part.seq,
        SessionTotals(rollup=rollup) + root,
    )


class StoreSlots:
    """Calls to the store; any of them may raise what the store raises."""

    def __init__(
        self,
        store: SessionStore,
        settings: Settings,
        owner: str,
        counts: Counter[str],
        wall_ns: Callable[[], int],
    ) -> None:
        """``wall_ns``: nanoseconds since the Unix epoch."""
        self._store = store
        self._settings = settings
        self._owner = owner
        self.sessions = SessionSlots(store, counts)
        self._ttl_seconds = 2 * settings.session_max_seconds
        self._wall_ns = wall_ns
        self.is_late = False
        """Something late was written: a record is to be corrected ``soon_seconds`` from then; whoever looks clears it."""
        self._without_session: set[int] = set()
        """Traces with parts that were written and may have nobody to carry them."""
        self._made: dict[str, tuple[int, int]] = {}
        """Revision and version of records that were made here and may not have been settled."""

    # -- writing ----------------------------------------------------------------------------------------------------------

    def write(self, slot_writes: Iterable[SlotWrite]) -> None:
        """Write slots."""
        rows = list(slot_writes)
        traces = [row.slot for row in rows if row.slot.key.startswith(_TRACE)]
        sessions = [row for row in rows if row.slot.key.startswith(SESSION)]
        if traces:
            self._store.put(traces, ttl_seconds=_TRACE_TTL_SECONDS)
            self._without_session.update(row.part_of for row in rows if row.part_of is not None)
        if sessions:
            idle_seconds = self._settings.session_idle_seconds
            slots = [row.slot for row in sessions]
            were_settled = self._store.put(
                slots, ttl_seconds=self._ttl_seconds, due_seconds=idle_seconds
            )
            had_ended = [
                slot.key
                for slot, settled in zip(slots, were_settled, strict=True)
                if settled or slot.writer == RECORD
            ]
            self._correct(dict.fromkeys(had_ended))
        accounts = sorted(
            (row.slot for row in rows if row.slot.key.startswith(ACCOUNT)), key=_ttl_seconds
        )
        for seconds, slots_of_one in groupby(accounts, _ttl_seconds):
            self._store.put(list(slots_of_one), ttl_seconds=seconds)
        blocks = [row.slot for row in rows if row.slot.key.startswith(OPEN)]
        if blocks:  # last: who sees that nothing is open any more finds the totals
            self._store.put(blocks, ttl_seconds=_OPEN_TTL_SECONDS)

    def _correct(self, keys: Iterable[str]) -> None:
        """Somebody wrote to sessions that had ended: their records are soon corrected, unless something new began in them."""
        unsettled, late = list(keys), list[str]()
        for _ in range(_MAX_ROUNDS):
            found = zip(unsettled, self._store.get(unsettled), strict=True) if unsettled else ()
            unsettled = []
            for key, stored in found:
                recorded = self.sessions.recorded(key, stored)
                if recorded is not None and not _is_back(self.sessions.sum(key, stored), recorded):
                    slot = Slot(key, RECORD, recorded.revision, encode_recorded(recorded))
                    is_settled = self._store.settle(
                        slot, stored.version, ttl_seconds=self._ttl_seconds
                    )
                    (late if is_settled else unsettled).append(key)
        if late or unsettled:
            self._store.postpone([*late, *unsettled], self.soon_seconds)
            self.is_late = True

    @property
    def soon_seconds(self) -> float:
        """How long after what is late a record is corrected."""
        return min(self._settings.linger_seconds, self._settings.session_idle_seconds)

    # -- traces -----------------------------------------------------------------------------------------------------------

    def parts(self, trace_ids: list[int]) -> list[RemoteParts]:
        """What other processes have of traces."""
        stored = self._store.get([trace_key(trace_id) for trace_id in trace_ids])
        return [
            RemoteParts(tuple(self._parts(trace_id, found).items()), is_reached=not found.malformed)
            for trace_id, found in zip(trace_ids, stored, strict=True)
        ]

    def _parts(self, trace_id: int, stored: Stored) -> dict[str, Part]:
        parts: dict[str, Part] = {}
        for writer, value in stored.slots.items():
            if writer != ROOT:
                part = self._read_part(
                    trace_id, writer, value if _SPAN_ID.fullmatch(writer) else b""
                )
                if part is not None:
                    parts[writer] = part
        return parts

    def _read_part(self, trace_id: int, writer: str, value: bytes) -> Part | None:
        try:
            return decode_part(value)
        except MalformedError:
            self.sessions.malformed(trace_key(trace_id), writer)
            return None

    def reassignments(self) -> list[SlotWrite]:
        """What to write for parts that named no session and were written, of traces whose root has left without them."""
        without_session = list(self._without_session)
        batches = [
            without_session[at : at + _BATCH] for at in range(0, len(without_session), _BATCH)
        ]
        slot_writes = [slot_write for batch in batches for slot_write in self._reassignments(batch)]
        self._without_session.clear()  # only now: should the store fail, all of them are looked at again
        return slot_writes

    def _reassignments(self, trace_ids: list[int]) -> list[SlotWrite]:
        slot_writes: list[SlotWrite] = []
        for trace_id, stored in zip(
            trace_ids, self._store.get([trace_key(trace_id) for trace_id in trace_ids]), strict=True
        ):
            root = (
                self._read_part(trace_id, ROOT, stored.slots[ROOT])
                if ROOT in stored.slots
                else None
            )
            if root is None:
                continue
            parts = {
                writer: part
                for writer, part in self._parts(trace_id, stored).items()
                if _is_without_session(part)
            }
            missed = [
                writer
                for writer, part in parts.items()
                if inclusion(writer, part.seq) not in root.included
            ]
            is_late = inclusion(ROOT, root.seq) not in root.included
            session_id = root.session_id
            if session_id is None and (
                missed or is_late
            ):  # the trace is the session, and its root was the first record of it
                session_id, missed = f"{trace_id:032x}", [*parts]
                slot_writes.append(SlotWrite(reassignment(session_id, trace_id, ROOT, root)))
                slot_writes.append(SlotWrite(first_record(session_id)))
            slot_writes += [
                SlotWrite(reassignment(str(session_id), trace_id, name, parts[name]))
                for name in missed
            ]
        return slot_writes

    # -- sessions ---------------------------------------------------------------------------------------------------------

    def others(self, watched: Mapping[str, str], seen: dict[str, int]) -> list[RemoteTotals]:
        """What others have of sessions, as far as it is new; ``watched``: our own writer by session."""
        return self.sessions.others(watched, seen)

    def end(
        self,
        session_id: str,
        reason: str,
        tell: Callable[[SessionRecord], None],
        *,
        patiently: bool = False,
    ) -> bool:
        """End a session; ``tell`` gets its record if this process is the one to tell.

        ``False``: not now, because another process is at it, or ``patiently`` because something of it is open.
        """
        key = SESSION + session_id
        if not self._store.claim(key, self._owner, _CLAIM_SECONDS):
            return False
        try:
            return self._record(
                key,
                SessionRecord(session_id, 0, reason, SessionTotals()),
                tell,
                patiently=patiently,
            )
        finally:
            self._store.unclaim(key, self._owner)

    def _record(
        self,
        key: str,
        draft: SessionRecord,
        tell: Callable[[SessionRecord], None],
        *,
        patiently: bool,
    ) -> bool:
        [stored] = self._store.get([key])
        recorded = self.sessions.recorded(key, stored)
        if not stored.slots.keys() - NOBODYS:
            if key in self.sessions.evicted:  # it is written again before the next try
                return False
            if (
                stored.malformed
            ):  # it would be due again at once, and keep others from being looked at
                self._store.postpone([key], self._settings.session_idle_seconds)
            return True
        if recorded is not None and recorded.version == stored.version:
            slot = Slot(key, RECORD, recorded.revision, encode_recorded(recorded))
            self._store.settle(slot, stored.version, ttl_seconds=self._ttl_seconds)
            return True
        totals, is_unread = self.sessions.sum_and_unread(key, stored)
        if patiently and totals.num_open:
            return False
        revision = 1 if recorded is None else min(recorded.revision + 1, MAX_SEQUENCE)
        reason, ended_ns = draft.end_reason, self._wall_ns()
        if (
            recorded is not None and reason == IDLE and not _is_back(totals, recorded)
        ):  # a correction: it had ended before
            reason, ended_ns = recorded.reason or IDLE, recorded.ended_ns
        slot = Slot(
            key,
            RECORD,
            revision,
            encode_recorded(Recorded(revision, stored.version, reason, ended_ns)),
        )
        made = (revision, stored.version)
        if self._made.get(key) != made:
            missing = (
                STORE_EVICTED if EVICTED in stored.slots else UNREADABLE if is_unread else None
            )
            tell(
                replace(draft, revision=revision, end_reason=reason, totals=totals, missing=missing)
            )
        self._made[key] = made  # should settling fail, the next try does not tell again
        if not self._store.settle(slot, stored.version, ttl_seconds=self._ttl_seconds):
            self._correct([key])  # somebody wrote meanwhile
        del self._made[key]
        return True

    def due(self) -> list[str]:
        """Sessions in which nothing has happened for long enough."""
        keys = self._store.due(MAX_DUE)
        strange = [key for key in keys if not key.startswith(SESSION)]
        if (
            strange
        ):  # nobody of ours lets these be due; they would keep sessions from being looked at
            self._store.postpone(strange, self._settings.session_max_seconds)
        return [key[len(SESSION) :] for key in keys if key.startswith(SESSION)]

    def left_out(self) -> list[str]:
        """Names of entries that could not be read since the last call."""
        return self.sessions.left_out()


def inclusion(writer: str, seq: int) -> str:
    """How a root says that it carries a part, as it was then."""
    return f"{writer}:{seq}"


def _is_back(totals: SessionTotals, recorded: Recorded) -> bool:
    """Whether something began in a session after it had ended."""
    return totals.last_began_ns > recorded.ended_ns + _SKEW_NS


def _ttl_seconds(slot: Slot) -> float:
    """How long an account is kept."""
    return ttl_seconds(slot.key.removeprefix(ACCOUNT))


def _is_without_session(part: Part) -> bool:
    return None in part.rollups and not part.is_open
