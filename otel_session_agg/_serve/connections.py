"""Connections of a server: how many there are, and how long clients may take.

uvicorn waits for a header as long as the client likes, and keeps an answer until it is read.  Here
each connection has a deadline from its first moment, or from the first byte of a further request,
until the application is called, and one while an answer waits for the client to read it.  When
there are too many, those give way that ask for nothing, and then those that send a body slowly.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from otel_session_agg._extras import needed
from otel_session_agg._serve.asgi import App, Message, Receive, Scope, Send, respond
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.refusals import Refused

__all__ = ["Connections"]

_Address = tuple[str, int]


class Connections:
    """The connections of one server.

    `protocol` is what uvicorn makes for each; `watched` tells the connection of a request that it
    has begun and ended.  Both run in one event loop, so nothing is locked.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._by_address: dict[_Address, _Connection] = {}
        self._silent: dict[_Address, None] = {}
        """Those of them without a request, the one that has had none for longest first."""
        self._sending: dict[_Address, float] = {}
        """Those of which a body is awaited, the first one first, and since when."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_address)

    def protocol(self, **arguments: Any) -> asyncio.Protocol:
        """Return the protocol of a new connection; the arguments are uvicorn's."""
        http: Any = needed("uvicorn.protocols.http.h11_impl", "serve")
        return _Connection(http.H11Protocol(**arguments), self)

    def watched(self, app: App) -> App:
        """Return an application that does the same, and whose requests are known here."""

        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            client = scope.get("client")
            connection = None if client is None else self._by_address.get(tuple(client))
            if connection is None:
                await app(scope, receive, send)
                return
            connection.begin_request()
            answer = _Answer(send)
            try:
                await app(scope, partial(connection.body, receive), answer.send)
            except asyncio.CancelledError:  # the server ends, and waits no longer
                await answer.later()
            finally:
                connection.end_request()

        return call

    def add(self, address: _Address, connection: _Connection) -> bool:
        """Remember a connection; return whether there is room for it, or room was made."""
        if len(self._by_address) >= self.limits.max_connections:
            other = next(iter(self._silent), None) or self._slow()
            if other is None:
                return False
            self._by_address[other].close()
            self.remove(other)
        self._by_address[address] = connection
        self._silent[address] = None
        return True

    def _slow(self) -> _Address | None:
        """Return the connection whose body takes longest, if it takes long."""
        address, since = next(iter(self._sending.items()), (None, 0.0))
        taken = asyncio.get_running_loop().time() - since
        return address if taken >= self.limits.slow_body_seconds else None

    def has(self, address: _Address, connection: _Connection) -> bool:
        """Return whether a connection is still one of these."""
        return self._by_address.get(address) is connection

    def begin_request(self, address: _Address) -> None:
        """Note that a connection has sent a header."""
        self._silent.pop(address, None)

    def begin_body(self, address: _Address) -> None:
        """Note that its body is awaited."""
        self._sending.setdefault(address, asyncio.get_running_loop().time())

    def end_body(self, address: _Address) -> None:
        """Note that it has sent all of a request."""
        self._sending.pop(address, None)

    def end_request(self, address: _Address) -> None:
        """Note that its request is answered."""
        self._sending.pop(address, None)
        self._silent[address] = None

    def remove(self, address: _Address) -> None:
        """Forget a connection."""
        self._silent.pop(address, None)
        self._sending.pop(address, None)
        self._by_address.pop(address, None)


class _Answer:
    """The answer to a request, which may be cut off."""

    def __init__(self, send: Send) -> None:
        self._send, self._has_begun = send, False

    async def send(self, message: Message) -> None:
        self._has_begun = True
        await self._send(message)

    async def later(self) -> None:
        """Answer that the request is to be sent again, unless another answer has begun."""
        if not self._has_begun:
            refused = Refused(503, "the server is being stopped", retry_seconds=5, closes=True)
            text = f"{refused.text}\n".encode()
            await respond(self._send, refused.status, text, "text/plain", refused.headers)


class _Connection(asyncio.Protocol):
    """One connection, around what speaks HTTP on it."""

    def __init__(self, http: asyncio.Protocol, connections: Connections) -> None:
        self._http, self._connections = http, connections
        self._transport: asyncio.Transport | None = None
        self._address: _Address | None = None
        self._deadline: asyncio.TimerHandle | None = None
        """Of the header."""
        self._read_by: asyncio.TimerHandle | None = None
        """When the client has to have read more."""
        self._in_request, self._has_body = False, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport if isinstance(transport, asyncio.Transport) else None
        peer = transport.get_extra_info("peername")
        address = (str(peer[0]), int(peer[1])) if peer else ("", 0)
        if self._connections.add(address, self):
            self._address = address
            self._wait_for_header()
        else:
            transport.close()
        self._http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._address is None:
            return  # one too many, which is being closed
        if not self._in_request and self._deadline is None:
            self._wait_for_header()
        self._http.data_received(data)

    def begin_request(self) -> None:
        """Note that a header is complete."""
        self._in_request, self._has_body = True, False
        self._wait_no_more()
        if self._address is not None and self._connections.has(self._address, self):
            self._connections.begin_request(self._address)

    async def body(self, receive: Receive) -> Message:
        """Return the next part of the body of a request."""
        address, connections = self._address, self._connections
        if self._has_body or address is None or not connections.has(address, self):
            return await receive()
        connections.begin_body(address)
        message = await receive()
        if not message.get("more_body"):
            self._has_body = True
            connections.end_body(address)
        return message

    def end_request(self) -> None:
        """Note that a request is answered."""
        self._in_request = False
        if self._address is not None and self._connections.has(self._address, self):
            self._connections.end_request(self._address)

    def _wait_for_header(self) -> None:
        loop, seconds = asyncio.get_running_loop(), self._connections.limits.header_seconds
        self._deadline = loop.call_later(seconds, self.close)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def close(self) -> None:
        """Close it."""
        self._wait_no_more()
        if self._transport is not None:
            self._transport.close()

    def _abort(self) -> None:
        self._read_by = None
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self._is_read()
        if self._address is not None and self._connections.has(self._address, self):
            self._connections.remove(self._address)
        self._http.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def pause_writing(self) -> None:
        loop, seconds = asyncio.get_running_loop(), self._connections.limits.read_seconds
        self._read_by = self._read_by or loop.call_later(seconds, self._abort)
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._is_read()
        self._http.resume_writing()

    def _is_read(self) -> None:
        if self._read_by is not None:
            self._read_by.cancel()
            self._read_by = None
