"""What other processes get of sessions, and what they have: by a store, or nothing without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from otel_session_agg._sessions.blocks import Block
from otel_session_agg._sessions.known_sessions import KnownSessions
from otel_session_agg._sharing.keys import SlotWrite
from otel_session_agg._sharing.store_queue import Received


class Publisher(Protocol):
    """What other processes get of the sessions of one processor, and what they have.

    The caller holds a lock around all calls.
    """

    def receive(self, *, is_due: bool) -> Iterable[Received]:
        """Take what has come from the store: records, totals and parts of other processes.

        ``is_due``: `publish` will be called because something is to be written.
        """
        ...

    def put(self, writes: Sequence[SlotWrite]) -> None:
        """Write what other processes get of traces."""
        ...

    def ask(self, trace_id: int, until: float) -> None:
        """Read what other processes have of a trace, for `receive`, until a monotonic time."""
        ...

    def update_block(self, block: Block) -> None:
        """Count a ``session()`` block as entered or left."""
        ...

    def leave_blocks(self) -> None:
        """Leave all blocks: the process ends."""
        ...

    def outdated(self, known: KnownSessions, touched: set[str], now: float, /) -> Sequence[str]:
        """Return sessions whose open traces are to be reported before `publish`.

        ``touched``: sessions in which a span has ended since the last turn.
        """
        ...

    def publish(self, known: KnownSessions, now: float, /, *, all_now: bool) -> None:
        """Take what is new, and write what is due; ``all_now``: all of it."""
        ...


class NoPublisher:
    """There is no store, and no other process: nothing is written."""

    def receive(self, **_: object) -> Iterable[Received]:
        """Return nothing."""
        return ()

    def put(self, writes: Sequence[SlotWrite]) -> None:
        """Do nothing."""

    def ask(self, trace_id: int, until: float) -> None:
        """Do nothing."""

    def update_block(self, block: Block) -> None:
        """Do nothing."""

    def leave_blocks(self) -> None:
        """Do nothing."""

    def outdated(self, *_: object) -> Sequence[str]:
        """Return nothing."""
        return ()

    def publish(self, known: KnownSessions, *_: object, **__: object) -> None:
        """Forget what is new."""
        known.lifecycle.unwritten.clear()
        known.lifecycle.forgotten.clear()
        known.accounts.unwritten.clear()
