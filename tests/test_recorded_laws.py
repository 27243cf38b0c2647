"""What holds for all recordings, however they are put together and in whatever order their spans end."""

from __future__ import annotations

import random
from functools import cache

import pytest

from .folding import NOTHING, folded, joined, made_cases, rows
from .recording.verdict import recordings
from .replay import Case, cases_in

_JOINED = 150
"""Traces that are joined: more calls than a trace remembers."""
_SECOND_NS = 1_000_000_000


@cache
def _cases() -> list[Case]:
    """All recordings, and what is like them."""
    own = [case for path in recordings() for case in cases_in(path)]
    return [case for case in (*made_cases(), *own) if case["spans"]]


class TestJoined:
    """Recorded traces one after the other below one root."""

    @pytest.mark.parametrize("gap_ns", [_SECOND_NS, 3600 * _SECOND_NS], ids=["a second apart", "an hour apart"])
    @pytest.mark.parametrize("seed", range(12))
    def test_sum_of_parts(self, seed: int, gap_ns: int) -> None:
        """Their totals are those of the traces alone, however often another scope told the same figures before."""
        chosen = random.Random(seed).sample(_cases(), _JOINED)  # noqa: S311 -- a repeatable choice
        apart = sum((folded(rows(case)) for case in chosen), start=NOTHING)
        assert apart == folded(joined(chosen, gap_ns))
