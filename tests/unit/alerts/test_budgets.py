"""How much of what rules allow a session has used."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._alerts.budgets import budgets_of, most_used
from otel_session_agg._alerts.columns import row_of
from otel_session_agg._alerts.rules_file import rule
from tests.support.alerted import recorded, stored


def _budgets(*rules: dict[str, Any]) -> Any:
    return budgets_of(rule(f"r{at}", given, {}) for at, given in enumerate(rules))


class TestBudgets:
    """Which rules are budgets."""

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({"session": "cost > 0.10"}, "0.1 USD"),
            ({"session": "tokens >= 10000"}, "10,000 tokens"),
            ({"session": "num_model_events > 20"}, "20 calls"),
            ({"session": "duration > 2 min"}, "2 min 0 s"),
        ],
    )
    def test_are(self, given: dict[str, Any], text: str) -> None:
        """One upper limit of what is used up."""
        assert [text] == [one.text for one in _budgets(given)]

    @pytest.mark.parametrize(
        "given",
        [
            {"session": "cost < 0.10"},
            {"session": "cost > 0"},
            {"session": "errors > 3"},
            {"session": "cost > 0.10 and errors > 3"},
            {"session": "user = ada"},
            {"aggregate": "p95(cost) > 0.10"},
            {"anomaly": "cost"},
        ],
    )
    def test_are_not(self, given: dict[str, Any]) -> None:
        """What is no upper limit, or of many sessions, allows nothing."""
        assert [] == _budgets(given)


class TestUsed:
    """How much was used."""

    def test_largest(self) -> None:
        """That of which the largest share was used, of those that are about the session."""
        row = row_of(recorded(stored("s", cost=0.05, tokens=900, user="ada")))
        used = most_used(
            _budgets(
                {"session": "cost > 0.10"},
                {"session": "tokens > 1000"},
                {"session": "tokens > 1", "where": "user = eve"},
            ),
            row,
        )
        assert used is not None
        assert ("r1", "1,000 tokens", 0.9, False) == used

    def test_none(self) -> None:
        """A session that no rule is about has no budget."""
        assert most_used(_budgets({"session": "cost > 1", "where": "user = eve"}), row_of(recorded(stored("s")))) is None

    def test_unknown(self) -> None:
        """What is unknown is not 0, and what is known in part is a lower bound."""
        budgets = _budgets({"session": "cost > 0.10"})
        assert ("r0", "0.1 USD", None, True) == most_used(budgets, row_of(recorded(stored("s", cost=None))))
        assert ("r0", "0.1 USD", 0.5, True) == most_used(budgets, row_of(recorded(stored("s", cost=0.05, unpriced=2))))
        known = most_used(
            _budgets({"session": "cost > 0.10"}, {"session": "tokens > 1000"}), row_of(recorded(stored("s", cost=None)))
        )
        assert known is not None
        assert "r1" == known.rule
