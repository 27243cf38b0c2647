"""Charts: their figures are those of the rows, for every aggregation, and the rest is the rest of the rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from io import StringIO
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_session_agg import SessionAggError, SettingsError
from otel_session_agg._history import labels
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._views import charts as charts_module
from otel_session_agg._views.boards import MAX_CHARTS, Boards, SavedChart, boards_path
from otel_session_agg._views.chart_csv import csv_of, name_of
from otel_session_agg._views.charts import Chart, ChartData, chart
from otel_session_agg._views.measures import AGGREGATIONS, SCOPES
from tests.support.histories import Facts, kept, many, one_trace
from tests.support.offline import call, counted, stored_span

SESSIONS = 300


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Sessions of three users and two services, of which some have no price."""
    with kept(tmp_path_factory.mktemp("charts") / "many.duckdb", many(SESSIONS)) as made:
        yield made


REFERENCE: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "average": fmean,
    "median": lambda values: float(np.quantile(values, 0.5)),
    "min": min,
    "max": max,
    "p90": lambda values: float(np.quantile(values, 0.9)),
    "p95": lambda values: float(np.quantile(values, 0.95)),
    "p99": lambda values: float(np.quantile(values, 0.99)),
}


def rows_of(history: History, key: str, metric: str) -> dict[str | None, list[float]]:
    """Known figures of sessions by a key, those that are largest in number first."""
    found: dict[str | None, list[float]] = {}
    for name, value in history.rows(f"SELECT {key}, {metric} FROM sessions"):  # noqa: S608 -- of this test
        found.setdefault(name, [])
        if value is not None:
            found[name].append(float(value))
    return found


class TestKeys:
    """What rows are grouped by."""

    @pytest.mark.parametrize("key", ["metadata.plan", "plan", "metadata.service.name", "service.name"])
    def test_same_as_selections(self, history: History, key: str) -> None:
        """A dimension, else metadata, by either name: a chart has the groups that a selection has."""
        groups = history.select(Selection(group_by=[key], columns=["sessions"])).rows
        data = chart(history, Chart(aggregation="count", group_by=key, top=50, bucket="none"))
        assert {row[0]: row[1] for row in groups} == {one.name: one.whole.value for one in data.series}
        assert len(data.series) > 1

    @pytest.mark.parametrize("aggregation", AGGREGATIONS)
    @pytest.mark.parametrize("filter", ["", "\"service.name\" <> 'search' and cost > 0.000001"])
    def test_few_dimensions(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aggregation: str, filter: str) -> None:  # noqa: A002
        """Calls by a dimension have the same figures whether they have few different dimensions or many."""
        facts = [one_trace(1), one_trace(2, dimensions={"tenant": "a"}), one_trace(3, dimensions={"tenant": "a", "other": 1})]
        with kept(tmp_path / "h", *facts, many(60, first=10)) as history:
            for key, bucket in (("service.name", "none"), ("tenant", "hour"), ("other", "day")):
                wanted = Chart("calls", aggregation=aggregation, filter=filter, group_by=key, top=2, bucket=bucket)
                for metric in ("cost", "tokens"):  # of durations, the sum of floats depends on the order
                    monkeypatch.setattr(labels, "_ROWS_OF_FEW", 0)
                    few = chart(history, wanted._replace(metric=metric))
                    monkeypatch.setattr(labels, "_ROWS_OF_FEW", 10**9)
                    assert few == chart(history, wanted._replace(metric=metric))


