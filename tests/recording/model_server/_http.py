"""The HTTP side: routes, JSON, server-sent events."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, final
from urllib.parse import unquote, urlsplit

from ._ledger import Ledger, Served
from ._words import Json

_PROVIDERS = ("azure", "anthropic", "google", "aws", "mistral", "cohere", "groq", "ollama", "deepseek")
"""First words of a path that name the provider."""

_RETRY_SOON = {"retry-after-ms": "10", "retry-after": "0", "x-amzn-errortype": "ThrottlingException"}


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer, with what dialects need to read and to write."""

    protocol_version = "HTTP/1.1"
    server: _Server
    path_parts: str
    """The path without the provider's name and without the query."""
    query: str
    provider: str
    """The provider that the path names, or nothing."""
    body: Json

    @property
    def ledger(self) -> Ledger:
        """The server's."""
        return self.server.ledger

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Tell what was served; anything else is an empty list of models."""
        self.send_json(self.ledger.take() if self.path == "/_served" else {"object": "list", "data": []})

    def do_POST(self) -> None:
        """Answer in the dialect that the path belongs to."""
        from ._routes import answer  # noqa: PLC0415 - the dialects are written in terms of this class

        raw = self._read()
        url = urlsplit(self.path)
        first, _, rest = url.path.lstrip("/").partition("/")
        self.provider = first if first in _PROVIDERS and rest else ""
        self.path_parts = unquote(rest if self.provider else url.path.lstrip("/"))
        self.query = url.query
        self.body = _json(raw)
        if url.path == "/_plan":
            self.ledger.plan(self.body["name"])
            self.send_json({})
        elif not answer(self):
            self.send_json({})

    def send_bytes(self, content: bytes, content_type: str, headers: Mapping[str, str] | None = None, status: int = 200) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def send_json(self, value: Json, headers: Mapping[str, str] | None = None, status: int = 200) -> None:
        """Send an object."""
        self.send_bytes(json.dumps(value).encode(), "application/json", headers, status)

    def send_events(self, events: Iterable[Json], *, named: bool = False, done: bool = False) -> None:
        """Send server-sent events, ``named`` by their type, ``done`` with OpenAI's last line."""
        lines = []
        for event in events:
            name = f"event: {event['type']}\n" if named else ""
            lines.append(f"{name}data: {json.dumps(event)}\n\n")
        if done:
            lines.append("data: [DONE]\n\n")
        self.send_bytes("".join(lines).encode(), "text/event-stream")

    def send_failure(self, call: Served) -> None:
        """Send an error that every client can read; clients are told to try again at once where they may."""
        kind = "invalid_request_error" if call.status == 400 else "overloaded_error"
        error = {"type": kind, "message": "This call is meant to fail.", "code": call.status, "status": "UNAVAILABLE"}
        amazon = {"message": error["message"], "__type": "ValidationException" if call.status == 400 else "ThrottlingException"}
        headers = dict(_RETRY_SOON)
        if call.status == 400:
            headers = {"x-amzn-errortype": "ValidationException"}
        self.send_json({"type": "error", "error": error, **amazon}, headers, call.status)

    def _read(self) -> bytes:
        """The request's content, in chunks or not, packed or not."""
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            raw = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        return gzip.decompress(raw) if self.headers.get("content-encoding") == "gzip" else raw


def _json(raw: bytes) -> Json:
    """What a request holds; vendors also send protobuf here, to which any answer will do."""
    try:
        return json.loads(raw or b"{}")
    except ValueError:
        return {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.ledger = ledger

    def handle_error(self, *_: Any) -> None:
        """Clients may go away before they have read all; nothing is wrong then."""


@final
class ModelServer:
    """The server, running while the context lasts."""

    def __init__(self) -> None:
        self._server = _Server(Ledger())
        self._thread = threading.Thread(target=self._server.serve_forever, name="model-server", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
