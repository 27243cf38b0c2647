"""Programs that are told to stop by a signal while a session is open; what they exported stands in a file, a span a line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from otel_session_agg import PriceBook, SessionSpanExporter, SessionSpanProcessor, session

CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}
_WAIT_SECONDS = 0.05
"""A signal that comes in the moment before a sleep begins does not cut it short, so each sleep is short."""


def _wait_for_signal() -> None:
    while True:
        time.sleep(_WAIT_SECONDS)


class LineExporter(SpanExporter):
    """Appends a line to the file named by ``SPANS`` for each span."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans."""
        with Path(os.environ["SPANS"]).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps([span.name, dict(span.attributes or {})]) + "\n" for span in spans)
        return SpanExportResult.SUCCESS


class _Traced:
    """A provider, a call that has ended, and one whose root is open."""

    def __init__(self) -> None:
        self.provider = TracerProvider()
        if os.environ.get("AS_EXPORTER"):  # as ``OTEL_TRACES_EXPORTER=session_agg`` does it
            self.provider.add_span_processor(BatchSpanProcessor(SessionSpanExporter(LineExporter(), prices={})))
            trace.set_tracer_provider(self.provider)
            self.tracer = trace.get_tracer("t")
            return
        self.processor = SessionSpanProcessor(LineExporter(), prices=PriceBook({"m": {"input": 1, "output": 2}}))
        self.provider.add_span_processor(self.processor)
        self.tracer = self.provider.get_tracer("t")

    def request(self, name: str) -> None:
        """A request with a call."""
        with session(name), self.tracer.start_as_current_span("request"):
            self.call()

    def call(self) -> None:
        """A model call."""
        self.tracer.start_span("chat", attributes=CALL).end()


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def _work(traced: _Traced) -> None:
    traced.request("s")
    with session("open"):
        traced.tracer.start_span("request")
    _ready()


def plain() -> None:
    """A script."""
    _work(_Traced())
    _wait_for_signal()


def asynchronous() -> None:
    """A script with an event loop."""

    async def main() -> None:
        _work(_Traced())
        while True:  # noqa: ASYNC110 -- nothing but the signal is waited for
            await asyncio.sleep(_WAIT_SECONDS)

    asyncio.run(main())


def exported() -> None:
    """A script whose tracing is set up as ``OTEL_TRACES_EXPORTER=session_agg`` does it."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(SessionSpanExporter(LineExporter(), prices={})))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("t")
    with session("s"), tracer.start_as_current_span("request"):
        tracer.start_span("chat", attributes=CALL).end()
    with session("open"):
        tracer.start_span("request")
    _ready()
    _wait_for_signal()


def busy() -> None:
    """A script that is always in the middle of a fold, with our lock held."""
    traced = _Traced()
    _work(traced)
    while True:
        traced.request("s")
        traced.processor.force_flush()


def handled() -> None:
    """A handler of the application, set before."""

    def handle(*_: object) -> None:
        sys.stdout.write("handled\n")
        sys.stdout.flush()
        os._exit(3)

    signal.signal(signal.SIGTERM, handle)
    plain()


def handled_later() -> None:
    """A handler of the application, set after."""
    traced = _Traced()

    def handle(*_: object) -> None:
        sys.exit(3)

    signal.signal(signal.SIGTERM, handle)
    _work(traced)
    _wait_for_signal()


def ignored() -> None:
    """A process that ignores the signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    traced = _Traced()
    _work(traced)
    time.sleep(1.0)
    traced.provider.shutdown()
    sys.exit(4)


_traced: _Traced | None = None


def _web() -> _Traced:
    global _traced  # noqa: PLW0603 -- made in the worker's process, when the first request or the module comes
    _traced = _traced or _Traced()
    return _traced


async def asgi(scope: dict[str, Any], _: Callable[[], Awaitable[Any]], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """An application without a lifespan hook; ``/slow`` takes a while and says on the standard output that it began."""
    if scope["type"] != "http":
        message = "no lifespan"
        raise RuntimeError(message)
    traced = _web()
    with session(scope["path"].strip("/")), traced.tracer.start_as_current_span("request"):
        traced.call()
        if scope["path"] == "/slow":
            _ready()
            await asyncio.sleep(1.0)
            traced.call()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The same, where each request has a thread or a process."""
    traced = _web()
    with session(environ["PATH_INFO"].strip("/")), traced.tracer.start_as_current_span("request"):
        traced.call()
        if environ["PATH_INFO"] == "/slow":
            _ready()
            time.sleep(1.0)
            traced.call()
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]


def served() -> None:
    """A server in a program that made its processor before."""
    import uvicorn  # noqa: PLC0415 -- an extra of the tests

    _web()
    uvicorn.run(asgi, port=int(os.environ["PORT"]), log_level="warning")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
elif os.environ.get("AT_IMPORT"):
    _web()  # as an application module does it
