"""The page without a browser: its routes, its views and its callbacks."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from itertools import repeat
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from dash import html
from fastapi import FastAPI
from fastapi.testclient import TestClient
from plotly.utils import PlotlyJSONEncoder

from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._alerts.rules_file import read_rules
from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._history.sources import Selection
from otel_session_agg._page.asking import figures_at
from otel_session_agg._page.exporting import exported
from otel_session_agg._page.grid_rows import filters_at, rows_at
from otel_session_agg._page.named import SEGMENT, rows_panel
from otel_session_agg._page.named_tables import _sessions_of, sums_of
from otel_session_agg._page.page import build_page
from otel_session_agg._page.parts import link, message
from otel_session_agg._page.services import Services
from otel_session_agg._page.shell import Offered, fault_of, header
from otel_session_agg._page.views import views
from otel_session_agg._views import grid
from otel_session_agg._views.address import parse
from otel_session_agg._views.grid import Wanted
from otel_session_agg._views.live import Status
from otel_session_agg._views.named import named
from otel_session_agg._views.names import Names
from otel_session_agg.analysis._numbers import exact
from otel_session_agg.analysis._source import named_text
from tests.support.histories import joined, one_trace
from tests.support.session_tables import HOSTILE, history_of, two_weeks

OURS = ["overview", "sessions", "segments", "users", "models", "tools", "agents", "live"]


def _json(component: object) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder)


@pytest.fixture(scope="module")
def client(services: Services) -> TestClient:
    """A client of an application with a route of its own and the page."""
    app = FastAPI()
    app.get("/api/v1/ping")(lambda: "pong")
    build_page(app, services)
    return TestClient(app)


class TestHeader:
    """What a view groups by."""

    @pytest.mark.parametrize(
        ("address", "shown", "has_parts"),
        [
            (("/overview", ""), "model", True),
            (("/sessions", "?by=user"), "user", True),
            (("/segments", ""), "service.name", False),
            (("/segments", "?by=model"), "service.name", False),
            (("/segments", "?by=tenant"), "tenant", False),
        ],
    )
    def test_shown(self, address: tuple[str, str], shown: str, *, has_parts: bool) -> None:
        """The header shows what the rows are by, also when the address does not say it."""
        found = _grouping(*address)
        assert (shown, "block", has_parts) == (
            found.value,
            found.display or "block",
            "model" in [one["value"] for one in found.data],
        )

    @pytest.mark.parametrize("view", [name for name in views() if name not in {"overview", "sessions", "segments"}])
    def test_hidden(self, view: str) -> None:
        """Where nothing is grouped, there is no control that does nothing."""
        assert "none" == _grouping(f"/{view}", "?by=user").display


def _grouping(path: str, search: str) -> Any:
    """The control in the header."""
    state = parse(path, search)
    offered = Offered(Names((), ("model", "agent", "tool", "user", "service.name", "tenant")), "14d", is_live=True)
    made = header(state, offered, views()[state.view].groups_by(state), None)
    [found] = [one for one in made if getattr(one, "id", None) == "by"]
    found.display = getattr(found, "display", None)
    return found


class TestRoutes:
    """What the page answers."""

    @pytest.mark.parametrize("path", ["/", *(f"/{name}" for name in OURS)])
    def test_views(self, client: TestClient, path: str) -> None:
        """Every view is the one page, whose script reads the address; only scripts with a hash are in it."""
        found = client.get(path, params={"where": "<script>alert(1)</script>"})
        assert (200, True) == (found.status_code, found.headers["content-type"].startswith("text/html"))
        assert "alert(1)" not in found.text

    @pytest.mark.parametrize("path", ["/nope", "/overview/more", "/_dash-ws-callback", "/api/v1/nope", "/assets/../page.py"])
    def test_others(self, client: TestClient, path: str) -> None:
        """There is no other page."""
        assert 404 == client.get(path).status_code

    @pytest.mark.parametrize("path", ["/nope", "/overview/more", "/%3Cscript%3Ealert(1)%3C/script%3E"])
    def test_no_such_page(self, client: TestClient, path: str) -> None:
        """A browser that asks for a page that there is not is shown the way back; nothing of its address is in it."""
        found = client.get(path, headers={"accept": "text/html,*/*"})
        assert (404, True) == (found.status_code, 'href="/"' in found.text)
        assert "alert(1)" not in found.text

    def test_own(self, client: TestClient) -> None:
        """Routes of the server are before it."""
        assert '"pong"' == client.get("/api/v1/ping").text

    def test_state_is_not_changed_by_get(self, client: TestClient) -> None:
        """Callbacks are not asked by GET."""
        assert 405 == client.get("/_dash-update-component").status_code

    @pytest.mark.parametrize(
        ("given", "answer"),
        [
            ({"key": "tokens", "path": "/overview", "search": "?from=all"}, "figure"),
            ({"key": "tokens", "path": "/overview", "search": "?where=cost+%3E+1000000"}, "empty"),
            ({"key": "tokens", "path": "/overview", "search": "?where=nope+%3D+1"}, "error"),
            ({"key": "nope", "path": "/overview", "search": ""}, "error"),
            ({}, "error"),
        ],
    )
    def test_chart(self, client: TestClient, given: dict[str, str], answer: str) -> None:
        """A chart is asked for by its key and the address, and is kept by no cache."""
        found = client.get("/_chart", params=given)
        assert (200, True, "no-store") == (found.status_code, answer in found.json(), found.headers["cache-control"])

    def test_assets(self, client: TestClient) -> None:
        """Styles and scripts come from here."""
        text = client.get("/overview").text
        assert "explorer.js" in text
        assert "http://" not in text
        assert "https://" not in text

    def test_scripts(self, client: TestClient) -> None:
        """React comes first; nothing comes for browsers that do not know Promise."""
        scripts = re.findall(r'<script src="/?([^"?]*)', client.get("/").text)
        assert ["react@", "react-dom@"] == [re.split(r"(?<=@)", one.rpartition("/")[2])[0] for one in scripts[:2]]
        assert not [one for one in scripts if "polyfill" in one]


def _shown(client: TestClient, path: str, search: str = "") -> Any:
    output = "..header.children...sidebar.children...view.children.."
    ids = [{"id": name, "property": "children"} for name in ("header", "sidebar", "view")]
    body = {
        "output": output,
        "outputs": ids,
        "inputs": [{"id": "state", "property": "data", "value": {"path": path, "search": search}}],
        "state": [{"id": "theme", "property": "data", "value": "light"}],
        "changedPropIds": ["state.data"],
    }
    return client.post("/_dash-update-component", json=body).json()["response"]


def _table(client: TestClient, name: str) -> Any:
    place = f"{name}-table"
    body = {
        "output": f"{place}.children",
        "outputs": {"id": place, "property": "children"},
        "inputs": [{"id": place, "property": "id", "value": place}, {"id": "tick", "property": "data", "value": None}],
        "state": [{"id": "state", "property": "data", "value": {"path": f"/{name}", "search": ""}}],
        "changedPropIds": [f"{place}.id"],
    }
    return client.post("/_dash-update-component", json=body).json()["response"]


def _values(answer: object, name: str) -> list[Any]:
    """Return the values of the properties of this name, wherever they are."""
    if isinstance(answer, list):
        return [value for part in answer for value in _values(part, name)]
    if not isinstance(answer, dict):
        return []
    return [value for key, part in answer.items() for value in ([part] if key == name else _values(part, name))]


class TestShown:
    """What the address shows."""

    @pytest.mark.parametrize("name", OURS)
    def test_views(self, client: TestClient, name: str) -> None:
        """Each view has a heading, and the navigation says which it is."""
        found = _shown(client, f"/{name}")
        assert '"H1"' in json.dumps(found["view"])
        assert 1 == json.dumps(found["sidebar"]).count('"nav-link active"')

    def test_condition(self, client: TestClient) -> None:
        """A wrong condition is explained in the view and beside it."""
        found = _shown(client, "/overview", "?where=nope+%3D+1")
        assert "there is no column" in json.dumps(found["view"])
        assert "there is no column" in json.dumps(found["header"])

    def test_unknown_view(self, client: TestClient) -> None:
        """So is an address of none."""
        assert "There is no such view" in json.dumps(_shown(client, "/nothing")["view"])

    def test_links_keep_the_state(self, client: TestClient) -> None:
        """Other views show the same sessions."""
        found = json.dumps(_shown(client, "/overview", "?where=cost+%3E+0&from=7d")["sidebar"])
        assert "/sessions?where=cost+%3E+0&from=7d" in found

    def test_hostile_names(self, client: TestClient) -> None:
        """A hostile name is a text, and its link leads to a condition with it as a text."""
        [text] = _values(_table(client, "models"), "data-table")
        found = json.dumps(json.loads(text))
        assert "dangerously" not in found
        assert "</script>" not in text
        assert "/sessions?where=models+%3D+%27%3C%2Fscript%3E" in found


class TestFaults:
    """A history that cannot be read."""

    def test_message(self, services: Services) -> None:
        """It is said what is wrong, in all views, and the header stays."""

        @contextmanager
        def broken() -> Iterator[Any]:
            message = "the file is locked"
            raise HistoryError(message)
            yield

        app = FastAPI()
        build_page(app, replace(services, reader=broken))
        found = _shown(TestClient(app), "/overview")
        assert "the file is locked" in json.dumps(found["view"])
        assert "otel-session-agg" in json.dumps(found["header"])


class TestExported:
    """*Export CSV*."""

    @pytest.mark.parametrize(
        ("name", "first"), [("overview", "session,"), ("models", "model,sessions"), ("users", "user,sessions")]
    )
    def test_rows(self, services: Services, name: str, first: str) -> None:
        """The rows of the view, and none of them begins with a formula."""
        text, said = exported(parse(f"/{name}", "?from=all"), services)
        assert text.startswith(first)
        assert not said
        assert not [line for line in text.splitlines() if line.startswith("=")]

    def test_filter(self, services: Services, sessions: History) -> None:
        """Only what is selected."""
        text, _ = exported(parse("/sessions", "?from=all&where=cost+%3E+0.01"), services)
        [(number,)] = sessions.rows("SELECT count(*) FROM sessions WHERE cost > 0.01")
        assert number + 1 == len(text.splitlines())

    def test_columns(self, services: Services, sessions: History) -> None:
        """What the grid is filtered and sorted by in the address is so in the file."""
        filters = json.dumps({"tokens": {"filterType": "number", "type": "greaterThan", "filter": 5000}})
        query = urlencode({"from": "all", "sort": "tokens", "filters": filters})
        text, _ = exported(parse("/sessions", query), services)
        expected = sessions.rows("SELECT tokens FROM sessions WHERE tokens > 5000 ORDER BY tokens, session")
        rows = list(csv.DictReader(StringIO(text)))
        assert [str(tokens) for (tokens,) in expected] == [row["tokens"] for row in rows]

    def test_tools(self, services: Services) -> None:
        """Tools are sorted by their calls where the address does not say by what: what no tool did comes last."""
        text, _ = exported(parse("/tools", "?from=all"), services)
        rows = list(csv.DictReader(StringIO(text)))
        calls = [int(row["calls"]) for row in rows]
        assert sorted(calls, reverse=True) == calls
        assert "none" == rows[-1]["tool"]

    def test_too_many(self, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file that has not all rows is called so, with how many there are."""
        monkeypatch.setattr(grid, "MAX_EXPORTED", 10)
        text, said = exported(parse("/sessions", "from=all"), services)
        assert 11 == len(text.splitlines())
        assert "the first 10 of 400 rows" in said


