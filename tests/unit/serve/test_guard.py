"""Who may use the page and the API, with real requests on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from http.client import HTTPException

import pytest

from otel_session_agg._serve.access import COOKIE, Access, is_loopback
from otel_session_agg._serve.asgi import Receive, Scope, Send, respond
from otel_session_agg._serve.guard import guarded
from otel_session_agg._serve.limits import PAGE_LIMITS, Limits
from otel_session_agg._serve.policy import protected, security_headers
from tests.support.serving import SECONDS, Response, connected, request, rest_of, served

TOKEN = "secret"  # noqa: S105 -- of a server that lives for a test
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was asked for, and an own policy that must not count."""
    body = (await receive()).get("body", b"") if scope["method"] == "POST" else b""
    text = f"{scope['method']} {scope['path']} ".encode() + body
    await respond(send, 200, text, "text/plain", [(b"content-security-policy", b"default-src *")])


@contextmanager
def guarding(access: Access | None = None, limits: Limits = PAGE_LIMITS, proxies: Sequence[str] = ()) -> Iterator[int]:
    """Run the application behind a guard; return its port."""
    app = protected(guarded(echo, access or Access(), limits), security_headers(["sha256-abc="]))
    with served(app, limits, proxies) as port:
        yield port


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server on loopback, open to the machine."""
    with guarding() as found:
        yield found


@pytest.fixture
def closed() -> Iterator[int]:
    """A server that asks for a token."""
    with guarding(Access("secret", None)) as found:
        yield found


def logged_in(port: int, token: str = TOKEN, wanted: str = "/") -> Response:
    """The answer to a login."""
    return request(port, "POST", "/login", f"token={token}&next={wanted}".encode(), FORM)


def attempted(port: int) -> Response | None:
    """The answer, unless the connection is closed without one."""
    try:
        return request(port, "GET", "/")
    except (OSError, HTTPException):
        return None


def cookie_of(answer: Response) -> str:
    """The cookie that an answer sets, without its attributes."""
    return answer.headers["set-cookie"].partition(";")[0]


class TestOnLoopback:
    """A server that the whole machine may use, and no page of others."""

    def test_open(self, port: int) -> None:
        """Programs need nothing."""
        assert "GET /a " == request(port, "GET", "/a").text
        assert "POST /a body" == request(port, "POST", "/a", b"body").text

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765", "[::1]"])
    def test_names(self, port: int, host: str) -> None:
        """Its names, with any port."""
        assert 200 == request(port, "GET", "/", headers={"Host": host}).status

    @pytest.mark.parametrize(
        "host", ["evil.example", "localhost.evil.example", "127.0.0.2", "localhost:80:80", "[::2]", "user@localhost", ""]
    )
    def test_rebinding(self, port: int, host: str) -> None:
        """A name that somebody made point here is refused, for reading, too."""
        assert 421 == request(port, "GET", "/api/v1/sessions", headers={"Host": host}).status

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_forgery(self, port: int, method: str, headers: dict[str, str]) -> None:
        """A page of another site changes nothing."""
        assert 403 == request(port, method, "/a", b"", headers).status

    def test_own_page(self, port: int) -> None:
        """Its own page may."""
        headers = {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}
        assert 200 == request(port, "POST", "/a", b"", headers).status

    def test_other_port(self, port: int) -> None:
        """A page of another server of the machine may not."""
        assert 403 == request(port, "POST", "/a", b"", {"Origin": f"http://127.0.0.1:{port + 1}"}).status

    def test_links(self, port: int) -> None:
        """Another site may link here, and not load anything."""
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert 200 == request(port, "GET", "/a", headers=headers).status
        assert 403 == request(port, "GET", "/a", headers={**headers, "Sec-Fetch-Mode": "no-cors"}).status

    def test_no_login(self, port: int) -> None:
        """There is nothing to log in to."""
        assert "GET /login " == request(port, "GET", "/login").text


class TestToken:
    """A server that asks for a token."""

    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer wrong", "Bearer secre", "Basic secret", "secret", "Bearer sécret"])
    def test_wrong(self, closed: int, value: str) -> None:
        """Without it the API answers 401, as a problem."""
        answer = request(closed, "GET", "/api/v1/sessions", headers={"Authorization": value})
        assert (401, "Bearer", "application/problem+json") == (
            answer.status,
            answer.headers["www-authenticate"],
            answer.headers["content-type"],
        )

    @pytest.mark.parametrize("value", ["Bearer secret", "bearer  secret"])
    def test_right(self, closed: int, value: str) -> None:
        """With it everything is open."""
        assert 200 == request(closed, "POST", "/api/x", b"", {"Authorization": value}).status

    def test_page(self, closed: int) -> None:
        """A browser is led to the form, and knows where it wanted to go."""
        answer = request(closed, "GET", "/sessions?where=cost%20%3E%201")
        assert (303, "/login?next=%2Fsessions%3Fwhere%3Dcost%2520%253E%25201") == (answer.status, answer.headers["location"])

    def test_changes(self, closed: int) -> None:
        """What changes something is not led anywhere."""
        assert 401 == request(closed, "POST", "/x", b"").status

    def test_from_elsewhere(self, closed: int) -> None:
        """A browser that comes from another site without its cookie is asked to come again."""
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        answer = request(closed, "GET", "/sessions", headers=headers)
        assert (200, True) == (answer.status, 'http-equiv="refresh" content="0"' in answer.text)

    def test_any_name(self, closed: int) -> None:
        """It may be called by any name: a page of another one has no cookie of this."""
        assert 303 == request(closed, "GET", "/", headers={"Host": "sessions.example"}).status


class _Inputs(HTMLParser):
    """The fields of a form."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        if tag == "input":
            self.values[named["name"] or ""] = named.get("value") or ""


