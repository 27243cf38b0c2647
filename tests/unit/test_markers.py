"""What markers of tests ask for."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.no_cover
def test_no_cover() -> None:
    """Such a test is not traced, in workers of pytest-xdist neither: that would take three times as long."""
    assert not type(sys.gettrace()).__module__.startswith("coverage")
