"""Send sessions to a receiver while they go on: each span when it has ended, as exporters do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from threading import Event, Thread
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from otel_session_agg._cli.demo.sessions_history import live_sessions
from otel_session_agg._cli.demo.sessions_spans import Span, requests

__all__ = ["sending"]

_NEW_SECONDS = 8.0
"""How often a session begins."""
_TICK_SECONDS = 0.5
_TIMEOUT_SECONDS = 5.0
_MAX_WAITING = 5000
"""Spans that have not ended or were not taken; no session begins while there are more."""
_JOINED_SECONDS = 10.0
_SECOND_NS = 10**9


@contextmanager
def sending(url: str) -> Iterator[None]:
    """Send sessions to the endpoint of a receiver until the end of the block."""
    is_over = Event()
    thread = Thread(
        target=_Sender(f"{url}/v1/traces").run, args=(is_over,), name="demo sessions", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(_JOINED_SECONDS)


class _Sender:
    """Has the spans that are still to be sent, by the time at which they end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener: OpenerDirector = build_opener(ProxyHandler({}))  # it is on this machine
        self._sessions = live_sessions(time.time_ns)
        self._waiting: list[tuple[int, int, Span]] = []
        self._numbers = count()
        self._next_ns = 0

    def run(self, is_over: Event) -> None:
        """Send until the event is set."""
        while not is_over.wait(_TICK_SECONDS):
            now_ns = time.time_ns()
            if now_ns >= self._next_ns and len(self._waiting) < _MAX_WAITING:
                self._next_ns = now_ns + int(_NEW_SECONDS * _SECOND_NS)
                for span in next(self._sessions):
                    self._wait_for(span)
            self._send(list(self._due(now_ns)))

    def _wait_for(self, span: Span) -> None:
        heappush(self._waiting, (span.end_ns, next(self._numbers), span))

    def _due(self, now_ns: int) -> Iterator[Span]:
        while self._waiting and self._waiting[0][0] <= now_ns:
            yield heappop(self._waiting)[2]

    def _send(self, spans: list[Span]) -> None:
        for content in requests(spans):
            request = Request(  # noqa: S310 -- the address is our own
                self._url, content, {"Content-Type": "application/json"}
            )
            try:
                with self._opener.open(request, timeout=_TIMEOUT_SECONDS):
                    pass
            except OSError:  # also "later": then all are sent again, and are counted once
                for span in spans:
                    self._wait_for(span)
                return