class TestFilters:
    """What an address filters the grid's columns by."""

    def test_kept(self) -> None:
        """What the grid has written is what it gets."""
        given = {
            "cost": {
                "filterType": "number",
                "operator": "OR",
                "conditions": [{"type": "lessThan", "filter": 1}, {"type": "blank"}],
            },
            "user": {"filterType": "text", "type": "contains", "filter": HOSTILE},
        }
        assert given == filters_at(parse("/sessions", urlencode({"filters": json.dumps(given)})))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "[]",
            "1",
            '{"nope": {}}',
            '{"cost": 1}',
            "[" * 900,
            '{"cost": {"filter": NaN, "type": {}, "conditions": 1, "x": 1}}',
        ],
    )
    def test_not_understood(self, text: str) -> None:
        """What is not of its form is left out."""
        found = filters_at(parse("/sessions", urlencode({"filters": text})))
        assert {} == {name: one for name, one in found.items() if one}


class TestBudgets:
    """How much running sessions have used of what rules allow."""

    def test_shown(self, services: Services) -> None:
        """In the list of what runs and in the grid; not of sessions that have ended, and not without a rule."""
        with history_of(two_weeks(50)) as history:
            [(session,), (other,)] = history.rows("SELECT session FROM sessions WHERE cost > 0.001 ORDER BY session LIMIT 2")
            history.note_open([session])
            rules = read_rules("rules: {dear: {session: cost > 0.001}}")
            reader = lambda: nullcontext(history)  # noqa: E731
            live = replace(services, reader=reader, more={"alerts": AlertEngine(rules, services.reader)})
            state = parse("/sessions", "from=all")
            rows, _ = rows_at(state, Wanted(only=[session, other]), live)
            budgets = {row["id"]: (row["budget"], row["tone"]) for row in rows["rowData"]}
            assert ("", "") == budgets[other]
            text, tone = budgets[session]
            assert ("bad", True) == (tone, text.endswith("% of 0.001 USD"))
            assert text in _json(views()["live"].layout(parse("/live", ""), live))
            assert '"headerName": "Budget"' in _json(views()["sessions"].layout(state, live))
            text, said = exported(parse("/live", "where=cost+%3E+1000000"), live)
            assert ([session], "") == ([row["session"] for row in csv.DictReader(StringIO(text)) if row["state"] == "open"], said)
            without = replace(live, more={})
            assert "Budget" not in _json(views()["live"].layout(parse("/live", ""), without))
            assert '"headerName": "Budget"' not in _json(views()["sessions"].layout(state, without))


