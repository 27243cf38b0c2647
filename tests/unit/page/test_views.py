"""The views of a session, of comparisons and of charts: what they show is what the values are, and foreign text is text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.utils import PlotlyJSONEncoder

from otel_session_agg import SessionAggError, SettingsError
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._history.span_tables import StoredSpan
from otel_session_agg._page import charts, compare, session, session_parts
from otel_session_agg._page.chart_boards import boards_of
from otel_session_agg._page.named import rows_panel
from otel_session_agg._page.overview_charts import CHARTS
from otel_session_agg._page.page import _layout
from otel_session_agg._page.panels import drawn
from otel_session_agg._page.services import Services
from otel_session_agg._page.session import SessionOptions
from otel_session_agg._page.views import Csv, View, views
from otel_session_agg._untrusted.spreadsheets import csv_text
from otel_session_agg._views.address import Times, parse
from otel_session_agg._views.boards import Boards, SavedChart
from otel_session_agg._views.chart_address import chart_of
from otel_session_agg._views.session_costs import CostLine
from otel_session_agg._views.session_links import LinkTemplate
from otel_session_agg._views.sides import sides_of
from tests.support.histories import many
from tests.support.offline import EPOCH_NS, SERVICE, call, counted, stored_span

COST_LINES = st.lists(st.none() | st.decimals(0, 1000, places=12), max_size=12)

HOSTILE = "<img src=x onerror=alert(1)>[x](javascript:alert(1))=1+1"
NOW = datetime.fromtimestamp(EPOCH_NS / 1e9 + 3600, timezone.utc)
VIEWS = {view.name: view for view in (session.VIEW, compare.VIEW, charts.VIEW)}
ADDRESSES = [
    "/session?id=s", "/session?id=nobody", "/session", "/session?id=s&trace=99&at=-1&span=x&closed=a.b&mode=raw",
    "/session?id=s&mode=tree&closed=0000000000000001", "/compare", "/compare?from=all", "/compare?from=all&mode=segment&key=user",
    "/compare?from=all&mode=segment&key=nothing", "/compare?from=all&mode=filter&a=errors+%3E+0&kind=agent", "/compare?mode=x&kind=x",
    "/charts", "/charts?scope=calls&group=model&agg=p95&metric=duration&from=all", "/charts?scope=x&metric=y&agg=z&top=a&bucket=b",
    "/charts?scope=events&metric=cost", "/charts?group=tool&metric=traces", "/charts?board=board", "/charts?board=nobody",
]  # fmt: skip


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A server with many plain sessions, and one in which all foreign text is hostile."""
    history = SharedHistory(tmp_path_factory.mktemp("views") / "history.duckdb")
    spans = [
        stored_span(1, at=0, attributes={"session.id": "s", "user.id": HOSTILE, HOSTILE: HOSTILE})._replace(name=HOSTILE),
        call(2, 1, model=HOSTILE, attributes={"gen_ai.input.messages": HOSTILE})._replace(name=f"{HOSTILE}{'x' * 300}"),
        call(3, 1, attributes={"input.value": HOSTILE}, failed=True, status_description=HOSTILE),
    ]
    facts = many(60)
    history.add(*facts)
    for one in counted(spans):
        history.add(one.parts, [one.trace], one.calls, [StoredSpan(span, SERVICE.attributes, "s", HOSTILE) for span in spans])
    history.recount()
    options = SessionOptions(links={"Open": LinkTemplate("https://traces.example/{trace_id}?s={session_id}")})
    boards = Boards(None)
    boards.save(SavedChart("board", HOSTILE, "group=user"))
    boards.save(SavedChart("board", "b", "scope=calls&agg=median&metric=tokens&bucket=none"))
    yield Services(history.reading, now=lambda: NOW, more={"session": options, "charts": boards})
    history.close()


def parts_of(component: Any) -> Iterator[dict[str, Any]]:
    """All components in one, as the browser gets them."""
    plain = json.loads(json.dumps(component, cls=PlotlyJSONEncoder))
    waiting = [plain]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "props" in value:
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def texts_of(component: Any) -> list[str]:
    """All texts in a component."""
    found: list[str] = []
    for part in parts_of(component):
        children = part["props"].get("children")
        found += [one for one in (children if isinstance(children, list) else [children]) if isinstance(one, str)]
    return found


