"""Answer requests of the page that are of no form which its own script sends: Dash fails at them.

Whatever is answered 500 is then a fault of this program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from otel_session_agg._untrusted.json_text import loaded

__all__ = ["Requests"]

_CALLBACKS = "/_dash-update-component"
_JSON = b"application/json"
_MAX_PARTS = 1000
"""Components of a request; a page has some dozens."""


class Requests:
    """An application of Dash, for requests for callbacks that there are.

    Args:
        app: Answers them.
        callbacks: What Dash knows of each callback, by its output.

    """

    def __init__(self, app: ASGIApp, callbacks: Mapping[str, Mapping[str, Any]]) -> None:
        self._app, self._callbacks = app, callbacks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] != _CALLBACKS or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _body_of(receive)
        if body is None:
            return
        if not (_is_json(scope) and self._is_known(body)):
            said = PlainTextResponse("this is no request of the page\n", 400)
            await said(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)

    def _is_known(self, body: bytes) -> bool:
        try:
            given = loaded(body)
        except ValueError:
            return False
        if not isinstance(given, dict):
            return False
        output, changed = given.get("output"), given.get("changedPropIds", [])
        known = self._callbacks.get(output) if isinstance(output, str) else None
        if known is None or not _are_texts(changed):
            return False
        outputs = given.get("outputs", [])
        return (
            _are_places(outputs if isinstance(outputs, list) else [outputs], None)
            and _are_places(given.get("inputs", []), len(known["inputs"]))
            and _are_places(given.get("state", []), len(known["state"]))
        )


def _are_texts(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _are_places(given: object, number: int | None) -> bool:
    """Return whether these are so many properties of components, or of lists of them."""
    if not isinstance(given, list) or len(given) != (len(given) if number is None else number):
        return False
    parts = [part for one in given for part in (one if isinstance(one, list) else [one])]
    return len(parts) <= _MAX_PARTS and all(map(_is_place, parts))


def _is_place(given: object) -> bool:
    if not isinstance(given, dict) or not isinstance(given.get("property"), str):
        return False
    name = given.get("id")
    if isinstance(name, dict):
        return all(isinstance(one, str | int | bool) for one in name.values())
    return isinstance(name, str)


def _is_json(scope: Scope) -> bool:
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    return len(types) == 1 and bool(types[0].startswith(_JSON))


async def _body_of(receive: Receive) -> bytes | None:
    """Return the body of a request, which is small; ``None``: the connection has ended."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message