class TestParts:
    """Foreign text in components."""

    def test_text(self) -> None:
        """It is a child or an attribute, as it is."""
        made = html.Div([message(HOSTILE, HOSTILE, "bad"), link(HOSTILE, "/session?id=x")])
        assert json.dumps(HOSTILE) in _json(made)

    def test_views_are_known_once(self) -> None:
        """The list is made once."""
        assert views() is views()


class TestRunning:
    """Sessions that are open, as the history says."""

    def test_everywhere(self, services: Services) -> None:
        """The grid, the totals and the view of such a session say that it runs; of others they do not."""
        with history_of(two_weeks(20)) as history:
            [(session,), (other,)] = history.rows("SELECT session FROM sessions ORDER BY session LIMIT 2")
            history.note_open([session])
            live = replace(services, reader=lambda: nullcontext(history))
            state = parse("/sessions", "from=all")
            assert 1 == figures_at(state, history, live).running
            rows, _ = rows_at(state, Wanted(only=[session, other]), live)
            assert {session: "running", other: "ended"} == {row["id"]: row["state"] for row in rows["rowData"]}
            for one, said in ((session, "running"), (other, "ended")):
                shown = views()["session"].layout(parse("/session", urlencode({"id": one})), live)
                assert f'"{said}"' in _json(shown)