class TestLogin:
    """Logging in and out."""

    def test_in_and_out(self, closed: int) -> None:
        """The cookie opens the page until it is taken away; it does not tell the token."""
        answer = logged_in(closed, wanted="%2Fsessions%3Fa%3Db")
        assert (303, "/sessions?a=b") == (answer.status, answer.headers["location"])
        assert answer.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict")
        cookie = cookie_of(answer)
        assert "secret" not in cookie
        assert 200 == request(closed, "GET", "/a", headers={"Cookie": f"other=1; {cookie}"}).status
        out = request(closed, "POST", "/logout", b"", {"Cookie": cookie})
        assert (303, f"{COOKIE}=") == (out.status, cookie_of(out))
        assert out.headers["set-cookie"].endswith("; Max-Age=0")

    @pytest.mark.parametrize("token", ["", "wrong", "secret2", "%00", "%FF"])
    def test_wrong(self, closed: int, token: str) -> None:
        """Another token gives the form again, and no cookie."""
        answer = logged_in(closed, token)
        assert (403, False, True) == (answer.status, "set-cookie" in answer.headers, "not the token" in answer.text)

    @pytest.mark.parametrize("cookie", ["x", "secret", "0" * 64])
    def test_wrong_cookie(self, closed: int, cookie: str) -> None:
        """A made up cookie opens nothing."""
        assert 401 == request(closed, "GET", "/api/", headers={"Cookie": f"{COOKIE}={cookie}"}).status

    @pytest.mark.parametrize(
        "wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%0d%0aX: y", "/é"]
    )
    def test_elsewhere(self, closed: int, wanted: str) -> None:
        """One is not led to another site, nor does an address become a header."""
        assert "/" == logged_in(closed, wanted=wanted.replace("é", "%C3%A9")).headers["location"]

    def test_hostile(self, closed: int) -> None:
        """An address is never HTML."""
        answer = request(closed, "GET", "/login?next=%2F%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        form = _Inputs()
        form.feed(answer.text)
        assert '/"><script>alert(1)</script>' == form.values["next"]
        assert "script" not in form.tags

    def test_guessing(self, closed: int) -> None:
        """After some tries one has to wait."""
        statuses = [logged_in(closed, "wrong").status for _ in range(11)]
        assert [403] * 10 + [429] == statuses

    def test_no_get(self, closed: int) -> None:
        """A link logs nobody in or out."""
        assert "set-cookie" not in request(closed, "GET", "/login?token=secret").headers
        assert 405 == request(closed, "GET", "/logout").status

    def test_forgery(self, closed: int) -> None:
        """Nor does the page of another site."""
        assert 403 == request(closed, "POST", "/logout", b"", {"Origin": "https://evil.example"}).status


class TestProxies:
    """Who asks, where a proxy says it."""

    def login(self, port: int, token: str, **headers: str) -> int:
        """The status of a login for somebody."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return request(port, "POST", "/login", f"token={token}&next=/".encode(), {**FORM, **named}).status

    def test_trusted(self) -> None:
        """Wrong tokens of one count for nobody else: what a client writes itself before the proxy's word means nothing."""
        with guarding(Access("secret", None), proxies=["127.0.0.0/8"]) as port:
            guessed = [self.login(port, "wrong", X_Forwarded_For=f"10.0.0.{at}, 192.0.2.1") for at in range(11)]
            assert [403] * 10 + [429] == guessed
            assert 303 == self.login(port, TOKEN, X_Forwarded_For="192.0.2.2")
            assert 303 == self.login(port, TOKEN, X_Forwarded_For="x" * 5000)

    @pytest.mark.parametrize("proxies", [[], ["192.0.2.0/24"]])
    def test_not_trusted(self, proxies: Sequence[str]) -> None:
        """By default, and of anybody else, it means nothing."""
        with guarding(Access("secret", None), proxies=proxies) as port:
            assert [403] * 10 + [429] == [self.login(port, "wrong", X_Forwarded_For=f"192.0.2.{at}") for at in range(11)]
            assert 429 == self.login(port, TOKEN, X_Forwarded_For="192.0.2.99")

    def test_scheme(self) -> None:
        """A form that the proxy got by TLS is of the server's own page, and the cookie is for TLS only."""
        headers = {**FORM, "Host": "s.example", "Origin": "https://s.example", "X-Forwarded-Proto": "https"}
        for proxies, expected in ((["127.0.0.1"], (303, True)), ([], (403, False))):
            with guarding(Access("secret", None), proxies=proxies) as port:
                answer = request(port, "POST", "/login", b"token=secret&next=/", headers)
                assert expected == (answer.status, answer.headers.get("set-cookie", "").endswith("; Secure"))

    def test_slow(self) -> None:
        """A request through a proxy is known to have begun: its connection is not closed while it is answered."""

        async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
            await asyncio.sleep(0.3)
            await respond(send, 200, b"", "text/plain")

        limits = replace(PAGE_LIMITS, header_seconds=0.1)
        with served(slow, limits, ["127.0.0.1"]) as port:
            assert 200 == request(port, "GET", "/", headers={"X-Forwarded-For": "192.0.2.1"}).status


class TestBounds:
    """What a request may be."""

    def test_body(self) -> None:
        """A body that is too large is 413."""
        with guarding(limits=replace(PAGE_LIMITS, max_body_bytes=10)) as port:
            assert [200, 413] == [request(port, "POST", "/", bytes(size)).status for size in (10, 11)]

    def test_body_of_get(self) -> None:
        """One that is sent without being asked for is no way around that."""
        with guarding(limits=replace(PAGE_LIMITS, max_body_bytes=10)) as port, connected(port) as connection:
            connection.sendall(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + bytes(11) + b"\r\n0\r\n\r\n"
            )
            assert rest_of(connection).startswith(b"HTTP/1.1 413 ")

    def test_unread(self) -> None:
        """An answer that is not read is thrown away after some time, and the connection with it: there is room for another."""

        async def large(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["path"]
            await receive()
            await respond(send, 200, bytes(50_000_000), "text/plain")

        limits = replace(PAGE_LIMITS, read_seconds=0.2, max_connections=1)
        with served(large, limits) as port, connected(port) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP" == connection.recv(4)  # and no more
            until = time.monotonic() + SECONDS
            while not (found := attempted(port)):
                assert time.monotonic() < until
            assert 200 == found.status

    def test_rate(self) -> None:
        """Too many requests are 429."""
        with guarding(limits=replace(PAGE_LIMITS, requests_per_second=0.001, burst=2)) as port:
            assert [200, 200, 429] == [request(port, "GET", "/").status for _ in range(3)]


class TestHeaders:
    """What browsers are told."""

    @pytest.mark.parametrize(("path", "host"), [("/", "localhost"), ("/", "evil.example")])
    def test_all(self, port: int, path: str, host: str) -> None:
        """It is the same for every answer, whatever the application says."""
        headers = request(port, "GET", path, headers={"Host": host}).headers
        rules = dict(rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";"))
        assert ("'none'", "'self' 'sha256-abc='", "'none'", "'self'") == (
            rules["default-src"], rules["script-src"], rules["frame-ancestors"], rules["connect-src"],
        )  # fmt: skip
        assert ("nosniff", "DENY", "same-origin", "same-origin") == (
            headers["x-content-type-options"],
            headers["x-frame-options"],
            headers["referrer-policy"],
            headers["cross-origin-resource-policy"],
        )

    def test_nothing_elsewhere(self, port: int) -> None:
        """No rule names another site or any scheme of the network."""
        policy = request(port, "GET", "/").headers["content-security-policy"]
        assert "http" not in policy
        assert "*" not in policy
        assert "unsafe-eval" not in policy


class TestAccess:
    """The rules themselves."""

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("127.0.0.1", True),
            ("127.9.9.9", True),
            ("::1", True),
            ("localhost", True),
            ("0.0.0.0", False),  # noqa: S104
            ("::", False),
            ("example.com", False),
            ("10.0.0.1", False),
        ],
    )
    def test_loopback(self, host: str, expected: bool) -> None:  # noqa: FBT001
        """Which hosts are reached from the machine only."""
        assert expected == is_loopback(host)

    def test_names(self) -> None:
        """A server on loopback may have more names; any other server has all."""
        names = Access.at("127.0.0.5", None, ["Proxy.example"]).names
        assert names is not None
        assert {"localhost", "127.0.0.1", "[::1]", "127.0.0.5", "proxy.example"} == names
        assert Access.at("0.0.0.0", "x").names is None  # noqa: S104

    def test_secret(self) -> None:
        """The token is not shown by accident."""
        assert "secret" not in repr(Access("secret"))
