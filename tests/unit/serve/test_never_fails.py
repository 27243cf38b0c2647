"""Whatever is sent to the port of the page and the API, the answer says what is wrong with it: the server does not fail."""

from __future__ import annotations

import json
import socket
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._alerts.rules_file import NO_RULES
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live.counter import LiveCounter
from otel_session_agg._offline.options import Options
from otel_session_agg._serve.limits import PAGE_LIMITS
from otel_session_agg._serve.places import Places
from otel_session_agg._serve.serving import Work, _page
from tests.support.histories import kept, many
from tests.support.serving import SECONDS, served

LIMITS = replace(PAGE_LIMITS, requests_per_second=1e6, burst=10**6)
API = b"/api/v1/"
SUITES = b"/_dash-component-suites/"
CALLBACKS = b"/_dash-update-component"
PATHS = [
    b"/", b"//", b"*", b"/overview", b"/%00", b"/%ff", b"/..", b"/login", b"/logout", b"/assets/", b"/assets/x.js", b"/assets/%2e%2e/x",
    b"/_dash-layout", b"/_dash-dependencies", CALLBACKS, b"/_reload-hash", b"/_favicon.ico", b"/_dash-ws-callback", b"/_alive",
    SUITES, SUITES + b"x", SUITES + b"dash/x.js", SUITES + b"dash/dcc/async-x.js", SUITES + b"dash/dcc/dcc.v1_1_1m1.js",
    SUITES + b"../x/y", SUITES + b"dash//etc/passwd", SUITES + b"%00/x", SUITES + b"dash/%00", SUITES + b"os/path.py",
    *(API + name for name in (
        b"", b"sessions", b"sessions.csv", b"traces", b"calls", b"totals", b"groups", b"chart", b"names", b"session", b"session/tree",
        b"status", b"alerts", b"alerts/fired", b"alerts/pause", b"alerts/mute", b"alerts/preview", b"openapi.json", b"%00",
    )),
]  # fmt: skip
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"CONNECT", b"FOO"]
VALUES = [
    b"", b"%00", b"a%00b", b"%ff%fe", b"%ED%A0%80", b"9" * 400, b"-1", b"1e999", b"NaN", b"-9223372036854775809", b"[", b"%7B%7D",
    b"'", b"%22", b"--", b"/*", b"a" * 10_001, b"0001-01-01T00:00:00%2B23:59", b"9999-12-31T23:59:59-23:59", b"%0d%0a", b"(" * 500,
    b"(" * 4000 + b"1" + b")" * 4000, b"metadata.", b"metadata.%00", b"$", b"%25", b"%F0%9F%92%A9",
]  # fmt: skip
ARGUMENTS = {
    b"sessions": b"where since until sort columns session limit cursor", b"sessions.csv": b"where limit columns", b"calls": b"where sort",
    b"totals": b"where since", b"groups": b"group_by of sort limit", b"session": b"id", b"session/tree": b"id trace_id",
    b"chart": b"scope metric aggregation filter group_by top bucket since until", b"alerts/fired": b"rule limit",
}  # fmt: skip
CURSORS = [
    b"[]", b"null", b'["-end_time","x",["a"]]', b'["-end_time",null,["a"]]', b'["-end_time","2020-01-01",["\\u0000"]]',
    b'["-end_time","2020-01-01",["\\ud800"]]', b"[" * 5000, b'["-end_time","999999999999999-01-01",["a"]]', b'["-end_time","x",[1]]',
]  # fmt: skip
HEADERS = [
    [b"Cookie: otel-session-agg=\xff"], [b"Cookie: =;;;="], [b"Cookie: a=1", b"Cookie: b=2"], [b"Authorization: Bearer \xff"],
    [b"Authorization: "], [b"Content-Type: \xff"], [b"Accept: \xff"], [b"Accept-Encoding: \xff"], [b"Range: bytes=x"],
    [b"If-None-Match: *"], [b"If-Modified-Since: x"], [b"Expect: 100-continue"], [b"X-Forwarded-For: x"],
]  # fmt: skip
VIEW = (
    b'{"output":"..header.children...sidebar.children...view.children..","outputs":[{"id":"header","property":"children"},'
    b'{"id":"sidebar","property":"children"},{"id":"view","property":"children"}],"inputs":[{"id":"state","property":"data","value":%s}],'
    b'"changedPropIds":["state.data"],"state":[{"id":"theme","property":"data"}]}'
)
BODIES = [
    b"", b"{", b"null", b"[]", b"1", b'"x"', b"{}", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"\x00", b'{"name":"\\u0000"}',
    b'{"name":"\\ud800"}', b'{"name":1e999}', b'{"name":"x","seconds":1e999}', b'{"name":"x","seconds":NaN}',
    b'{"name":"x","seconds":' + b"9" * 5000 + b"}", b'{"rule":{"name":"x"},"days":7}', b'{"rule":{"name":"\\u0000","where":"\\u0000"}}',
    b'{"output":1,"outputs":1,"inputs":1,"changedPropIds":1}', b'{"output":"x.y","outputs":[],"inputs":[],"changedPropIds":[]}',
    b'{"output":"..header.children...sidebar.children...view.children..","outputs":[],"inputs":[],"changedPropIds":[],"state":[]}',
    *(VIEW % value for value in (b"null", b"1", b'"x"', b"{}", b'{"path":1,"search":[]}', b'{"path":"/%00","search":"?where=%00&from=9"}')),
]  # fmt: skip
TYPES = [
    b"application/json",
    b"text/plain",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data",
    b"application/json; charset=x",
]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the page and the API of a server with some sessions."""
    path = tmp_path_factory.mktemp("server") / "history.duckdb"
    kept(path, many(30, sessions=10)).close()
    with SharedHistory(path) as history, LiveCounter(history, Options()) as counter:
        alerts = AlertEngine(NO_RULES, history.reading, state=None)
        work = Work(history, counter, Options(), alerts, {"alerts": alerts})
        with served(_page(work, Places(), LIMITS), LIMITS) as found:
            yield found
        alerts.close()


def status_of(port: int, method: bytes, target: bytes, headers: Sequence[bytes] = (), body: bytes = b"") -> int:
    """The status of the answer to a request that is sent as it is."""
    head = [b"%s %s HTTP/1.1" % (method, target), b"Host: 127.0.0.1", b"Connection: close", *headers]
    if body:
        head.append(b"Content-Length: %d" % len(body))
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
        answer = connection.makefile("rb").read(12)
    return int(answer[9:])


class TestNeverFails:
    """No answer is 500."""

    @pytest.mark.parametrize("method", METHODS)
    def test_methods(self, port: int, method: bytes) -> None:
        """At any path, with any method."""
        assert [] == [path for path in PATHS if status_of(port, method, path) >= 500]

    @pytest.mark.parametrize("path", [path for path in PATHS if path.startswith(SUITES) and path != SUITES + b"x"])
    def test_no_such_script(self, port: int, path: bytes) -> None:
        """What is no script is not found."""
        assert 404 == status_of(port, b"GET", path)

    @pytest.mark.parametrize("name", ARGUMENTS)
    def test_values(self, port: int, name: bytes) -> None:
        """Arguments of any value, and of several."""
        base = b"group_by=user&" if name == b"groups" else b""
        targets = [API + name + b"?" + base + one + b"=" + value for one in ARGUMENTS[name].split() for value in VALUES]
        targets += [API + name + b"?" + b"&".join(b"%s=1&%s=x" % (one, one) for one in ARGUMENTS[name].split())]
        targets += [API + name + b"?;;;&&==%%%zz"]
        assert [] == [target for target in targets if status_of(port, b"GET", target) >= 500]

    @pytest.mark.parametrize(
        "column", [b"session", b"cost", b"start_time", b"tokens", b"feedback", b"models", b"metadata.plan", b"day"]
    )
    def test_conditions(self, port: int, column: bytes) -> None:
        """Any column compared with anything."""
        targets = [API + b"sessions?where=" + column + sign + value for value in VALUES for sign in (b"=", b"%3E", b"!%3D")]
        assert [] == [target for target in targets if status_of(port, b"GET", target) >= 500]

    def test_cursors(self, port: int) -> None:
        """Cursors of nobody's list."""
        made = [
            json.dumps([name, value, ["a"]]).encode()
            for name in ("cost", "tokens", "feedback")
            for value in ("1e400", "NaN", "9" * 60)
        ]
        targets = [API + b"sessions?cursor=" + urlsafe_b64encode(one) for one in CURSORS]
        targets += [API + b"sessions?sort=" + json.loads(one)[0].encode() + b"&cursor=" + urlsafe_b64encode(one) for one in made]
        assert [] == [target for target in targets if status_of(port, b"GET", target) >= 500]

    @pytest.mark.parametrize("headers", HEADERS)
    def test_headers(self, port: int, headers: Sequence[bytes]) -> None:
        """Broken cookies, tokens and other headers."""
        assert [] == [path for path in PATHS if status_of(port, b"GET", path, headers) >= 500]

    @pytest.mark.parametrize(
        "path", [CALLBACKS, API + b"alerts/pause", API + b"alerts/mute", API + b"alerts/preview", b"/login", b"/"]
    )
    def test_bodies(self, port: int, path: bytes) -> None:
        """Bodies of any type: deep, broken, of other forms."""
        found = [
            (body, kind)
            for body in BODIES
            for kind in TYPES
            if status_of(port, b"POST", path, [b"Content-Type: " + kind], body) >= 500
        ]
        assert [] == found
