"""What sessions came to by name."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest

from otel_session_agg._exceptions import SessionAggError, SettingsError
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._views import overview_parts as parts_module
from otel_session_agg._views.figures import figures_of
from otel_session_agg._views.named import SORTS, cost_by_period, dearest_rows, named
from otel_session_agg._views.overview_parts import Part, overview_parts, totals_of
from otel_session_agg._views.selected import selected
from otel_session_agg.analysis._periods import PERIODS, Period
from otel_session_agg.analysis._source import BREAKDOWNS, Source, value_named
from otel_session_agg.analysis._splits import split, split_by_period
from tests.support.histories import one_trace

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
        assert expected == {row.name: row for row in totals_of(dearest_rows(source, key, 100))}

    def test_over_time(self, sessions: History, key: str, where: str | None) -> None:
        """So has each day."""
        source, day = selected(sessions, Selection(where=where)), PERIODS["day"]
        for limit in (1, 100):
            expected = {(row.start, row.name): row.cost for row in split_by_period(source, key, limit, day)}
            assert expected == {(row.start, row.name): row.cost for row in cost_by_period(source, key, limit, day)}


@pytest.mark.parametrize("where", WHERES)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_overview(monkeypatch: pytest.MonkeyPatch, sessions: History, key: str, where: str | None, limit: int) -> None:
    """All charts of the overview at once are what each asks for by itself."""
    source, day = selected(sessions, Selection(where=where)), PERIODS["day"]
    for number in (0, parts_module.MAX_ROWS):  # none are added up there, all are
        monkeypatch.setattr(parts_module, "MAX_ROWS", number)
        check_parts(source, key, day, limit)


def check_parts(source: Source, key: str, day: Period, limit: int) -> None:
    """Hold all charts against each."""
    found = overview_parts(source, key, day, limit=limit, most=limit)
    assert (cost_by_period(source, key, limit, day) if key in BREAKDOWNS else []) == found.in_time
    assert totals_of(dearest_rows(source, "model", limit)) == totals_of(found.models)
    tools = [Part(*(getattr(row, name) for name in Part._fields)) for row in named(source, "tool", "calls", limit).rows]
    assert tools == found.tools


class TestReserved:
    """Values that are called as what has none, or as all others together."""

    @pytest.mark.parametrize("key", ["tenant", "metadata.tenant"])
    def test_apart(self, key: str) -> None:
        """Each has a row of its own, in all and over time, however it is shown."""
        values = [None, "none", '"none"', "other", "others"]
        with History() as history:
            for at, value in enumerate(values):
                made = partial(one_trace, at, f"s{at}", cost_pusd=10**9 + at)
                of = None if value is None else {"tenant": value}
                is_metadata = key.startswith("metadata.")
                history.add(*(made(metadata={**of}) if of and is_metadata else made(dimensions={**of} if of else None)))
            history.recount()
            shown = ["others", '"other"', '""none""', '"none"', "none"]
            assert shown == [row.name for row in named(history, key).rows]
            assert values == [value_named(name) for name in reversed(shown)]
            for two in (
                totals_of(dearest_rows(history, key, 9)),
                cost_by_period(history, key, 9, PERIODS["day"]),
                split(history, key, 9),
            ):
                assert shown == [row.name for row in two]
            two_and_others = [*shown[:2], "other"]
            assert two_and_others == [row.name for row in split(history, key, 2)]
            assert two_and_others == [row.name for row in cost_by_period(history, key, 2, PERIODS["day"])]

    def test_metadata(self) -> None:
        """A name that no session has an entry for is refused, with those that there are."""
        with History() as history:
            history.add(*one_trace(1, metadata={"plan": "pro"}))
            history.recount()
            assert ["pro"] == [row.name for row in named(history, "metadata.plan").rows]
            for ask in (named, partial(split, limit=3)):
                with pytest.raises(SessionAggError, match=r"no session has a value for metadata\.plna; .*, metadata\.plan"):
                    ask(history, "metadata.plna")


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
