"""The API, over a history with known figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._history.sources import Selection
from otel_session_agg._offline.options import Options
from otel_session_agg._serve.access import Access
from otel_session_agg._serve.api.services import ApiServices
from otel_session_agg._serve.application import application
from otel_session_agg._serve.guard import guarded
from otel_session_agg._serve.limits import PAGE_LIMITS
from tests.support.histories import Facts, joined, kept, many, one_trace
from tests.support.serving import Response, request, served

HOSTILE = '=HYPERLINK("http://evil.example")<script>alert(1)</script>\x1b[2J\u202e,"\'; DROP TABLE sessions'
FACTS: Sequence[Facts] = (
    joined(
        one_trace(number, f"s{number:02}", cost_pusd=(number % 7) * 10**9 or None, user=f"u{number % 3}") for number in range(40)
    ),
    one_trace(100, HOSTILE, user=HOSTILE, cost_pusd=5),
    many(30, sessions=10, first=200),
)


class Rules:
    """Rules that remember what is done with them."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []
        self.problem: str | None = None

    def rules(self) -> Sequence[Mapping[str, Any]]:
        """One rule."""
        return [{"name": "dear"}]

    def fired(self, limit: int = 100, rule: str | None = None) -> Sequence[Mapping[str, Any]]:
        """What was asked for."""
        return [{"limit": limit, "rule": rule}]

    def preview(self, rule: Mapping[str, Any], days: int = 7) -> Mapping[str, Any]:
        """What was asked for."""
        return {"rule": rule, "days": days}

    def number_fired(self, rule: str | None = None) -> int:
        """More than are returned."""
        return 7 if rule is None else 6

    def save(self, name: str, rule: Mapping[str, Any], before: str | None = None) -> None:
        """Remember it, or refuse it."""
        if not rule:
            message = "a rule has exactly one of the keys session"
            raise SettingsError(message)
        self.done.append(("save", name, rule, before))

    def delete(self, name: str) -> None:
        """Remember it."""
        self.done.append(("delete", name))

    def pause(self, name: str) -> None:
        """Remember it."""
        self.done.append(("pause", name))

    def resume(self, name: str) -> None:
        """Remember it."""
        self.done.append(("resume", name))

    def mute(self, name: str, seconds: float | None = None) -> None:
        """Remember it."""
        self.done.append(("mute", name, seconds))

    def unmute(self, name: str) -> None:
        """Remember it."""
        self.done.append(("unmute", name))


RULES = Rules()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("api") / "history.duckdb"
    kept(found, *FACTS).close()
    return found


@pytest.fixture(scope="module")
def history(path: Path) -> Iterator[SharedHistory]:
    with SharedHistory(path) as found:
        yield found


@pytest.fixture(scope="module")
def port(history: SharedHistory) -> Iterator[int]:
    counts = (
        "spans_accepted",
        "spans_rejected",
        "requests_refused",
        "spans_counted",
        "backlog_bytes",
        "requests_aside",
        "history_bytes",
        "open_sessions",
    )
    status = {**dict.fromkeys(counts, 1), "version": "1", "fault": None, "last_fault": None, "spans_per_second": 0.5}
    services = ApiServices(history.reading, Options(), lambda: status, alerts=RULES)
    app = guarded(application(services), Access(), PAGE_LIMITS)
    with served(app, PAGE_LIMITS) as found:
        yield found


def get(port: int, path: str, **arguments: object) -> Response:
    """The answer to a question."""
    return request(port, "GET", f"/api/v1/{path}?{urlencode(arguments, doseq=True)}")


def values(port: int, path: str, **arguments: object) -> Any:
    """The values of an answer."""
    answer = get(port, path, **arguments)
    assert 200 == answer.status, answer.text
    return json.loads(answer.body)


