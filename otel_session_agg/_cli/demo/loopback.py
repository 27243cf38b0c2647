"""A small HTTP server on 127.0.0.1 in threads of its own, for model servers and OTLP receivers."""

from __future__ import annotations

import gzip
import threading
import zlib
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Handler", "serve"]

_MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""The largest request of OTLP exporters; only the demo itself should ever send here."""

_UNPACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, reads whole bodies, writes no log."""

    protocol_version = "HTTP/1.1"
    # head and body are two writes: Nagle and delayed ACK would make 40 ms of them
    disable_nagle_algorithm = True

    def body(self) -> bytes | None:
        """Return the request's body, unpacked.

        When it is too long or damaged, answer an error and return ``None``.
        """
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            raw = b"".join(self._chunks())
        else:
            length = int(self.headers.get("Content-Length") or 0)
            if length > _MAX_BODY_BYTES:
                self.close_connection = True
                content = b"request too large\n"
                self.answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text/plain", content)
                return None
            raw = self.rfile.read(length)
        unpack = _UNPACK.get(self.headers.get("Content-Encoding", ""))
        try:
            return unpack(raw) if unpack else raw
        except (OSError, EOFError, zlib.error):
            self.answer(
                HTTPStatus.BAD_REQUEST, "text/plain", b"body is not what Content-Encoding says\n"
            )
            return None

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().strip() or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def answer(
        self,
        status: int,
        content_type: str,
        content: bytes,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Send a whole response."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's
        """Log nothing: stderr belongs to the program."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # HTTPServer's own method resolves a name, which can take seconds
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: a client that hangs up sees a broken answer itself."""


@contextmanager
def serve(handler: type[Handler]) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1; the value is the base URL, without a trailing slash."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(
        target=server.serve_forever,
        kwargs={"poll_interval": 0.02},  # seconds that ``shutdown`` may have to wait
        name="loopback",
        daemon=True,
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
