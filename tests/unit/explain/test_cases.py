"""The explanation of every span set with a known answer."""

from __future__ import annotations

import pytest

from otel_session_agg import explain
from tests.support.explained import adds_up, below_root, names_winners
from tests.support.folding import rows
from tests.support.replay import Case, load, price_book


class TestCases:
    """Span sets of peers' tests and of bug reports."""

    @pytest.mark.parametrize("case", [*load("spans"), *load("reports")], ids=lambda case: case["id"])
    def test_adds_up(self, case: Case) -> None:
        """Its calls and the parts of its prices add up to the right answer."""
        explanation = explain(below_root(rows(case)), prices=price_book(case.get("prices")))
        assert adds_up(explanation)
        assert names_winners(explanation)
        totals = explanation.rollup.to_dict()
        expected = {name: value for name, value in case["expect"].items() if name in totals and name != "session_id"}
        assert expected == {name: totals[name] or 0 for name in expected}
        assert max(map(len, str(explanation).splitlines())) <= 100
