"""Which ``session()`` blocks are entered in this process, by session: what other processes may have to wait for.

A block that asks what other processes have does nothing else meanwhile, so it does not count until it goes on: two processes
that ask at once would wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from otel_session_agg._context import Label

_MAX_SESSIONS = 65_536
"""Sessions with entered blocks: more than any process has open at once; blocks that are never left must not fill memory."""

_MAX_BLOCKS = 1024
"""The same for the blocks of one session."""


class Block(NamedTuple):
    """A block that is entered or left, on its way from the application's thread."""

    span: None
    """None has begun by that."""
    label: Label
    is_entered: bool


class Blocks:
    """Blocks that are entered and not left."""

    def __init__(self) -> None:
        self._entered: dict[str, dict[Label, int]] = {}
        """How many times at once each block asks what others have."""
        self.changed: dict[str, None] = {}
        """Sessions whose number may be another one; whoever tells of it clears it."""

    def told(self, block: Block) -> None:
        """Count a block that is entered, and one that is left no longer."""
        (self.entered if block.is_entered else self.left)(block.label)

    def entered(self, label: Label) -> None:
        """Count a block; of too many the oldest are forgotten."""
        blocks = self._entered.get(label.session_id)
        if blocks is None:
            if len(self._entered) >= _MAX_SESSIONS:
                self._forget(next(iter(self._entered)))
            blocks = self._entered[label.session_id] = {}
        elif len(blocks) >= _MAX_BLOCKS:
            del blocks[next(iter(blocks))]
        blocks[label] = 0
        self.changed[label.session_id] = None

    def left(self, label: Label) -> None:
        """Count a block no longer; one that is not known, as one of before a fork, changes nothing."""
        blocks = self._entered.get(label.session_id, {})
        if label in blocks:
            del blocks[label]
            if not blocks:
                del self._entered[label.session_id]
            self.changed[label.session_id] = None

    def asks(self, labels: Iterable[Label]) -> None:
        """Do not count blocks while they ask."""
        self._change(labels, 1)

    def goes_on(self, labels: Iterable[Label]) -> None:
        """Count blocks again that have asked."""
        self._change(labels, -1)

    def _change(self, labels: Iterable[Label], by: int) -> None:
        for label in labels:
            blocks = self._entered.get(label.session_id, {})
            if label in blocks:
                blocks[label] = max(0, blocks[label] + by)
                self.changed[label.session_id] = None

    def number(self, session_id: str) -> int:
        """How many blocks of a session are entered and do not ask."""
        return sum(not asks for asks in self._entered.get(session_id, {}).values())

    def clear(self) -> None:
        """Leave all of them: the process ends."""
        for session_id in list(self._entered):
            self._forget(session_id)

    def _forget(self, session_id: str) -> None:
        del self._entered[session_id]
        self.changed[session_id] = None
