"""What every request of the page and the API passes first."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from otel_session_agg._serve.access import Access
from otel_session_agg._serve.asgi import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    client_of,
    respond,
)
from otel_session_agg._serve.bodies import Bodies
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.login import Login
from otel_session_agg._serve.problems import PROBLEM, problem
from otel_session_agg._serve.rates import Rates
from otel_session_agg._serve.refusals import Refused

__all__ = ["API", "guarded", "ingestion_check"]

API = "/api/"
"""How the paths of the API begin."""
_NO_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


def ingestion_check(
    access: Access, limits: Limits, now: Callable[[], float] = monotonic
) -> Callable[[Scope], None]:
    """Return what raises `Refused` if a request may not bring spans."""
    rates = Rates(limits.requests_per_second, limits.burst, now)

    def check(scope: Scope) -> None:
        access.check_name(scope)
        access.check_origin(scope)
        _check_rate(rates, scope)
        if not access.is_allowed(scope):
            raise Refused(401, "the token is missing or wrong", closes=True)

    return check


def guarded(app: App, access: Access, limits: Limits, now: Callable[[], float] = monotonic) -> App:
    """Return an application for those who may use it; it reads bodies that are whole and small.

    Args:
        app: Answers those requests.
        access: Who they are.
        limits: What a request may be.
        now: Returns a time that goes forward, in seconds.

    """
    return _Guard(app, access, limits, now)


class _Guard:
    """The application around another one."""

    def __init__(self, app: App, access: Access, limits: Limits, now: Callable[[], float]) -> None:
        self._app, self._access = app, access
        self._rates = Rates(limits.requests_per_second, limits.burst, now)
        self._bodies = Bodies(limits)
        self._login = Login(access, now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._answer(scope, receive, send)
        except Refused as refused:
            await _refuse(refused, scope, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._access.check_name(scope)
        self._access.check_origin(scope)
        _check_rate(self._rates, scope)
        if self._login.answers(scope):
            async with self._bodies.read(scope, receive) as body:
                await self._login.answer(scope, body, send)
            return
        if not self._access.is_allowed(scope):
            if scope["path"].startswith(API) or scope["method"] not in _NO_BODY:
                raise Refused(401, "the token is missing or wrong", closes=True)
            await self._login.send_there(scope, send)
            return
        if scope["method"] in _NO_BODY and not _has_body(scope):
            await self._app(scope, receive, send)
            return
        async with self._bodies.read(scope, receive) as body:
            await self._app(scope, _replayed(body, receive), send)


def _has_body(scope: Scope) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what tells an application a body that was read already."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def _check_rate(rates: Rates, scope: Scope) -> None:
    seconds = rates.take(client_of(scope))
    if seconds:
        raise Refused(429, "too many requests", retry_seconds=seconds, closes=True)


async def _refuse(refused: Refused, scope: Scope, send: Send) -> None:
    headers = refused.headers
    if refused.status == 401:  # noqa: PLR2004 -- it asks for this header
        headers = [*headers, (b"www-authenticate", b"Bearer")]
    if scope["path"].startswith(API):
        await respond(send, refused.status, problem(refused.status, refused.text), PROBLEM, headers)
        return
    text = f"{refused.text}\n".encode()
    await respond(send, refused.status, text, "text/plain; charset=utf-8", headers)