class TestFigures:
    @pytest.mark.parametrize("aggregation", [name for name in AGGREGATIONS if name != "count"])
    @pytest.mark.parametrize("metric", ["cost", "duration", "tokens"])
    def test_are_those_of_the_rows(self, history: History, aggregation: str, metric: str) -> None:
        """For each aggregation: of each group, of the others, and of all; unknown costs are in none of them."""
        data = chart(history, Chart(metric=metric, aggregation=aggregation, group_by="user", top=1, bucket="none"))
        rows = rows_of(history, '"user"', metric)
        [first, other] = data.series
        rest = [value for name, values in rows.items() if name != first.name for value in values]
        figure = REFERENCE[aggregation]
        assert (False, True, 3) == (first.is_other, other.is_other, data.groups)
        assert pytest.approx(figure(rows[first.name])) == float(first.whole.value or 0)
        assert pytest.approx(figure(rest)) == float(other.whole.value or 0)
        assert pytest.approx(figure([*rest, *rows[first.name]])) == float(data.total.whole.value or 0)

    def test_sums_are_exact(self, history: History) -> None:
        """The cost of the groups is the cost of all sessions, to the picodollar."""
        data = chart(history, Chart(group_by="service.name", top=1))
        [(cost,)] = history.rows("SELECT sum(cost) FROM sessions")
        points = [point.value for series in data.series for point in series.points]
        assert cost == data.total.whole.value == sum(Decimal(str(value or 0)) for value in points)

    def test_unknown_is_counted_and_not_0(self, history: History) -> None:
        """Sessions of unknown cost do not lower an average, and are said."""
        data = chart(history, Chart(aggregation="average", bucket="none"))
        [(total, known, unknown)] = history.rows("SELECT sum(cost), count(cost), count(*) - count(cost) FROM sessions")
        assert unknown > 0
        assert unknown == data.total.whole.unknown
        assert pytest.approx(float(Fraction(total) / known)) == float(data.total.whole.value or 0)

    def test_nothing_known_is_unknown(self, tmp_path: Path) -> None:
        """Where no cost is known, the sum is not 0."""
        with kept(tmp_path / "one.duckdb", one_trace(1, cost_pusd=None)) as history:
            data = chart(history, Chart())
        assert (None, 1) == (data.total.whole.value, data.total.whole.unknown)

    def test_over_time(self, history: History) -> None:
        """Every hour from the first to the last is there; one without sessions has none, not an unknown number."""
        data = chart(history, Chart(aggregation="count", bucket="hour"))
        assert (50, SESSIONS) == (len(data.total.points), sum(int(point.value or 0) for point in data.total.points))
        average = chart(history, Chart(aggregation="average", bucket="hour", filter="start_time < 2026-01-12T12:00:00"))
        assert 2 == len(average.total.points)

    def test_by_model(self, history: History) -> None:
        """Sessions by model are their parts: these come to the cost of all."""
        data = chart(history, Chart(group_by="model", bucket="none", top=50))
        rows = dict(history.rows("SELECT name, sum(cost) FROM breakdown WHERE kind = 'model' GROUP BY name"))
        assert rows == {series.name: series.whole.value for series in data.series}
        filtered = chart(history, Chart(group_by="model", bucket="none", filter="user = ada"))
        assert chart(history, Chart(bucket="none", filter="user = ada")).total.whole.value == filtered.total.whole.value

    def test_no_time(self, tmp_path: Path) -> None:
        """The time in tools of a session that called none is 0; where some were, and nobody knows how long, it is unknown."""
        [chat] = counted([stored_span(1, attributes={"session.id": "a"}), call(2, 1)])
        with kept(tmp_path / "h", one_trace(1), Facts(chat.parts, [chat.trace], chat.calls)) as made:
            found = chart(made, Chart(metric="tool_duration", aggregation="average", bucket="none")).total.whole
        assert (0.0, 2, 1) == (found.value, found.rows, found.unknown)

    def test_calls_that_count(self, history: History) -> None:
        """A report that repeats a call is no call; the cost of calls is that of sessions."""
        data = chart(history, Chart(scope="calls", aggregation="count", group_by="model", bucket="none"))
        cost = chart(history, Chart(scope="calls", bucket="none"))
        [(total,)] = history.rows("SELECT sum(cost) FROM sessions")
        assert (SESSIONS, total) == (data.total.whole.value, cost.total.whole.value)

    def test_of_sessions(self, history: History) -> None:
        """Calls and events of the sessions that meet a condition."""
        number = chart(history, Chart(aggregation="count", filter="user = ada", bucket="none")).total.whole.value
        for scope in ("calls", "traces", "events"):
            data = chart(history, Chart(scope=scope, aggregation="count", where="user = ada", bucket="none", metric="duration"))
            assert number == data.total.whole.value

    @pytest.mark.parametrize("scope", SCOPES)
    def test_every_metric_and_key(self, history: History, scope: str) -> None:
        """Each metric of a scope can be shown by each key of it."""
        known = SCOPES[scope]
        for metric in known.metrics:
            assert chart(history, Chart(scope=scope, metric=metric, aggregation="p95", bucket="none")).series
        for key in (*known.columns, *(["service.name"] if known.has_dimensions else [])):
            data = chart(history, Chart(scope=scope, metric="duration", aggregation="count", group_by=key))
            assert data.total.whole.value == sum(int(series.whole.value or 0) for series in data.series)

    def test_a_sample_is_said(self, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
        """Quantiles of more calls than are read at once are those of a sample, and sums never are."""
        monkeypatch.setattr(charts_module, "MAX_EXACT", 10)
        monkeypatch.setattr(charts_module, "SAMPLE", SESSIONS // 2)
        data = chart(history, Chart(scope="calls", metric="duration", aggregation="p95"))
        assert (50.0, None) == (data.percent, chart(history, Chart(scope="calls")).percent)

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.integers(-3, 99),
        st.sampled_from(["user", "service.name", "tier", "metadata.plan", "model", "agent", "tool"]),
    )
    def test_groups_and_others_are_all(self, history: History, top: int, key: str) -> None:
        """However many groups are shown: with the others they are all rows, and none is lost."""
        data = chart(history, Chart(aggregation="count", group_by=key, top=top, bucket="none"))
        assert data.total.whole.rows == sum(series.whole.rows for series in data.series)
        assert len(data.series) <= min(max(top, 1), 50) + 1


class TestErrors:
    @pytest.mark.parametrize(
        "wanted",
        [Chart(scope="x"), Chart(metric="x; DROP"), Chart(aggregation="x"), Chart(bucket="fortnight"),
         Chart(scope="events", metric="duration", group_by="model"), Chart(scope="traces", group_by="metadata.plan"),
         Chart(group_by="tool", metric="traces"), Chart(bucket="minute", since=datetime(2020, 1, 1, tzinfo=timezone.utc))],
    )  # fmt: skip
    def test_say_what_there_is(self, history: History, wanted: Chart) -> None:
        """A name that there is not is refused, in words."""
        with pytest.raises(SettingsError):
            chart(history, wanted)

    @pytest.mark.parametrize("scope", ["sessions", "traces", "calls"])
    def test_unknown_keys(self, history: History, scope: str, tmp_path: Path) -> None:
        """A key that no row has is refused with those that there are; before the first row each may come."""
        with pytest.raises(SessionAggError, match="no key to group by"):
            chart(history, Chart(scope=scope, group_by="x' OR 1"))
        with pytest.raises(SessionAggError, match=r"no key to group by 'typo': use one of .*user.*service\.name"):
            chart(history, Chart(scope=scope, group_by="typo"))
        with kept(tmp_path / "empty.duckdb") as empty:
            assert [] == chart(empty, Chart(scope=scope, group_by="typo")).series

    @pytest.mark.parametrize("condition", ["cost >", "1; DROP TABLE sessions", "(SELECT 1) = 1", "nothing = 1"])
    def test_conditions_are_checked(self, history: History, condition: str) -> None:
        """A condition is one, and nothing else."""
        for wanted in (Chart(filter=condition), Chart(scope="calls", where=condition)):
            with pytest.raises(SessionAggError):
                chart(history, wanted)


class TestCsv:
    def test_is_safe_and_exact(self, tmp_path: Path) -> None:
        """A name that begins like a formula does not; a cost has all digits, an unknown one none."""
        facts = [one_trace(1, cost_pusd=1, user="=1+1"), one_trace(2, cost_pusd=None, user="b")]
        with kept(tmp_path / "two.duckdb", *facts) as history:
            data = chart(history, Chart(group_by="user", bucket="none"))
        rows = list(csv.DictReader(StringIO(csv_of(data), newline="")))
        assert [("'=1+1", "0.000000000001"), ("b", "")] == [(row["group"], row["value"]) for row in rows]

    def test_names(self, history: History) -> None:
        """What has no value is called so, and the others say how many they are."""
        data = chart(history, Chart(group_by="user", top=1))
        every: ChartData = chart(history, Chart(group_by="user"))
        assert "other (2)" == name_of(data.series[-1], data)
        assert {"ada", "Ann Lee", "none"} == {name_of(series, every) for series in every.series}


class TestBoards:
    def test_are_kept(self, tmp_path: Path) -> None:
        """What is saved is there again, in the order in which it was arranged."""
        path = boards_path(tmp_path / "history.duckdb")
        boards = Boards(path)
        for name in "abc":
            boards.save(SavedChart("costs", name, f"metric={name}"))
        boards.save(SavedChart("costs", "b", "metric=changed", is_wide=True))
        boards.move("costs", "c", -5)
        boards.remove("costs", "a")
        expected = [SavedChart("costs", "c", "metric=c"), SavedChart("costs", "b", "metric=changed", is_wide=True)]
        assert expected == Boards(path).charts("costs") == boards.charts()
        assert ["costs"] == boards.names()
        assert [path.name] == [one.name for one in tmp_path.iterdir()]

    def test_without_a_file(self) -> None:
        """Beside a history that is not kept, boards last as long as it."""
        boards = Boards(None)
        boards.save(SavedChart("b", "a", ""))
        boards.resize("b", "a", is_wide=True)
        assert [True] == [one.is_wide for one in boards.charts("b")]

    @pytest.mark.parametrize(
        "content", ["", "{", "[]", '{"version": 2, "charts": []}', '{"version": 1, "charts": [1]}', "\x00" * 9]
    )
    def test_another_file_is_not_overwritten(self, tmp_path: Path, content: str) -> None:
        """A file that is none of boards is an error, and stays."""
        path = tmp_path / "x.boards.json"
        path.write_text(content)
        with pytest.raises(SessionAggError):
            Boards(path).save(SavedChart("b", "a", ""))
        assert content == path.read_text()

    @pytest.mark.parametrize("chart", [SavedChart("", "a", ""), SavedChart("b", " ", ""), SavedChart("b", "a", "x" * 9999)])
    def test_bounds(self, chart: SavedChart) -> None:
        """A name is needed, and an address that is not too long."""
        with pytest.raises(SessionAggError):
            Boards(None).save(chart)

    def test_not_too_many(self) -> None:
        """There is a largest number."""
        boards = Boards(None)
        for number in range(MAX_CHARTS):
            boards.save(SavedChart("b", f"{number}", ""))
        with pytest.raises(SessionAggError):
            boards.save(SavedChart("b", "more", ""))
