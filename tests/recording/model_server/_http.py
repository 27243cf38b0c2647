"""The HTTP side, on the demo's server: routes, JSON, server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from otel_session_agg._cli.demo.loopback import Handler, serve

from ._ledger import Ledger, Served
from ._words import Json

_PROVIDERS = ("azure", "anthropic", "google", "aws", "mistral", "cohere", "groq", "ollama", "deepseek", "x-ai")
"""First words of a path that name the provider."""

_NONE: Mapping[str, str] = MappingProxyType({})
_RETRY_SOON = {"retry-after-ms": "10", "retry-after": "0", "x-amzn-errortype": "ThrottlingException"}


class Exchange(Handler):
    """One request and its answer, with what dialects need to read and to write."""

    ledger: Ledger
    """The server's."""
    path_parts: str
    """The path without the provider's name and without the query."""
    query: str
    provider: str
    """The provider that the path names, or nothing."""
    asked: Json
    """The request's object."""

    def do_GET(self) -> None:
        """Tell what was served; anything else is an empty list of models."""
        self.send_json(self.ledger.take() if self.path == "/_served" else {"object": "list", "data": []})

    def do_POST(self) -> None:
        """Answer in the dialect that the path belongs to."""
        from ._routes import answer  # noqa: PLC0415 - the dialects are written in terms of this class

        raw = self.body()
        if raw is None:
            return
        url = urlsplit(self.path)
        first, _, rest = url.path.lstrip("/").partition("/")
        self.provider = first if first in _PROVIDERS and rest else ""
        self.path_parts = unquote(rest if self.provider else url.path.lstrip("/"))
        self.query = url.query
        self.asked = _json(raw)
        if url.path == "/_plan":
            self.ledger.plan(self.asked["name"])
            self.send_json({})
        elif not answer(self):
            self.send_json({})

    def send_json(self, value: Json, headers: Mapping[str, str] = _NONE, status: int = 200) -> None:
        """Send an object."""
        self.answer(status, "application/json", json.dumps(value).encode(), headers)

    def send_events(self, events: Iterable[Json], *, named: bool = False, done: bool = False) -> None:
        """Send server-sent events, ``named`` by their type, ``done`` with OpenAI's last line."""
        lines = []
        for event in events:
            name = f"event: {event['type']}\n" if named else ""
            lines.append(f"{name}data: {json.dumps(event)}\n\n")
        if done:
            lines.append("data: [DONE]\n\n")
        self.send_stream("text/event-stream", [line.encode() for line in lines])

    def send_stream(self, content_type: str, parts: Sequence[bytes], headers: Mapping[str, str] = _NONE) -> None:
        """Send a stream; where the plan says so, half of it, and close the connection."""
        if not self.ledger.cuts:
            self.answer(200, content_type, b"".join(parts), headers)
            return
        self.send_response(200)
        for name, value in {"Content-Type": content_type, "Transfer-Encoding": "chunked", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        half = b"".join(parts[: max(2, len(parts) // 2)])
        self.wfile.write(f"{len(half):x}\r\n".encode() + half + b"\r\n")
        self.close_connection = True

    def send_failure(self, call: Served) -> None:
        """Send an error that every client can read; clients are told to try again at once where they may."""
        kind = "invalid_request_error" if call.status == 400 else "overloaded_error"
        error = {"type": kind, "message": "This call is meant to fail.", "code": call.status, "status": "UNAVAILABLE"}
        amazon = {"message": error["message"], "__type": "ValidationException" if call.status == 400 else "ThrottlingException"}
        headers = dict(_RETRY_SOON)
        if call.status == 400:
            headers = {"x-amzn-errortype": "ValidationException"}
        self.send_json({"type": "error", "error": error, **amazon}, headers, call.status)


def _json(raw: bytes) -> Json:
    """What a request holds; vendors also send protobuf here, to which any answer will do."""
    try:
        return json.loads(raw or b"{}")
    except ValueError:
        return {}


@contextmanager
def serving() -> Iterator[str]:
    """Serve inside the block, with a ledger of its own; where it listens."""
    with serve(type("_Exchange", (Exchange,), {"ledger": Ledger()})) as url:
        yield url
