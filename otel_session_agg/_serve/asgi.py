"""The interface between a web server and an application (ASGI): its types, and small helpers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

__all__ = ["App", "Header", "Message", "Receive", "Scope", "Send", "client_of", "header", "respond"]

_MAX_ADDRESS = 64
"""Characters; those of an address of IPv6 with its zone are fewer."""
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]


def header(scope: Scope, name: bytes) -> str | None:
    """Return the value of a header; ``None``: it is not there, or there several times."""
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def client_of(scope: Scope) -> str:
    """Return the address of the client, without its port; a proxy may have stated it."""
    client = scope.get("client")
    return str(client[0])[:_MAX_ADDRESS] if client else ""


async def respond(
    send: Send, status: int, body: bytes, content_type: str, headers: Iterable[Header] = ()
) -> None:
    """Send an answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type.encode("latin-1")),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
