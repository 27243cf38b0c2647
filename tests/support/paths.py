"""Folders of the project."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout, or where the tests were copied to."""

TESTS = ROOT / "tests"
EXAMPLES = ROOT / "examples"
