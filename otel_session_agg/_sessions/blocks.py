"""Which ``session()`` blocks are entered in this process, by session and by owner of accounts: what others may have to wait for.

A block that asks what other processes have does nothing else meanwhile, so it does not count until it goes on: two processes
that ask at once would wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from otel_session_agg._api.context import Label
from otel_session_agg._api.owners import owners_of

_MAX_NAMES = 65_536
"""Sessions and owners with entered blocks: more than any process has open at once; blocks that are never left must not fill memory."""

_MAX_BLOCKS = 1024
"""The same for the blocks of one of them."""


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
        """Sessions and owners whose number may be another one; whoever tells of it clears it."""

    def told(self, block: Block) -> None:
        """Count a block that is entered, and one that is left no longer."""
        (self.entered if block.is_entered else self.left)(block.label)

    def entered(self, label: Label) -> None:
        """Count a block; of too many the oldest are forgotten."""
        for name in _names(label):
            blocks = self._entered.get(name)
            if blocks is None:
                if len(self._entered) >= _MAX_NAMES:
                    self._forget(next(iter(self._entered)))
                blocks = self._entered[name] = {}
            elif len(blocks) >= _MAX_BLOCKS:
                del blocks[next(iter(blocks))]
            blocks[label] = 0
            self.changed[name] = None

    def left(self, label: Label) -> None:
        """Count a block no longer; one that is not known, as one of before a fork, changes nothing."""
        for name in _names(label):
            blocks = self._entered.get(name, {})
            if label in blocks:
                del blocks[label]
                if not blocks:
                    del self._entered[name]
                self.changed[name] = None

    def asks(self, labels: Iterable[Label]) -> None:
        """Do not count blocks while they ask."""
        self._change(labels, 1)

    def goes_on(self, labels: Iterable[Label]) -> None:
        """Count blocks again that have asked."""
        self._change(labels, -1)

    def _change(self, labels: Iterable[Label], by: int) -> None:
        for label in labels:
            for name in _names(label):
                blocks = self._entered.get(name, {})
                if label in blocks:
                    blocks[label] = max(0, blocks[label] + by)
                    self.changed[name] = None

    def number(self, name: str) -> int:
        """How many blocks of a session or an owner are entered and do not ask."""
        return sum(not asks for asks in self._entered.get(name, {}).values())

    def clear(self) -> None:
        """Leave all of them: the process ends."""
        for name in list(self._entered):
            self._forget(name)

    def _forget(self, name: str) -> None:
        del self._entered[name]
        self.changed[name] = None


def _names(label: Label) -> list[str]:
    """What a block counts for."""
    return [label.session_id, *owners_of(label)]
