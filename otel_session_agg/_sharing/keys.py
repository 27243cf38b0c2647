"""The keys of a store, and the slots that processes write below them.

==================  =====================================================================
key                 slots
==================  =====================================================================
``s:<session id>``  one for each process; ``record``, the last record; ``evicted``; and
                    parts of traces which named no session themselves
``o:<name>``        for each process, how many ``session()`` blocks of a session, or of an
                    owner of accounts, it is in
``b:<account>``     one for each process
``t:<trace id>``    the parts that other processes than the root's have of a trace; and
                    ``root``, its root once it was released
==================  =====================================================================

Entered blocks have a key of their own because writing them is nothing new in the session: it
neither goes on by that nor is recorded again.
"""

from __future__ import annotations

from typing import NamedTuple

from otel_session_agg._model.growing_totals import GrowingTotals
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import Member, SessionTotals
from otel_session_agg._sharing.encoding import encode, encode_recorded
from otel_session_agg._sharing.parts import Part, Recorded
from otel_session_agg.stores.base import Slot

SESSION = "s:"
"""Prefix of the keys of sessions."""

OPEN = "o:"
"""Prefix of the keys of entered blocks."""

ACCOUNT = "b:"
"""Prefix of the keys of accounts, which budgets over anything else than a session have."""

TRACE = "t:"
"""Prefix of the keys of traces."""

RECORD = "record"
"""Writer of the slot that belongs to no process: the last record of a session."""

EVICTED = "evicted"
"""Writer of the slot that says that a session was gone from the store before.

What other processes had written may be missing.  Versions that do not know this slot take it for
a part with something open.
"""

ROOT = "root"
"""Writer of the slot that belongs to no process: the root of a trace that was released."""

RESERVED_WRITERS = frozenset({RECORD, EVICTED})
"""Writers of slots below sessions that have no totals."""


class SlotWrite(NamedTuple):
    """A slot to be written."""

    slot: Slot
    part_of: int | None = None
    """The trace whose root must be looked for afterwards."""


def session_slot(session_id: str, writer: str, seq: int, totals: SessionTotals) -> Slot:
    """Return the slot of a process below a session."""
    return Slot(SESSION + session_id, writer, seq, encode(totals))


def open_slot(name: str, process: str, seq: int, num_blocks: int) -> Slot:
    """Return the slot with the number of blocks that a process is in.

    ``name``: the id of a session, or an owner of accounts.
    """
    return Slot(OPEN + name, process, seq, str(num_blocks).encode())


def account_slot(name: str, writer: str, seq: int, rollup: Rollup) -> Slot:
    """Return the slot of a process below an account: its totals, without texts."""
    return Slot(ACCOUNT + name, writer, seq, encode(SessionTotals(rollup), texts=False))


def first_record(session_id: str) -> Slot:
    """Return the slot that says that a released root was the first record of a session."""
    # long ago: its parts did not begin it again
    return Slot(SESSION + session_id, RECORD, 1, encode_recorded(Recorded(1, 0)))


def trace_key(trace_id: int) -> str:
    """Return the key of a trace."""
    return f"{TRACE}{trace_id:032x}"


def reassignment(session_id: str, trace_id: int, writer: str, part: Part) -> Slot:
    """Return the slot below a session for a part that named no session.

    It is the same whichever process writes it.
    """
    rollup = part.rollups.get(None, Rollup())
    start_ns, end_ns = rollup.start_ns or 0, rollup.end_ns or 0
    span_id = 0 if part.root else int(writer, 16)
    grown = GrowingTotals(SessionTotals(rollup))
    grown.add_root(
        Member(start_ns, trace_id, span_id),
        end_ns,
        is_part=not part.root,
        is_sampled=not part.is_unsampled,
    )
    return session_slot(session_id, f"{trace_key(trace_id)}:{writer}", part.seq, grown.totals)


def inclusion(writer: str, seq: int) -> str:
    """Return how a root names a part that it carries, as the part was then."""
    return f"{writer}:{seq}"
