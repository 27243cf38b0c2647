"""Sessions with figures that rules are about, and a real receiver of notifications on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from otel_session_agg._alerts.columns import Row, row_of
from otel_session_agg._history.history import History
from otel_session_agg._model.dimensions import Dimension, DimensionValue
from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import Labelled, SessionTotals
from otel_session_agg._sharing.stored_sessions import StoredSession

NOW = 1_768_212_000.0
"""2026-01-12T10:00:00Z."""
_NS = 10**9


def stored(
    session: str,
    *,
    cost: float | None = 0.01,
    unpriced: int = 0,
    tokens: int = 100,
    errors: int = 0,
    seconds: float = 2.0,
    ago: float = 60.0,
    user: str | None = None,
    dimensions: Mapping[str, DimensionValue] | None = None,
    metadata: Mapping[str, str | bool | int | float] | None = None,
    models: frozenset[str] = frozenset({"m"}),
) -> StoredSession:
    """A session that ended so many seconds before ``NOW``; without a cost, its one call is unpriced."""
    end_ns = int((NOW - ago) * _NS)
    start_ns = end_ns - int(seconds * _NS)
    rollup = Rollup(
        num_events=3, num_model_events=1, num_errors=errors, num_unpriced_events=unpriced if cost is not None else max(1, unpriced),
        num_computed=int(cost is not None), cost_pusd=round((cost or 0) * 10**12), num_winners=1, prompt_tokens=tokens,
        completion_tokens=0, total_tokens=tokens, start_ns=start_ns, end_ns=end_ns, models=models,
    )  # fmt: skip
    totals = SessionTotals(
        rollup=rollup, traces=frozenset({hash(session) & (2**127 - 1)}), num_roots=1, root_ns=end_ns - start_ns,
        user=At(start_ns, 1, user) if user is not None else None,
        metadata={key: Labelled(start_ns, value) for key, value in (metadata or {}).items()},
        dimensions={key: Dimension(start_ns, 1, value) for key, value in (dimensions or {}).items()},
    )  # fmt: skip
    return StoredSession(session, totals, has_ended=True, revision=1, end_reason="idle")


def recorded(given: StoredSession) -> SessionRecord:
    """What ``on_session`` gets of it."""
    return SessionRecord(given.session_id, given.revision, given.end_reason or "idle", given.totals)


def row(given: StoredSession) -> Row:
    """Its columns."""
    return row_of(recorded(given))


@contextmanager
def history_of(*sessions: StoredSession) -> Iterator[History]:
    """A history with these sessions."""
    with History() as history:
        history.add_sessions(sessions)
        yield history


class Request(NamedTuple):
    """What a receiver got."""

    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Hook:
    """A receiver of notifications; ``answer`` is called with each request and returns the status."""

    def __init__(self, answer: Callable[[Request], int | tuple[int, Mapping[str, str]]]) -> None:
        self.requests: list[Request] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            """Answers as told."""

            def do_POST(self) -> None:
                """Take one notification."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                hook.requests.append(request)
                answered = answer(request)
                status, headers = answered if isinstance(answered, tuple) else (answered, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"


@contextmanager
def hooked(answer: Callable[[Request], int | tuple[int, Mapping[str, str]]] = lambda _: 200) -> Iterator[Hook]:
    """A receiver that listens until the block is left."""
    hook = Hook(answer)
    thread = threading.Thread(target=hook.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hook
    finally:
        hook.server.shutdown()
        thread.join()
        hook.server.server_close()
