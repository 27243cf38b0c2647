"""Connections of a server: how many there are, and how long clients may take.

uvicorn waits for a header as long as the client likes, and keeps an answer until it is read.  Here
each connection has a deadline from its first moment, or from the first byte of a further request,
until the application is called, and one while an answer waits for the client to read it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from otel_session_agg._extras import needed
from otel_session_agg._serve.asgi import App, Receive, Scope, Send
from otel_session_agg._serve.limits import Limits

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
            try:
                await app(scope, receive, send)
            finally:
                connection.end_request()

        return call

    def add(self, address: _Address, connection: _Connection) -> bool:
        """Remember a connection; return whether there is room for it."""
        if len(self._by_address) >= self.limits.max_connections:
            return False
        self._by_address[address] = connection
        return True

    def remove(self, address: _Address) -> None:
        """Forget a connection."""
        self._by_address.pop(address, None)


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
        self._in_request = False

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
        self._in_request = True
        self._wait_no_more()

    def end_request(self) -> None:
        """Note that a request is answered."""
        self._in_request = False

    def _wait_for_header(self) -> None:
        loop, seconds = asyncio.get_running_loop(), self._connections.limits.header_seconds
        self._deadline = loop.call_later(seconds, self._close)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self._deadline = None
        if self._transport is not None:
            self._transport.close()

    def _abort(self) -> None:
        self._read_by = None
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self._is_read()
        if self._address is not None:
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
