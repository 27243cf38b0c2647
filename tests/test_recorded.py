"""What real instrumentations wrote, against what the server that answered told them; see ``tests/recording``."""

from __future__ import annotations

import pytest

from .recording.matrix import README, in_readme, row, table
from .recording.stacks import all_stacks
from .recording.verdict import recordings, wrong_figures
from .replay import Case, cases_in

CASES = [case for path in recordings() for case in cases_in(path)]


class TestRecorded:
    @pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
    def test_right(self, case: Case) -> None:
        """Tokens, model events, cost and session id are those that were served."""
        assert {} == wrong_figures(case)

    def test_matrix(self) -> None:
        """The README's table is made of these recordings."""
        made = table(row(cases_in(path)) for path in recordings())
        assert made == in_readme(README.read_text(encoding="utf-8"))

    def test_every_stack(self) -> None:
        """There is a recording of each stack and a stack for each recording."""
        assert list(all_stacks()) == sorted(path.name.removesuffix(".jsonl.gz") for path in recordings())
