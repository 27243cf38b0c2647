"""The attacks of this folder in their short form."""

from __future__ import annotations

import pytest

from .kit import Attack, attacks, modules


class TestShort:
    """A few rounds of each attack."""

    @pytest.mark.parametrize("one", attacks(), ids=lambda one: one.name)
    def test_holds(self, one: Attack) -> None:
        """It breaks nothing."""
        one.start(seed=0)

    @pytest.mark.parametrize("name", modules())
    def test_found(self, name: str) -> None:
        """Each module has attacks."""
        assert attacks(name)
