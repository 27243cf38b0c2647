"""The names of tools and agents, the calls that each agent made, and the first tokens, in what real instrumentations wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.names import GOLDEN, name_of, recorded, stated

ALL = json.loads(GOLDEN.read_text(encoding="utf-8"))


class TestNames:
    """Each recorded stack."""

    @pytest.mark.parametrize("path", recorded(), ids=name_of)
    def test_stated(self, path: Path) -> None:
        """Its tools, agents and calls are what was found when it was looked through; ``tests/support/names.py`` writes them."""
        assert ALL[name_of(path)] == stated(path)

    def test_all(self) -> None:
        """None is left out, and none is gone."""
        assert [name_of(path) for path in recorded()] == list(ALL)
