"""Blocks that are entered, and which of them others have to wait for."""

from __future__ import annotations

import pytest

from otel_session_agg._api.context import Label
from otel_session_agg._sessions import blocks as _blocks
from otel_session_agg._sessions.blocks import Block, Blocks


class TestBlocks:
    """``Blocks``."""

    def test_number(self) -> None:
        """Blocks count from when they are entered until they are left; each change is noted."""
        blocks, one, two = Blocks(), Label("s"), Label("s")
        blocks.update(Block(None, one, is_entered=True))
        blocks.update(Block(None, two, is_entered=True))
        assert (2, 0) == (blocks.number("s"), blocks.number("t"))
        blocks.update(Block(None, one, is_entered=False))
        assert (1, ["s"]) == (blocks.number("s"), list(blocks.changed))
        blocks.update(Block(None, two, is_entered=False))
        assert 0 == blocks.number("s")

    def test_asking(self) -> None:
        """A block does not count while it asks, however many of its threads do."""
        blocks, one, two = Blocks(), Label("s"), Label("s")
        blocks.enter(one)
        blocks.enter(two)
        blocks.pause([one])
        blocks.pause([one])
        assert 1 == blocks.number("s")
        blocks.resume([one])
        assert 1 == blocks.number("s")
        blocks.resume([one])
        assert 2 == blocks.number("s")

    def test_unknown(self) -> None:
        """Blocks that were entered elsewhere, as before a fork, change nothing."""
        blocks = Blocks()
        blocks.leave(Label("s"))
        blocks.pause([Label("s")])
        blocks.resume([Label("s")])
        assert (0, {}) == (blocks.number("s"), blocks.changed)

    def test_clear(self) -> None:
        """All are left at once."""
        blocks = Blocks()
        for name in "abc":
            blocks.enter(Label(name))
        blocks.changed.clear()
        blocks.clear()
        assert ([0, 0, 0], ["a", "b", "c"]) == ([blocks.number(name) for name in "abc"], list(blocks.changed))

    def test_bounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Blocks that are never left do not fill memory: the oldest are forgotten."""
        monkeypatch.setattr(_blocks, "_MAX_NAMES", 10)
        monkeypatch.setattr(_blocks, "_MAX_BLOCKS", 5)
        blocks = Blocks()
        for _ in range(20):
            blocks.enter(Label("s"))
        assert 5 == blocks.number("s")
        for number in range(20):
            blocks.enter(Label(str(number)))
        assert [str(number) for number in range(10, 20)] == [name for name in blocks.changed if blocks.number(name)]
