"""Rows of the grid of sessions."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._untrusted.spreadsheets import csv_text
from otel_session_agg._views import outlier_flags
from otel_session_agg._views.grid import COLUMNS, MAX_ROWS, Wanted, exported_sessions, sessions_page
from otel_session_agg._views.outlier_flags import norms_of, num_outliers, reasons_of, segment_of, standing_out
from otel_session_agg._views.selected import selected
from otel_session_agg.analysis._outliers import find_outliers


def _ids(history: History, **wanted: Any) -> list[str]:
    return [row["session"] for row in sessions_page(history, Selection(), Wanted(**wanted)).rows]


class TestRows:
    """Which rows there are, and in which order."""

    def test_pages(self, sessions: History) -> None:
        """The pages together are all sessions, each once."""
        pages = [sessions_page(sessions, Selection(), Wanted(start, start + 150)) for start in (0, 150, 300, 450)]
        ids = [row["session"] for page in pages for row in page.rows]
        assert [400] * 4 == [page.total for page in pages]
        assert [150, 150, 100, 0] == [len(page.rows) for page in pages]
        assert 400 == len(set(ids))

    @pytest.mark.parametrize("name", COLUMNS)
    @pytest.mark.parametrize("is_descending", [True, False])
    def test_sort(self, sessions: History, name: str, *, is_descending: bool) -> None:
        """Sorted by any column, what is unknown is the last."""
        page = sessions_page(sessions, Selection(), Wanted(0, 400, [(name, is_descending)]))
        values = [row[name] for row in page.rows]
        known = [value for value in values if value is not None]
        assert sorted(known, reverse=is_descending) == known
        assert known == values[: len(known)]

    def test_bounds(self, sessions: History) -> None:
        """More rows than a grid needs are not read, and none before the first."""
        assert MAX_ROWS >= len(_ids(sessions, start=-5, end=10**9))
        assert [] == _ids(sessions, start=10, end=5)

    def test_only(self, sessions: History) -> None:
        """Some sessions can be asked for by their ids."""
        ids = _ids(sessions, end=3)
        assert ids == _ids(sessions, only=[*ids, "none of them", "'); DROP TABLE sessions; --"])


FILTERS = [
    ({"session": {"type": "contains", "filter": "CHAT-00"}}, "session LIKE 'chat-00%'"),
    ({"session": {"type": "notContains", "filter": "00"}}, "NOT contains(session, '00')"),
    ({"user": {"type": "equals", "filter": "ada"}}, "user = 'ada'"),
    ({"user": {"type": "blank"}}, "user IS NULL"),
    ({"cost": {"type": "greaterThan", "filter": 0.01}}, "cost > 0.01"),
    ({"cost": {"type": "inRange", "filter": 0.001, "filterTo": 0.01}}, "cost >= 0.001 AND cost < 0.01"),
    ({"cost": {"type": "blank"}}, "cost IS NULL"),
    ({"models": {"type": "contains", "filter": "sonnet"}}, "list_contains(models, 'claude-sonnet-4-5')"),
    ({"start_time": {"type": "lessThan", "dateFrom": "2026-11-20 00:00:00"}}, "start_time < '2026-11-20'"),
    (
        {
            "tokens": {
                "operator": "OR",
                "conditions": [{"type": "lessThan", "filter": 1000}, {"type": "greaterThan", "filter": 50000}],
            }
        },
        "tokens < 1000 OR tokens > 50000",
    ),
    ({"tokens": {"type": "lessThan", "filter": 5000}, "errors": {"type": "equals", "filter": 0}}, "tokens < 5000 AND errors = 0"),
]


class TestFilters:
    """What the filters of columns mean."""

    @pytest.mark.parametrize(("filters", "sql"), FILTERS)
    def test_same_as_sql(self, sessions: History, filters: dict[str, Any], sql: str) -> None:
        """They find what the condition finds."""
        expected = {row[0] for row in sessions.rows(f"SELECT session FROM sessions WHERE {sql}")}  # noqa: S608
        page = sessions_page(sessions, Selection(), Wanted(0, 400, filters=filters))
        assert expected == {row["session"] for row in page.rows}
        assert 0 < page.total == len(expected) < 400

    @pytest.mark.parametrize(
        "filters",
        [
            {"nope": {"type": "equals", "filter": 1}},
            {"cost": {"type": "equals", "filter": "0 OR 1=1"}},
            {"cost": {"type": "sleep", "filter": 1}},
            {"cost": ["equals"]},
            {"start_time": {"type": "equals", "dateFrom": "; DROP TABLE sessions"}},
            {"cost": {"type": "greaterThan", "filter": float("inf")}},
        ],
    )
    def test_not_understood(self, sessions: History, filters: dict[str, Any]) -> None:
        """What is not of their form is left out."""
        assert 400 == sessions_page(sessions, Selection(), Wanted(filters=filters)).total

    def test_hostile(self, sessions: History) -> None:
        """A value is nothing but a value."""
        filters = {"session": {"type": "contains", "filter": "' OR true --"}}
        assert 0 == sessions_page(sessions, Selection(), Wanted(filters=filters)).total

    @pytest.mark.parametrize("sort", [("cost; DROP TABLE sessions", True), ('cost" DESC, "', False)])
    def test_hostile_sort(self, sessions: History, sort: tuple[str, bool]) -> None:
        """A name that is none of a column sorts nothing."""
        assert _ids(sessions) == _ids(sessions, sort=[sort])


class TestOutliers:
    """Which rows stand out."""

    @pytest.mark.parametrize("by", [None, "model", "user", "service.name"])
    def test_same(self, sessions: History, by: str | None) -> None:
        """They are those that a report finds, with the same reasons."""
        source, segment = selected(sessions, Selection()), segment_of(by)
        norms = norms_of(source, segment)
        expected = {one.session: one.reason for one in find_outliers(source, segment, 400)}
        assert 0 < len(expected)
        page = sessions_page(sessions, Selection(), Wanted(end=400), segment)
        assert expected == reasons_of(page.judged, norms)
        assert len(expected) == num_outliers(source, norms, segment)

    @pytest.mark.parametrize("by", [None, "user", "service.name"])
    def test_all(self, sessions: History, by: str | None) -> None:
        """All that stand out are found at once, with the same reasons, the dearest first."""
        source = selected(sessions, Selection())
        norms = norms_of(source, by)
        found = standing_out(source, norms, by, 400)
        assert {one.session: one.reason for one in find_outliers(source, by, 400)} == {one.session: one.reason for one in found}
        costs = [one.cost or 0 for one in found]
        assert sorted(costs, reverse=True) == costs
        assert found[:2] == standing_out(source, norms, by, 2)

    def test_sample(self, sessions: History, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of many sessions, what is normal is worked out of a sample, which the reason says."""
        source = selected(sessions, Selection())
        exact = norms_of(source, None)
        monkeypatch.setattr(outlier_flags, "_MAX_EXACT", 100)
        monkeypatch.setattr(outlier_flags, "_SAMPLE", 200)
        norms = norms_of(source, None)
        assert norms == norms_of(source, None)
        for key, one in norms.items():
            assert one.is_sample
            assert 100 < one.sessions < 300
            assert pytest.approx(exact[key].middle, abs=0.3) == one.middle
        reasons = [one.reason for one in standing_out(source, norms, None, 5)]
        assert reasons
        assert all("(of a sample of " in one for one in reasons)

    def test_few(self, sessions: History) -> None:
        """Among a few sessions none stands out."""
        source = selected(sessions, Selection(where="session < 'chat-0010'"))
        assert ({}, 0) == (norms_of(source, None), num_outliers(source, norms_of(source, None), None))


class TestExport:
    """What is exported is all of it, and no formula."""

    def test_all(self, sessions: History) -> None:
        """Every session and column, costs with all digits."""
        found = exported_sessions(sessions, Selection())
        lines = csv_text(found.columns, found.rows).splitlines()
        assert 401 == len(lines)
        assert {"session", "cost", "metadata"} < set(found.columns)
        assert not [line for line in lines if ",=" in line]
        assert [line for line in lines if ",'=cmd()" in line]

    def test_some(self, sessions: History) -> None:
        """Only those that are selected in the grid."""
        ids = _ids(sessions, end=2)
        assert ids == [row[0] for row in exported_sessions(sessions, Selection(), Wanted(only=ids)).rows]