def everything(port: int, path: str, **arguments: object) -> list[dict[str, Any]]:
    """All rows of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        more: dict[str, object] = {} if cursor is None else {"cursor": cursor}
        page = values(port, path, **arguments, **more)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


class TestLists:
    """Sessions, traces and calls."""

    @pytest.mark.parametrize("by", ["session", "trace", "call"])
    @pytest.mark.parametrize("limit", [7, 1000])
    def test_same(self, history: SharedHistory, port: int, by: str, limit: int) -> None:
        """A list has what a selection has, in its order, however it is cut into pages."""
        ids = {"session": ["session"], "trace": ["trace_id"], "call": ["trace_id", "span_id"]}[by]
        expected = [tuple(row) for row in history.select(Selection(by, columns=ids)).rows]
        assert expected == [tuple(row[name] for name in ids) for row in everything(port, f"{by}s", limit=limit)]

    @pytest.mark.parametrize("sort", ["cost", "-cost", "user", "-user", "start_time", "-duration", "feedback", "-cost_source"])
    def test_order(self, history: SharedHistory, port: int, sort: str) -> None:
        """In any order, with unknown values last; no row is left out or there twice."""
        expected = [row[0] for row in history.select(Selection(columns=["session"], sort=sort)).rows]
        assert expected == [row["session"] for row in everything(port, "sessions", sort=sort, limit=3)]

    def test_values(self, port: int) -> None:
        """Costs are numbers in USD, times in UTC, objects are objects, what is unknown is null."""
        [row] = values(port, "sessions", where="session = 's01'")["items"]
        assert (0.001, "u1", "2026-01-12T10:00:00.001000Z", ["gpt-4o"]) == (
            row["cost"],
            row["user"],
            row["start_time"],
            row["models"],
        )
        [row] = values(port, "sessions", where="session = 's07'")["items"]
        assert row["cost"] is None

    def test_selection(self, port: int) -> None:
        """Conditions, times, columns and a session."""
        found = everything(port, "sessions", where=["cost > 0.001", "user = u1"], columns="session, cost")
        assert [{"session", "cost"}] * len(found) == [set(row) for row in found]
        assert {"s13", "s10", "s31", "s34", "s04", "s16", "s19", "s25", "s37", "s40"} & {row["session"] for row in found}
        assert {"s03"} == {row["session"] for row in values(port, "calls", session="s03")["items"]}
        assert [] == values(port, "sessions", until="2020-01-01T00:00:00Z")["items"]

    @pytest.mark.parametrize(
        "arguments",
        [
            {"where": "cost >"},
            {"where": "1; DROP TABLE sessions"},
            {"where": "session IN (SELECT 1)"},
            {"where": "read_text('/etc/passwd') = 'x'"},
            {"sort": "nothing"},
            {"sort": "models"},
            {"sort": "cost; DROP TABLE sessions"},
            {"columns": "cost,nothing"},
            {"columns": '"'},
            {"cursor": "x"},
            {"cursor": "e30="},
            {"cursor": "WyItY29zdCIsICIxIiwgWyJhIl1d"},
        ],
    )
    def test_not_understood(self, port: int, arguments: Mapping[str, str]) -> None:
        """What is not understood is a problem that says what."""
        answer = get(port, "sessions", **arguments)
        assert (422, "application/problem+json") == (answer.status, answer.headers["content-type"])
        assert json.loads(answer.body)["detail"]

    @pytest.mark.parametrize(
        "arguments",
        [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"since": "yesterday"}, {"where": ["a"] * 11}, {"where": "x" * 10_001}],
    )
    def test_bounds(self, port: int, arguments: Mapping[str, object]) -> None:
        """Arguments are bounded."""
        answer = get(port, "sessions", **arguments)
        assert (422, "application/problem+json") == (answer.status, answer.headers["content-type"])


class TestCsv:
    """The same as CSV."""

    def test_rows(self, port: int) -> None:
        """All rows, with a header, as a file."""
        answer = get(port, "sessions.csv", columns="session,cost", sort="session", where="user = u0")
        rows = list(csv.reader(StringIO(answer.text)))
        assert ["session", "cost"] == rows[0]
        assert ("text/csv; charset=utf-8", 'attachment; filename="sessions.csv"') == (
            answer.headers["content-type"],
            answer.headers["content-disposition"],
        )
        assert ["s03", "0.003"] in rows

    def test_csv_pages(self, port: int) -> None:
        """A table with more rows than were asked for says where the next ones begin; the last one does not."""
        found, more = list[str](), dict[str, object]()
        for _ in range(9):
            answer = get(port, "sessions.csv", columns="session", sort="session", limit=11, **more)
            found += [row for [row] in csv.reader(StringIO(answer.text))][1:]
            if "next-cursor" not in answer.headers:
                break
            more = {"cursor": answer.headers["next-cursor"]}
        whole = get(port, "sessions.csv", columns="session", sort="session")
        assert "next-cursor" not in whole.headers
        assert len(found) > 11
        assert found == [row for [row] in csv.reader(StringIO(whole.text))][1:]

    def test_hostile(self, port: int) -> None:
        """Nothing of it is a formula, nor an escape of a terminal."""
        answer = get(port, "sessions.csv", where="cost = 0.000000000005")
        [_, row] = csv.reader(StringIO(answer.text))
        assert row[0].startswith("'=HYPERLINK")
        assert "\x1b" not in answer.text
        assert [] == [cell for cell in row if cell[:1] in {"=", "+", "-", "@", "\t"}]


class TestFigures:
    """Totals, groups and charts."""

    def test_totals(self, history: SharedHistory, port: int) -> None:
        """Sums over all sessions."""
        found = values(port, "totals")
        [(number, cost)] = history.rows("SELECT count(*), sum(cost) FROM sessions")
        assert (number, float(cost)) == (found["sessions"], found["cost"])

    def test_groups(self, port: int) -> None:
        """Figures by a key, which add up to the total."""
        found = values(port, "groups", group_by="user", sort="-cost", where="session LIKE 's%'")
        assert {"u0", "u1", "u2"} <= {one["keys"]["user"] for one in found["groups"]}
        assert sum(one["figures"]["sessions"] for one in found["groups"]) == found["total"]["sessions"]
        assert found["total"]["cost"] == pytest.approx(sum(one["figures"]["cost"] or 0 for one in found["groups"]))

    def test_chart(self, port: int) -> None:
        """A figure over time and by group adds up to that of all."""
        found = values(port, "chart", metric="cost", aggregation="sum", group_by="model", bucket="none")
        total = values(port, "totals")["cost"]
        assert ("USD", pytest.approx(total)) == (found["unit"], found["total"]["whole"]["value"])
        assert pytest.approx(total) == sum(one["whole"]["value"] or 0 for one in found["series"])

    @pytest.mark.parametrize(
        "arguments", [{"scope": "x"}, {"metric": "x"}, {"aggregation": "x"}, {"bucket": "x"}, {"filter": "("}]
    )
    def test_wrong_chart(self, port: int, arguments: Mapping[str, str]) -> None:
        """A name that is none is a problem."""
        assert 422 == get(port, "chart", **arguments).status

    @pytest.mark.parametrize(
        ("address", "arguments", "known"),
        [
            *(("chart", {"scope": scope, "group_by": "typo"}, "user") for scope in ("sessions", "traces", "calls")),
            ("chart", {"group_by": "metadata.typo"}, "model, agent, tool, user"),
            ("chart", {"scope": "traces", "group_by": "model"}, "user, name"),
            ("groups", {"group_by": "typo"}, "user"),
            ("groups", {"group_by": "user", "sort": "typo"}, "cost"),
            ("chart", {"metric": "typo"}, "cost, tokens"),
            ("chart", {"bucket": "typo"}, "hour, day"),
            ("sessions", {"sort": "typo"}, "session, state"),
            ("traces", {"columns": "typo"}, "trace_id, session"),
        ],
    )
    def test_unknown_names(self, port: int, address: str, arguments: Mapping[str, str], known: str) -> None:
        """A name that nothing has is a problem that lists the names that there are."""
        answer = get(port, address, **arguments)
        assert 422 == answer.status
        detail = json.loads(answer.body)["detail"]
        assert next(one for one in ("metadata.typo", "typo", "model") if one in arguments.values()) in detail
        assert known in detail

    def test_conditions_of_a_chart(self, port: int) -> None:
        """Several conditions without quotes are all met, as for totals."""
        where = ["user = u1", "state = ended"]
        expected = values(port, "totals", where=where)
        whole = values(port, "chart", where=where, bucket="none")["total"]["whole"]
        assert expected["sessions"] > 0
        assert (expected["sessions"], expected["cost"]) == (whole["rows"], whole["value"])

    @pytest.mark.parametrize("address", ["chart", "totals", "sessions", "groups"])
    def test_times_without_a_zone(self, port: int, address: str) -> None:
        """A time that names no zone is in UTC."""
        until = "2100-01-01T00:00:00"
        more = {"group_by": "user"} if address == "groups" else {}
        assert values(port, address, until=f"{until}Z", **more) == values(port, address, until=until, **more)
        assert 422 == get(port, address, since="0001-01-01T00:00:00+14:00", **more).status

    @pytest.mark.parametrize(
        ("question", "message"),
        [
            (
                "groups?group_by=user&goup_by=model",
                "there is no parameter 'goup_by': use one of where, since, until, group_by, of, sort, limit",
            ),
            ("chart?group-by=user", "use one of where, since, until, scope, metric, aggregation, filter, group_by, top, bucket"),
            ("sessions?form=csv", "there is no parameter 'form'"),
            ("sessions.csv?page=2", "there is no parameter 'page'"),
            ("session?id=s00&trace=1", "use one of id"),
            ("status?now=1", "there are none here"),
            ("alerts/fired?rules=x", "use one of rule, limit"),
            ("groups?group_by=user&group_by=model", "'group_by' can stand in the address once"),
            ("totals?until=2030-01-01&until=2031-01-01", "'until' can stand in the address once"),
            ("totals?%1b%5b2J=1", "there is no parameter '\\\\x1b[2J'"),
        ],
    )
    def test_unknown_parameters(self, port: int, question: str, message: str) -> None:
        """A name that is not known, or stands twice, is refused with the names that there are."""
        answer = request(port, "GET", f"/api/v1/{question}")
        assert (422, True) == (answer.status, message in json.loads(answer.body)["detail"]), answer.text

    @pytest.mark.parametrize("time", ["2026", "20260501", "0.5", "1764460800000", "nan", "1e9", "inf", "tomorrow"])
    def test_times_that_are_none(self, port: int, time: str) -> None:
        """A number is no time: of a year, seconds would be meant."""
        for name in ("since", "until"):
            assert 422 == get(port, "totals", **{name: time}).status
        assert 200 == get(port, "totals", since="2026-05-01").status

    def test_unknown_fields(self, port: int) -> None:
        """So is a field of a body: a rule would be muted for good."""
        RULES.done.clear()
        kind = {"Content-Type": "application/json"}
        answer = request(port, "POST", "/api/v1/alerts/mute", b'{"name": "r", "second": 60}', kind)
        assert (422, []) == (answer.status, RULES.done)

    def test_values_that_cannot_be(self, port: int) -> None:
        """A condition that fails for a value is the fault of the condition."""
        answer = get(port, "totals", where="session::INTEGER > 1")
        assert (422, True) == (answer.status, "the condition cannot be met" in answer.text)

    def test_names(self, port: int) -> None:
        """What conditions may name."""
        assert {"cost", "user"} < set(values(port, "names")["columns"])


class TestSession:
    """One session."""

    def test_totals(self, port: int) -> None:
        """Its row, and lines that add up to its cost."""
        found = values(port, "session", id="s03")
        assert ("s03", 0.003) == (found["session"]["session"], found["session"]["cost"])
        assert pytest.approx(0.003) == sum(line["cost"] or 0 for line in found["why_cost"]["lines"])
        assert 1 == len(found["turns"])

    @pytest.mark.parametrize("address", ["session", "session/tree"])
    def test_unknown(self, port: int, address: str) -> None:
        """A session that is not there is 404."""
        answer = get(port, address, id="' OR 1=1 --")
        assert (404, "there is no such session") == (answer.status, json.loads(answer.body)["detail"])

    def test_hostile(self, port: int) -> None:
        """An id of any characters is found, and stays a text."""
        answer = get(port, "session", id=HOSTILE)
        assert HOSTILE == json.loads(answer.body)["session"]["session"]
        assert "application/json" == answer.headers["content-type"]

    @pytest.mark.parametrize("trace_id", ["x", "1", "' OR 1=1", "F" * 32])
    def test_wrong_trace(self, port: int, trace_id: str) -> None:
        """An id of a trace is 32 digits."""
        assert 422 == get(port, "session/tree", id="s03", trace_id=trace_id).status


class TestServer:
    """The server and its alerts."""

    def test_status(self, port: int) -> None:
        """How it does."""
        assert 1 == values(port, "status")["spans_accepted"]

    def test_alerts(self, port: int) -> None:
        """Rules and what fired."""
        assert {"rules": [{"name": "dear"}]} == values(port, "alerts")
        assert {"fired": [{"limit": 5, "rule": "x"}], "total": 6} == values(port, "alerts/fired", limit=5, rule="x")

    def test_changes(self, port: int) -> None:
        """Rules are paused and muted by POST, and never by GET."""
        RULES.done.clear()
        for action, body in (("pause", {}), ("resume", {}), ("mute", {"seconds": 60}), ("unmute", {})):
            answer = request(
                port,
                "POST",
                f"/api/v1/alerts/{action}",
                json.dumps({"name": "r", **body}).encode(),
                {"Content-Type": "application/json"},
            )
            assert 204 == answer.status
            answer = get(port, f"alerts/{action}", name="r")
            assert (405, "POST") == (answer.status, answer.headers["allow"])
        assert [("pause", "r"), ("resume", "r"), ("mute", "r", 60.0), ("unmute", "r")] == RULES.done

    def test_kept(self, port: int) -> None:
        """A rule is kept by PUT and deleted by DELETE; why one is not allowed is said."""
        RULES.done.clear()
        kind = {"Content-Type": "application/json"}
        rule = {"session": "cost > 1"}
        kept = request(port, "PUT", "/api/v1/alerts/rule", json.dumps({"name": "a/b", "rule": rule}).encode(), kind)
        gone = request(port, "DELETE", "/api/v1/alerts/rule?name=a/b")
        assert [204, 204] == [kept.status, gone.status]
        assert [("save", "a/b", rule, None), ("delete", "a/b")] == RULES.done
        body = json.dumps({"name": "b", "rule": rule, "before": "a"}).encode()
        assert 204 == request(port, "PUT", "/api/v1/alerts/rule", body, kind).status
        assert ("save", "b", rule, "a") == RULES.done[-1]
        refused = request(port, "PUT", "/api/v1/alerts/rule", b'{"name": "r", "rule": {}}', kind)
        assert (422, "application/problem+json") == (refused.status, refused.headers["content-type"])
        assert "exactly one of the keys" in json.loads(refused.body)["detail"]
        assert [422, 422] == [
            request(port, "DELETE", "/api/v1/alerts/rule").status,
            request(port, "PUT", "/api/v1/alerts/rule", b"{}", kind).status,
        ]

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_kept_by_another_site(self, port: int, method: str) -> None:
        """A page of another site cannot change rules."""
        RULES.done.clear()
        headers = {"Content-Type": "application/json", "Origin": "http://evil.example"}
        body = b'{"name": "r", "rule": {"session": "cost > 1"}}'
        assert 403 == request(port, method, "/api/v1/alerts/rule?name=r", body, headers).status
        assert [] == RULES.done

    def test_form(self, port: int) -> None:
        """A form, which a page of any site can send, is not understood."""
        answer = request(port, "POST", "/api/v1/alerts/pause", b'{"name": "r"}', {"Content-Type": "text/plain"})
        assert 422 == answer.status

    def test_preview(self, port: int) -> None:
        """A rule can be tried."""
        body = json.dumps({"rule": {"when": "cost > 1"}, "days": 3}).encode()
        answer = request(port, "POST", "/api/v1/alerts/preview", body, {"Content-Type": "application/json"})
        assert {"rule": {"when": "cost > 1"}, "days": 3} == json.loads(answer.body)

    @pytest.mark.parametrize("address", ["nothing", "", "sessions/x", "../../etc/passwd"])
    def test_nothing(self, port: int, address: str) -> None:
        """What is not there is a problem, too."""
        answer = get(port, address)
        assert (404, "application/problem+json") == (answer.status, answer.headers["content-type"])

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "HEAD"])
    def test_methods(self, port: int, method: str) -> None:
        """What can be asked in another way is a problem that says in which."""
        answer = request(port, method, "/api/v1/totals")
        assert (405, "GET") == (answer.status, answer.headers["allow"])
        assert {"PUT", "DELETE"} == set(request(port, "GET", "/api/v1/alerts/rule").headers["allow"].split(", "))

    def test_not_stored(self, port: int) -> None:
        """No cache keeps an answer."""
        assert {"no-store"} == {get(port, name).headers["cache-control"] for name in ("totals", "sessions.csv", "status")}

    def test_no_foreign_scripts(self, port: int) -> None:
        """There is no page that loads scripts of other sites."""
        assert [404, 404] == [request(port, "GET", path).status for path in ("/docs", "/redoc")]


class TestSchema:
    """The description of the API."""

    def test_described(self, port: int) -> None:
        """Every address and figure is described, with the unit of each column of the history."""
        schema = values(port, "openapi.json")
        assert {"/api/v1/sessions", "/api/v1/session", "/api/v1/totals", "/api/v1/status"} <= schema["paths"].keys()
        session = schema["components"]["schemas"]["Session"]["properties"]
        assert "known cost in USD" in session["cost"]["description"]
        assert all(operation["summary"] for path in schema["paths"].values() for operation in path.values())

    def test_nothing_changes_by_get(self, port: int) -> None:
        """What changes something is no GET."""
        schema = values(port, "openapi.json")
        changing = {path for path, methods in schema["paths"].items() if set(methods) != {"get"}}
        assert {f"/api/v1/alerts/{name}" for name in ("mute", "unmute", "pause", "resume", "preview", "rule")} == changing