class TestSegments:
    """The view by a dimension."""

    @pytest.mark.parametrize("by", ["", "&by=model", "&by=service.name", "&by=tenant", "&by=user", "&by=metadata.plan"])
    def test_rows(self, by: str) -> None:
        """It has the rows of the dimension that is chosen, and each leads to its sessions."""
        key = by.removeprefix("&by=") if by not in {"", "&by=model"} else "service.name"
        facts = joined(
            one_trace(
                at, f"s{at}", user=f"u{at % 2}", metadata={"plan": "pro" if at % 3 else '"'},
                dimensions={"service.name": f"shop-{at % 2}", **({"tenant": at % 3} if at else {})},
            )
            for at in range(6)
        )  # fmt: skip
        with History() as history:
            history.add(*facts)
            history.recount()
            services = Services(lambda: nullcontext(history))
            state = parse("/segments", f"from=all{by}")
            expected = named(history, key).rows
            assert key in _json(rows_panel(SEGMENT, "segments", "Segments", state, services)).casefold()
            for row in expected:
                address = parse("/sessions", _sessions_of(row.name, key, state).partition("?")[2])
                found = list(history.select(Selection(where=address.where, columns=["session"])).rows)
                assert row.sessions == len(found)
            assert "" == sums_of(expected, "model")[4]
            assert f"{sum(row.sessions for row in expected):,}" == sums_of(expected, key)[4]
            assert f"{exact(sum((row.cost or Decimal(0) for row in expected), Decimal(0)))} USD" in _json(
                sums_of(expected, key)[1]
            )
            assert '"Tfoot"' in _json(rows_panel(SEGMENT, "segments", "Segments", state, services)).replace("\\", "")
            make = views()["segments"].csv
            assert make is not None
            table = make(state, history, services)
            assert (key, len(expected)) == (table.columns[0], table.total)


