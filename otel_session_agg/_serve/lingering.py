"""Let clients read the answer to a request whose body is not wanted.

A connection that is closed while its client still sends is reset: the client sees that, and not the
answer which says why, and sends the same again.  So what it sends after the answer is read and
dropped before the connection is closed, for some bytes and a moment.
"""

from __future__ import annotations

import asyncio

from otel_session_agg._serve.asgi import App, Message, Receive, Scope, Send
from otel_session_agg._serve.limits import Limits

__all__ = ["lingering"]

_CLOSES = (b"connection", b"close")


def lingering(app: App, limits: Limits) -> App:
    """Return an application that does the same, and whose last answers on connections arrive."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, limits)
        await app(scope, exchange.receive, exchange.send)

    return call


class _Exchange:
    """One request and its answer."""

    def __init__(self, receive: Receive, send: Send, limits: Limits) -> None:
        self._receive, self._send, self._limits = receive, send, limits
        self._is_complete = False
        """Whether nothing more of the request comes."""
        self._closes = False

    async def receive(self) -> Message:
        message = await self._receive()
        is_body = message["type"] == "http.request"
        self._is_complete = not (is_body and message.get("more_body", False))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._closes = _CLOSES in message["headers"]
        elif self._closes and not self._is_complete and not message.get("more_body", False):
            await self._send({**message, "more_body": True})  # the client has all of it now
            await self._drop_rest()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _drop_rest(self) -> None:
        try:
            await asyncio.wait_for(self._drop(), self._limits.dropped_seconds)
        except asyncio.TimeoutError:
            return

    async def _drop(self) -> None:
        left = self._limits.max_dropped_bytes
        while not self._is_complete and left > 0:
            left -= len((await self.receive()).get("body", b""))