def shown(services: Services, place: str) -> Any:
    """The components of an address."""
    path, _, search = place.partition("?")
    state = parse(path, search)
    return _layout(VIEWS[state.view], state, services)


class TestEveryAddress:
    @pytest.mark.parametrize("place", ADDRESSES)
    def test_is_shown_as_text(self, services: Services, place: str) -> None:
        """Whatever an address says: there is a view, no markup in it, and no link to a script."""
        component = shown(services, place)
        names = {part["type"] for part in parts_of(component)}
        assert names
        assert not {"Markdown", "DangerouslySetInnerHTML", "Iframe", "Script"} & names
        for part in parts_of(component):
            href = part["props"].get("href")
            assert href is None or href.startswith(("/", "https://traces.example/")), href
            assert "dangerously_allow_html" not in part["props"]

    @pytest.mark.parametrize("place", ADDRESSES)
    def test_ids_are_unique(self, services: Services, place: str) -> None:
        """No two components have one id: buttons would be taken for each other."""
        ids = [json.dumps(part["props"]["id"]) for part in parts_of(shown(services, place)) if "id" in part["props"]]
        assert len(set(ids)) == len(ids)


class TestSession:
    def test_what_is_hostile_is_text(self, services: Services) -> None:
        """Names, messages and errors are there as they are, as texts."""
        texts = texts_of(shown(services, "/session?id=s&span=0000000000000002"))
        assert HOSTILE in texts
        assert f"failed: {HOSTILE}" in {text.rpartition("; ")[2] for text in texts}

    def test_no_content(self, services: Services) -> None:
        """Where content is hidden, no message and no attribute is shown."""
        hidden = Services(services.reader, now=services.now, more={"session": SessionOptions(shows_content=False)})
        parts = list(parts_of(shown(hidden, "/session?id=s&span=0000000000000002")))
        assert "said-text" not in {part["props"].get("className") for part in parts}
        assert "gen_ai.input.messages" not in texts_of(shown(hidden, "/session?id=s&span=0000000000000002"))

    def test_csv(self, services: Services) -> None:
        """What leaves is why the session costs what it costs, and no formula."""
        table = _csv(session.VIEW, services, "/session?id=s")
        text = csv_text(table.columns, table.rows)
        assert "gpt-4o-mini,input,1000" in text
        assert "\n=" not in text

    def test_a_folded_trace(self, services: Services) -> None:
        """What is below a closed row is not there."""
        lines = [
            part
            for part in parts_of(shown(services, "/session?id=s&closed=0000000000000001"))
            if part["props"].get("role") == "row"
        ]
        assert 1 == len(lines)


class TestCompare:
    def test_figures(self, services: Services) -> None:
        """The table has every figure, its interval and how it was made."""
        state = parse("/compare", "from=all&mode=segment&key=service.name&a=shop-0&b=shop-1")
        with services.reader() as history:
            sides = sides_of(state, history, NOW)
            texts = texts_of(compare._table(state, history, sides))
            driven = texts_of(compare._drivers(state, history, sides))
        assert {"Cost per session", "Duration, p95", "Sessions with errors", "30"} <= set(texts)
        assert any("bootstrap" in text for text in texts)
        assert {"gpt-4o", "claude-opus-4", "Volume", "Mix", "Rate"} <= set(driven)

    @pytest.mark.parametrize("chart", compare.CHARTS)
    def test_distributions(self, services: Services, chart: Any) -> None:
        """Both sides are in one figure."""
        found = drawn(chart, parse("/compare", "from=all&mode=segment&key=service.name"), services)
        assert ["shop-0", "shop-1"] == [trace["name"] for trace in found["figure"]["data"]]

    def test_halves_of_a_period(self, services: Services) -> None:
        """Where the history has too little of the time before, it is said that halves are compared."""
        found = texts_of(shown(services, "/compare?from=2020-01-01&to=2027-01-01"))
        assert any("the later half of what is shown" in text for text in found)
        assert not any(
            "the later half" in text for text in texts_of(shown(services, "/compare?from=all&mode=segment&key=service.name"))
        )

    def test_csv(self, services: Services) -> None:
        """All figures leave, with their methods."""
        table = _csv(compare.VIEW, services, "/compare?from=all&mode=segment&key=service.name")
        assert 15 == len(list(table.rows))