class TestNamedNone:
    """A user who is called as what has none is, or as all others together are."""

    def test_rows(self) -> None:
        """Each has a row and a colour of its own, and what it links to is its own."""
        users = [None, "none", '"none"', "other", "ada"]
        facts = joined(one_trace(at, f"s{at}", user=user) for at, user in enumerate(users))
        with History() as history:
            history.add(*facts)
            history.recount()
            rows = named(history, "user").rows
            assert {"none", '"none"', '""none""', '"other"', "ada"} == {row.name for row in rows}
            found = set[object]()
            for row in rows:
                query = _sessions_of(row.name, "user", parse("/users", "from=all")).partition("?")[2]
                where = parse("/sessions", query).where
                [(session, user)] = history.select(Selection(where=where, columns=["session", "user"])).rows
                assert named_text(cast("str | None", user)) == row.name
                found.add(session)
            assert 5 == len(found)


class TestFaultOfTheServer:
    """What is wrong with the server."""

    def test_above_every_view(self, services: Services) -> None:
        """It is said above every view but that of what runs, which says it itself; nothing is, where nothing is wrong."""
        for fault in ("the history cannot be written: the disk is full", None):
            status = cast("Status", SimpleNamespace(fault=fault))
            given = replace(services, status=repeat(status).__next__)
            said = [_json(fault_of(view, given)) for view in ("overview", "sessions", "alerts", "live")]
            assert [bool(fault)] * 3 == ["the disk is full" in one for one in said[:3]]
            assert "null" == said[3]
        assert fault_of("overview", services) is None


class TestAside:
    """Requests that are not counted."""

    def test_said(self, services: Services) -> None:
        """The view of what runs says how many there are, and where the last one is."""
        known = {"backlog_bytes": 0, "spans_counted": 1, "spans_per_second": 1.0, "fault": None}
        for number, last in ((2, "/tmp/h.requests.aside/request-2.pb"), (0, None)):  # noqa: S108 -- a name
            status = cast("Status", SimpleNamespace(**known, requests_aside=number, last_aside=last))
            shown = _json(views()["live"].layout(parse("/live", ""), replace(services, status=repeat(status).__next__)))
            assert bool(number) == ("2 requests ended the process" in shown) == ("request-2.pb" in shown)


class TestNothing:
    """An overview of no sessions is no page of empty charts."""

    def test_of_a_filter(self, services: Services) -> None:
        """It says so, and leads to what there is."""
        shown = _json(views()["overview"].layout(parse("/overview", "from=7d&where=cost+%3E+1000"), services))
        assert "No session meets the filter in this time" in shown
        assert '"/overview?from=7d"' in shown
        assert '"/overview?where=cost+%3E+1000&from=all"' in shown
        assert "graph" not in shown

    def test_of_a_new_server(self, services: Services) -> None:
        """It says what exporters need, and asks again whether something has come."""
        with SharedHistory() as history:
            given = replace(services, reader=history.reading)
            shown = _json(views()["overview"].layout(parse("/overview", ""), given))
            assert all(word in shown for word in ("No spans have come yet", "OTEL_EXPORTER_OTLP_ENDPOINT", "overview-waits"))
            stored = replace(given, is_live=False)
            assert "overview-waits" not in _json(views()["overview"].layout(parse("/overview", ""), stored))
