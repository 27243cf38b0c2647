"""What sessions came to by name."""

from __future__ import annotations

from decimal import Decimal

import pytest

from otel_session_agg._exceptions import SessionAggError, SettingsError
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._views.figures import figures_of
from otel_session_agg._views.named import SORTS, cost_by_period, dearest, named
from otel_session_agg._views.selected import selected
from otel_session_agg.analysis._periods import PERIODS
from otel_session_agg.analysis._splits import split, split_by_period

KEYS = ["model", "agent", "tool", "user", "service.name"]
WHERES = [None, "cost > 0.001"]


@pytest.mark.parametrize("where", WHERES)
@pytest.mark.parametrize("key", KEYS)
class TestNamed:
    """The rows."""

    def test_add_up(self, sessions: History, key: str, where: str | None) -> None:
        """Costs and tokens add up to those of all sessions."""
        source = selected(sessions, Selection(where=where))
        found, whole = named(source, key), figures_of(source)
        assert whole.cost == sum((row.cost or Decimal(0) for row in found.rows), Decimal(0))
        assert len(found.rows) == found.total
        if key not in {"tool", "agent"}:
            assert whole.tokens == sum(row.tokens for row in found.rows)
            assert whole.unpriced == sum(row.unpriced for row in found.rows)

    def test_as_in_a_report(self, sessions: History, key: str, where: str | None) -> None:
        """The dearest names have the figures that a report has of them."""
        source = selected(sessions, Selection(where=where))
        expected = {row.name: row for row in split(source, key, 100)}
        assert expected == {row.name: row for row in dearest(source, key, 100)}

    def test_over_time(self, sessions: History, key: str, where: str | None) -> None:
        """So has each day."""
        source, day = selected(sessions, Selection(where=where)), PERIODS["day"]
        for limit in (1, 100):
            expected = {(row.start, row.name): row.cost for row in split_by_period(source, key, limit, day)}
            assert expected == {(row.start, row.name): row.cost for row in cost_by_period(source, key, limit, day)}


class TestRows:
    """Order and bounds."""

    @pytest.mark.parametrize("sort", SORTS)
    def test_sort(self, sessions: History, sort: str) -> None:
        """Sorted by any figure, the highest first."""
        rows = named(selected(sessions, Selection()), "user", sort).rows
        values = [getattr(row, sort) for row in rows]
        known = [value for value in values if value is not None]
        assert sorted(known, reverse=sort != "name") == known
        assert known == values[: len(known)]

    def test_limit(self, sessions: History) -> None:
        """A few rows of all, and how many there are."""
        found = named(selected(sessions, Selection()), "model", "cost", 2)
        assert (2, True) == (len(found.rows), found.total > 2)

    def test_unknown(self, sessions: History) -> None:
        """A model without a price costs something unknown, not nothing."""
        [row] = [row for row in named(selected(sessions, Selection()), "model").rows if row.name == "local-llama"]
        assert (None, None, True) == (row.cost, row.average_cost, row.unpriced > 0)

    @pytest.mark.parametrize("sort", ["cost; DROP TABLE sessions", "", "nope"])
    def test_hostile_sort(self, sessions: History, sort: str) -> None:
        """Any other order is refused, with those that there are."""
        with pytest.raises(SettingsError, match=r"there is no order by .*: use one of cost, sessions"):
            named(selected(sessions, Selection()), "model", sort)

    @pytest.mark.parametrize("key", ["nope", "x' OR 1=1 --", ""])
    def test_no_such_key(self, sessions: History, key: str) -> None:
        """A key that no session has is refused."""
        with pytest.raises(SessionAggError, match="no session has a value"):
            named(selected(sessions, Selection()), key)

    def test_nothing(self, sessions: History) -> None:
        """No sessions, no rows."""
        assert ([], 0) == named(selected(sessions, Selection(where="cost > 1e9")), "model")