class TestCharts:
    def test_drawn(self, services: Services) -> None:
        """A chart is drawn with its groups; a name in it is no markup."""
        found = drawn(charts._MADE, parse("/charts", "from=all&group=user&agg=count"), services)
        names = {trace["name"] for trace in found["figure"]["data"]}
        assert {"ada", "Ann Lee", "none"} <= names
        assert not any("<" in name for name in names)

    def test_marks(self, services: Services) -> None:
        """Between two gaps a line shows nothing: so each value is marked where there are few."""
        made = drawn(charts._MADE, parse("/charts", "from=all&metric=duration&agg=median&bucket=day"), services)
        [overview] = (drawn(one, parse("/overview", "from=all"), services) for one in CHARTS if one.key == "duration")
        assert {"lines+markers"} == {trace["mode"] for one in (made, overview) for trace in one["figure"]["data"]}

    def test_starts(self, services: Services) -> None:
        """There are charts to begin with, each of which is drawn, called as its link is."""
        for start in charts._STARTS:
            state = parse("/charts", "from=all").going_to("charts", **start)
            assert charts._title(chart_of(state, Times(None, None))) in texts_of(shown(services, "/charts?from=all"))
            assert drawn(charts._MADE, state, services)["figure"]["data"]

    def test_a_wrong_filter_is_said(self, services: Services) -> None:
        """What is wrong with a condition stands in the place of the chart."""
        found = drawn(charts._MADE, parse("/charts", "from=all&filter=nothing+%3D+1"), services)
        assert "there is no column nothing" in found["error"].replace("'", "")

    @pytest.mark.parametrize(
        ("place", "known"),
        [
            ("/charts?scope=typo", "sessions, traces"), ("/charts?metric=typo", "cost, tokens"), ("/charts?agg=typo", "sum, average"),
            ("/charts?bucket=typo", "hour, day"), ("/compare?from=all&mode=typo", "period, segment"),
            ("/compare?from=all&mode=segment&key=typo&a=1&b=2", "model, agent, tool, user"),
        ],
    )  # fmt: skip
    def test_unknown_names(self, services: Services, place: str, known: str) -> None:
        """A name that nothing has is said, with those that there are; nothing else is shown in its place."""
        [said] = [one for one in texts_of(shown(services, place)) if "there is no " in one]
        assert "typo" in said
        assert known in said

    def test_unknown_groups(self, services: Services) -> None:
        """The same in the place of the chart; what is no column of a grid, and no order, is said, too."""
        found = drawn(charts._MADE, parse("/charts", "from=all&group=typo"), services)
        assert "there is no key to group by 'typo': use one of model, agent, tool, user" in found["error"]
        with pytest.raises(SessionAggError, match=r"typo.*use one of"):
            rows_panel("user", "users", "Users", parse("/users", "from=all&sort=typo"), services)
        for place in ("/sessions?sort=-typo", "/sessions?cols=session,typo"):
            path, _, search = place.partition("?")
            said = texts_of(_layout(views()[path.strip("/")], parse(path, f"from=all&{search}"), services))
            assert any("typo" in one and "use one of" in one for one in said)

    def test_boards(self, services: Services) -> None:
        """A saved chart is drawn over the time and the filter of the page; it can be moved and removed."""
        titles = [text for text in texts_of(shown(services, "/charts?board=board")) if text in {HOSTILE, "b"}]
        assert {HOSTILE, "b"} == set(titles)
        from otel_session_agg._page.chart_boards import _PLACES, _arranged  # noqa: PLC0415 -- what the buttons do

        assert drawn(_PLACES[0], parse("/charts", "board=board&from=all"), services)["figure"]["data"]
        assert "empty" in drawn(_PLACES[0], parse("/charts", "board=board&from=all&where=user+%3D+nobody"), services)
        assert "empty" in drawn(_PLACES[7], parse("/charts", "board=board&from=all"), services)
        boards = boards_of(services)
        _arranged(boards, "after", "board", HOSTILE)
        _arranged(boards, "wide", "board", "b")
        assert [("b", True), (HOSTILE, False)] == [(one.name, one.is_wide) for one in boards.charts("board")]
        _arranged(boards, "before", "board", HOSTILE)

    def test_saved(self, services: Services) -> None:
        """What an address shows is saved without its time, by its name or else by what it is."""
        said = charts._saved(parse("/charts", "from=7d&scope=traces&group=user"), "", "mine", services)
        assert "Saved: " == said[0]
        assert [("Total cost of traces, by user", "scope=traces&group=user")] == [
            (one.name, one.search) for one in boards_of(services).charts("mine")
        ]

    @pytest.mark.parametrize("board", ["\u202ex", " b ", "a\x00b", "x" * 200, "a/b?c#d"])
    def test_link_to_the_board(self, services: Services, board: str) -> None:
        """What is said leads to the board as it is kept, whatever was typed; a second chart of a name replaces the first one."""
        for begins in ("Saved: ", "Saved in place of "):
            said = charts._saved(parse("/charts", ""), "of that name", board, services)
            assert said[0].startswith(begins)
            place = urlsplit(said[1].href)
            kept = parse(place.path, place.query).more["board"]
            assert ["of that name"] == [one.name for one in boards_of(services).charts(kept)]
            assert f"open {kept}" == said[1].children
        boards_of(services).remove(kept, "of that name")

    def test_csv(self, services: Services) -> None:
        """The figures of the chart leave."""
        table = _csv(charts.VIEW, services, "/charts?from=all&agg=count&bucket=none")
        assert ("all", 61) == tuple(next(iter(table.rows)))[1:3]

    def test_csv_of_a_board(self, services: Services) -> None:
        """The figures of all of its charts leave, each row with its chart, under the filter of the page."""
        boards = boards_of(services)
        boards.save(SavedChart("csv", "first", "agg=count&bucket=none"))
        boards.save(SavedChart("csv", HOSTILE, "agg=count&bucket=none&where=session+%3D+s"))
        table = _csv(charts.VIEW, services, "/charts?from=all&board=csv")
        assert [("first", 61), (HOSTILE, 1)] == [(row[0], row[4]) for row in table.rows]
        table = _csv(charts.VIEW, services, "/charts?from=all&board=csv&where=session+%3D+s")
        assert [("first", 1), (HOSTILE, 1)] == [(row[0], row[4]) for row in table.rows]
        assert [] == list(_csv(charts.VIEW, services, "/charts?from=all&board=nobody").rows)
        boards.remove("csv", "first")
        boards.remove("csv", HOSTILE)


def _csv(view: View, services: Services, place: str) -> Csv:
    assert view.csv is not None
    path, _, search = place.partition("?")
    with services.reader() as history:
        return view.csv(parse(path, search), history, services)


def test_nothing_to_compare_is_an_error(services: Services) -> None:
    """The export of a comparison that is none says so."""
    with pytest.raises(SettingsError):
        _csv(compare.VIEW, services, "/compare?mode=filter")


class TestWhy:
    """The lines of a cost."""

    @given(costs=COST_LINES)
    def test_many_lines(self, costs: list[Decimal | None]) -> None:
        """Of more than are shown, those after them are one that they add up to; unknown costs are no 0."""
        lines = [CostLine("gpt-4o", "input", 1, None, 2, cost) for cost in costs]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session_parts, "MAX_LINES", 5)
            shown = session_parts._shown(lines)
        assert min(len(lines), 5) == len(shown)
        assert 2 * len(lines) == sum(line.calls for line in shown)
        known = [cost for cost in costs if cost is not None]
        assert sum(known) == sum(line.cost for line in shown if line.cost is not None)
        if len(lines) > len(shown) and costs[4:] == [None] * len(costs[4:]):
            assert shown[-1].cost is None
