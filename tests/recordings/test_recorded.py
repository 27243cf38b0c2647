"""What real instrumentations wrote, against what the server that answered told them; see ``tests/recording``."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tests.recording.matrix import README, RESULTS, families, made_part, row, table
from tests.recording.stacks import all_stacks
from tests.recording.verdict import recordings, wrong_figures
from tests.support.replay import cases_in

CASES = {case["id"]: case for path in recordings() for case in cases_in(path)}


@cache
def wrong(name: str) -> dict[str, tuple[Any, Any]]:
    """Return what is wrong in a case, replayed once for its own test and the table."""
    return wrong_figures(CASES[name])


class TestRecorded:
    @pytest.mark.parametrize("name", CASES)
    def test_right(self, name: str) -> None:
        """Tokens, model events, cost and session id are those that were served."""
        assert {} == wrong(name)

    def test_matrix(self) -> None:
        """The tables of ``RESULTS.md`` and of the README are made of these recordings."""
        rows = [row(cases_in(path), lambda case: wrong(case["id"])) for path in recordings()]
        assert table(rows) == made_part(RESULTS.read_text(encoding="utf-8"))
        assert families(rows) == made_part(README.read_text(encoding="utf-8"))

    def test_every_stack(self) -> None:
        """There is a recording of each stack and a stack for each recording."""
        assert list(all_stacks()) == sorted(path.name.removesuffix(".jsonl.gz") for path in recordings())
