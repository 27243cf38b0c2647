"""Write and read the parts of traces in a store, and find the sessions of those that name none.

The process that ends a part without a session looks for the root, and the one that ends a root
looks for parts.  Each writes first and looks then, so at least one sees the other; where both do,
they write the same slot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from otel_session_agg._sharing.decoding import decode_part
from otel_session_agg._sharing.keys import (
    ROOT,
    SlotWrite,
    first_record,
    inclusion,
    reassignment,
    trace_key,
)
from otel_session_agg._sharing.parts import Part, RemoteParts
from otel_session_agg._sharing.slot_reader import SlotReader
from otel_session_agg.stores.base import SessionStore, Stored

_SPAN_ID = re.compile("[0-9a-f]{16}")
_TTL_SECONDS = 900.0
"""Parts of traces are of use until their root was released, and for late parts a little longer."""

_BATCH = 256
"""Traces in one call to the store."""


class TraceSlots:
    """The slots below traces; any call may raise what the store raises."""

    def __init__(self, store: SessionStore, reader: SlotReader) -> None:
        self._store = store
        self._reader = reader
        self._without_session: set[int] = set()
        """Traces with parts that were written and that perhaps no root carries."""

    def write(self, slot_writes: Iterable[SlotWrite]) -> None:
        """Write slots below traces."""
        rows = list(slot_writes)
        self._store.put([row.slot for row in rows], ttl_seconds=_TTL_SECONDS)
        self._without_session.update(row.part_of for row in rows if row.part_of is not None)

    def parts(self, trace_ids: list[int]) -> list[RemoteParts]:
        """Return what other processes have of each trace."""
        return [
            RemoteParts(tuple(self._parts(trace_id, found).items()), is_reached=not found.malformed)
            for trace_id, found in self._stored(trace_ids)
        ]

    def _stored(self, trace_ids: list[int]) -> Iterator[tuple[int, Stored]]:
        all_stored = self._store.get([trace_key(trace_id) for trace_id in trace_ids])
        return zip(trace_ids, all_stored, strict=True)

    def _parts(self, trace_id: int, stored: Stored) -> dict[str, Part]:
        parts: dict[str, Part] = {}
        for writer, value in stored.slots.items():
            if writer != ROOT:
                value_of_part = value if _SPAN_ID.fullmatch(writer) else b""
                part = self._reader.decoded(decode_part, trace_key(trace_id), writer, value_of_part)
                if part is not None:
                    parts[writer] = part
        return parts

    def reassignments(self) -> list[SlotWrite]:
        """Return what to write for parts that named no session and whose root went without them.

        Of traces with parts or roots that were written since the last call.
        """
        trace_ids = list(self._without_session)
        batches = [trace_ids[at : at + _BATCH] for at in range(0, len(trace_ids), _BATCH)]
        slot_writes = [
            slot_write
            for batch in batches
            for trace_id, stored in self._stored(batch)
            for slot_write in self._reassigned(trace_id, stored)
        ]
        # only now: should the store fail, all of them are looked at again
        self._without_session.clear()
        return slot_writes

    def _reassigned(self, trace_id: int, stored: Stored) -> Iterator[SlotWrite]:
        if ROOT not in stored.slots:
            return
        value = stored.slots[ROOT]
        root = self._reader.decoded(decode_part, trace_key(trace_id), ROOT, value)
        if root is None:
            return
        parts = {
            writer: part
            for writer, part in self._parts(trace_id, stored).items()
            if None in part.rollups and not part.is_open
        }
        missed = [
            writer
            for writer, part in parts.items()
            if inclusion(writer, part.seq) not in root.included
        ]
        is_late = inclusion(ROOT, root.seq) not in root.included
        session_id = root.session_id
        if session_id is None and (missed or is_late):
            # the trace is the session, and its root was the first record of it
            session_id, missed = f"{trace_id:032x}", [*parts]
            yield SlotWrite(reassignment(session_id, trace_id, ROOT, root))
            yield SlotWrite(first_record(session_id))
        for writer in missed:
            yield SlotWrite(reassignment(str(session_id), trace_id, writer, parts[writer]))
