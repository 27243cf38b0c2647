"""Run web servers on ports of their own, in one event loop on one thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._extras import needed
from otel_session_agg._serve.asgi import App
from otel_session_agg._serve.connections import Connections
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.lingering import lingering
from otel_session_agg._serve.places import Certificate

__all__ = ["Listener", "Servers", "listening"]

_BACKLOG = 512
"""Connections that wait for being accepted, and are accepted at once."""
_BACKLOG_SHARE = 0.6
"""The same of the connections that there may be."""
_STOP_SECONDS = 10.0
"""For requests that are being answered; then they are cut off."""
_KEEP_ALIVE_SECONDS = 75
"""How long a connection without a request is kept: longer than exporters wait between two."""
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Listener:
    """An application, and the socket where it answers."""

    app: App
    socket: socket.socket
    limits: Limits

    @property
    def port(self) -> int:
        """The port, which the system has chosen if it was 0."""
        found: int = self.socket.getsockname()[1]
        return found


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        SessionAggError: the address is in use, or none of this machine.

    """
    try:
        [family, kind, protocol, _, address], *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(host, port, error) from None
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise _unusable(host, port, error) from None
    return found


def _unusable(host: str, port: int, error: OSError) -> SessionAggError:
    return SessionAggError(f"cannot listen on {host}, port {port}: {error.strerror or error}")


class Servers:
    """Servers that run until they are stopped.

    They have a thread of their own, so signals stay with the main thread, and whoever starts them
    decides what a signal means.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        certificate: Certificate | None,
        proxies: Sequence[str] = (),
    ) -> None:
        self._servers = [_server(listener, certificate, proxies) for listener in listeners]
        self._sockets = [listener.socket for listener in listeners]
        self._thread = threading.Thread(target=self._run, name="otel-session-agg-server")
        self._ended = threading.Event()

    def start(self) -> None:
        """Start them; when this returns they answer.

        Raises:
            SessionAggError: they do not.

        """
        self._thread.start()
        waiting = threading.Event()
        for _ in range(round(_START_SECONDS / _POLL_SECONDS)):
            if all(server.started for server in self._servers):
                return
            if self._ended.is_set():
                break
            waiting.wait(_POLL_SECONDS)
        self.stop()
        message = "the server could not be started"
        raise SessionAggError(message)

    @property
    def has_ended(self) -> threading.Event:
        """Is set when they answer no more."""
        return self._ended

    def stop(self) -> None:
        """Take no more requests, answer those that there are, and end."""
        for server in self._servers:
            server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ended.set()

    async def _serve(self) -> None:
        await asyncio.gather(
            *(
                server.serve(sockets=[one])
                for server, one in zip(self._servers, self._sockets, strict=True)
            )
        )


_POLL_SECONDS = 0.01


def _server(listener: Listener, certificate: Certificate | None, proxies: Sequence[str]) -> Any:
    uvicorn: Any = needed("uvicorn", "serve")
    connections = Connections(listener.limits)
    config = uvicorn.Config(
        connections.watched(lingering(_behind(proxies, listener.app), listener.limits)),
        http=connections.protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # they would hide the connection: see `_behind`
        server_header=False,
        backlog=min(_BACKLOG, round(_BACKLOG_SHARE * listener.limits.max_connections)),
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(_STOP_SECONDS),
        ssl_certfile=None if certificate is None else certificate.certfile,
        ssl_keyfile=None if certificate is None else certificate.keyfile,
    )
    return uvicorn.Server(config)


def _behind(proxies: Sequence[str], app: App) -> App:
    """Return an application that takes from requests of proxies for whom they are.

    ``X-Forwarded-For`` and ``X-Forwarded-Proto`` of anybody else mean nothing.
    """
    if not proxies:
        return app
    headers: Any = needed("uvicorn.middleware.proxy_headers", "serve")
    behind: App = headers.ProxyHeadersMiddleware(app, trusted_hosts=list(proxies))
    return behind
