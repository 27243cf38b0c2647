"""Count the ``session()`` blocks that are entered in this process, by session and account owner.

Other processes may wait for them.  A block that reads what other processes have does nothing else
meanwhile, so it does not count until it goes on: two processes that read at once would wait for
each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from otel_session_agg._api.context import Label
from otel_session_agg._api.owners import owners_of

_MAX_NAMES = 65_536
"""Sessions and owners with entered blocks: more than any process has open at once.

Blocks that are never left must not fill memory.
"""

_MAX_BLOCKS = 1024
"""The same bound for the blocks of one of them."""


class Block(NamedTuple):
    """A block that is entered or left, on its way from the application's thread."""

    span: None
    """No span has begun; it sets a block apart from the start of a span."""
    label: Label
    is_entered: bool


class Blocks:
    """Blocks that are entered and not left."""

    def __init__(self) -> None:
        self._entered: dict[str, dict[Label, int]] = {}
        """Blocks by session and by owner; for each how many reads of it are under way."""
        self.changed: dict[str, None] = {}
        """Sessions and owners whose number may have changed; `SessionPublisher` clears it."""

    def update(self, block: Block) -> None:
        """Count a block that was entered, or stop counting one that was left."""
        (self.enter if block.is_entered else self.leave)(block.label)

    def enter(self, label: Label) -> None:
        """Count a block; of too many, forget the oldest."""
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

    def leave(self, label: Label) -> None:
        """Stop counting a block; an unknown one, as from before a fork, changes nothing."""
        for name in _names(label):
            blocks = self._entered.get(name, {})
            if label in blocks:
                del blocks[label]
                if not blocks:
                    del self._entered[name]
                self.changed[name] = None

    def pause(self, labels: Iterable[Label]) -> None:
        """Do not count blocks while they read what other processes have."""
        self._change(labels, 1)

    def resume(self, labels: Iterable[Label]) -> None:
        """Count blocks again after a read."""
        self._change(labels, -1)

    def _change(self, labels: Iterable[Label], by: int) -> None:
        for label in labels:
            for name in _names(label):
                blocks = self._entered.get(name, {})
                if label in blocks:
                    blocks[label] = max(0, blocks[label] + by)
                    self.changed[name] = None

    def number(self, name: str) -> int:
        """Return how many blocks of a session or an owner are entered and not paused."""
        return sum(not reads for reads in self._entered.get(name, {}).values())

    def clear(self) -> None:
        """Leave all of them: the process ends."""
        for name in list(self._entered):
            self._forget(name)

    def _forget(self, name: str) -> None:
        del self._entered[name]
        self.changed[name] = None


def _names(label: Label) -> list[str]:
    """Return the session and the owners that a block counts for."""
    return [label.session_id, *owners_of(label)]
