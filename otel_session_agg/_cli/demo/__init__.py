r"""Run the demo: agents, a model server and a trace backend in one process, by real protocols.

::

    agents -> openai client -> model server (server.py), which notes the tokens that it serves
       |
       spans (OpenInference instrumentation, and by hand) -> SessionSpanProcessor
                                          -> OTLP/HTTP -> receiver (receiver.py)
                                                      \-> the reader's backend (backend.py)

What is shown has been received, and is compared with what the model server noted (``check.py``).
All is on loopback; no key is needed.  The environment must not change the outcome, so the variables
that the SDK, the client and the instrumentation read are put aside while it runs.
"""

# ruff: noqa: PLC0415  import when the variables are put aside; and the extra may be missing

from __future__ import annotations

import logging
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from otel_session_agg._cli.demo.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

    from otel_session_agg._cli.demo.backend import Backend
    from otel_session_agg._cli.demo.receiver import ReceivedSpan
    from otel_session_agg._cli.demo.server import Served

__all__ = ["SERVICE_NAME", "EndpointError", "Outcome", "run"]

SERVICE_NAME: Final = "otel-session-agg-demo"
"""``service.name`` of the demo's spans."""

_PUT_ASIDE: Final = ("OTEL_", "OPENAI_", "OPENINFERENCE_")
"""Prefixes of variables that could change what the demo does."""

_MEANT_FOR_THE_BACKEND: Final = "OTEL_EXPORTER_OTLP_"
"""Prefix of variables with the headers and certificates that a backend may require."""

_LOGGERS: Final = ("opentelemetry", "openinference", "otel_session_agg")
_FLUSH_MILLIS: Final = 4_000


@dataclass(frozen=True)
class Outcome:
    """The results of a run."""

    spans: list[ReceivedSpan]
    """All spans that arrived at the receiver."""
    roots: list[ReceivedSpan]
    """The session roots among them, oldest first."""
    served: list[Served]
    """The usage of each answer of the model server."""
    differences: list[str]
    """Totals that differ from the usage that the model server sent; empty when all is well."""
    warnings: list[str]
    """Warnings that were logged meanwhile."""
    sent_to: str | None = None
    """URL of the reader's backend."""
    num_sent: int = 0
    """Spans that the backend accepted."""
    problem: str | None = None
    """Why the backend did not accept all of them."""


def run(endpoint: str | None = None) -> Outcome:
    """Run the sessions and return what arrived; with an ``endpoint``, the spans go there as well.

    Raises:
        EndpointError: ``endpoint`` is not an HTTP URL.
        ModuleNotFoundError: a package of the ``demo`` extra is missing.

    """
    with (
        _logging_collected() as warnings,
        _environment_put_aside(except_for=_MEANT_FOR_THE_BACKEND),
    ):
        backend = _make_backend(endpoint) if endpoint is not None else None
        with _environment_put_aside():
            return _run(backend, warnings)


def _run(backend: Backend | None, warnings: list[str]) -> Outcome:
    # the SDK reads variables while it is imported, some so strictly that it fails
    from otel_session_agg._cli.demo.agents import run_sessions
    from otel_session_agg._cli.demo.check import differences, session_roots
    from otel_session_agg._cli.demo.receiver import Receiver
    from otel_session_agg._cli.demo.script import SCRIPT
    from otel_session_agg._cli.demo.server import ModelServer, scripted

    model_server, receiver = ModelServer(scripted(SCRIPT)), Receiver()
    with ExitStack() as stack:
        receiver_url = stack.enter_context(receiver.running())
        provider = _tracer_provider(receiver_url, backend)
        stack.callback(provider.shutdown)
        with model_server.running() as model_url, _instrumented(provider):
            run_sessions(model_url, provider)
        provider.force_flush(_FLUSH_MILLIS)
    roots = session_roots(receiver.spans)
    return Outcome(
        spans=receiver.spans,
        roots=roots,
        served=model_server.served,
        differences=differences(roots, model_server.served),
        warnings=warnings,
        sent_to=backend.url if backend else None,
        num_sent=backend.num_sent if backend else 0,
        problem=backend.problem if backend else None,
    )


def _make_backend(endpoint: str) -> Backend:
    from otel_session_agg._cli.demo.backend import Backend

    return Backend(endpoint)


def _tracer_provider(receiver_url: str, backend: Backend | None) -> TracerProvider:
    """Make a provider for the demo: the global one belongs to the application around, if any."""
    import requests
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from otel_session_agg import SessionSpanProcessor, Settings

    direct = requests.Session()
    direct.trust_env = False  # no proxy between the demo and its own receiver
    to_receiver = OTLPSpanExporter(
        f"{receiver_url}/v1/traces", session=direct, compression=Compression.Gzip
    )
    exporters: list[SpanExporter] = [to_receiver, *([backend] if backend else [])]
    downstream = SynchronousMultiSpanProcessor()  # type: ignore[no-untyped-call]
    for exporter in exporters:
        downstream.add_span_processor(BatchSpanProcessor(exporter))
    provider = TracerProvider(
        resource=Resource.create({"service.name": SERVICE_NAME}), shutdown_on_exit=False
    )
    provider.add_span_processor(SessionSpanProcessor(downstream, settings=Settings()))
    return provider


@contextmanager
def _instrumented(provider: TracerProvider) -> Iterator[None]:
    from openinference.instrumentation.openai import OpenAIInstrumentor

    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        instrumentor.uninstrument()


@contextmanager
def _environment_put_aside(*, except_for: str | None = None) -> Iterator[None]:
    names = [name for name in os.environ if name.startswith(_PUT_ASIDE)]
    aside = {
        name: os.environ.pop(name)
        for name in names
        if except_for is None or not name.startswith(except_for)
    }
    try:
        yield
    finally:
        os.environ.update(aside)


@contextmanager
def _logging_collected() -> Iterator[list[str]]:
    """Collect log lines, which are shown only when something went wrong."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {record.getMessage()}")

    handler = Collector(logging.WARNING)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    propagated = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield lines
    finally:
        for logger, propagate in zip(loggers, propagated, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
