"""What every answer says to browsers: what a page may load, and who may show it."""

from __future__ import annotations

from collections.abc import Sequence

from otel_session_agg._serve.asgi import App, Header, Message, Receive, Scope, Send

__all__ = ["protected", "security_headers"]

_POLICY = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self'"
    " blob:; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
"""Scripts are files of this server, and those inline whose hashes are named.

Styles may be inline: charts and grids write them while they are shown.
"""


def security_headers(script_hashes: Sequence[str] = ()) -> list[Header]:
    """Return the headers; the hashes are of scripts inline, as a policy has them."""
    hashes = "".join(f" '{one.strip(chr(39))}'" for one in script_hashes)
    return [
        (b"content-security-policy", _POLICY.format(hashes=hashes).encode("ascii")),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"same-origin"),  # without any, a form would have no origin, either
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    ]


def protected(app: App, headers: Sequence[Header]) -> App:
    """Return an application that answers the same with these headers, in place of its own."""
    names = {name for name, _ in headers}

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message.get("headers", ()) if pair[0].lower() not in names]
                message = {**message, "headers": [*own, *headers]}
            await send(message)

        await app(scope, receive, send_with_headers)

    return call
