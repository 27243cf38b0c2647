"""Tracing of both programs, once for each process."""

from __future__ import annotations

import os
from dataclasses import replace

from exporter import Printer
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import SessionSpanProcessor, Settings

REDIS_URL = os.environ.get("REPORTS_REDIS_URL", "redis://localhost:6379")
SETTINGS = Settings.from_env({"OTEL_PYTHON_SESSION_AGG_STORE": f"{REDIS_URL}/2", **os.environ})


def start_tracing(service: str, *, trust_baggage: bool) -> TracerProvider:
    """Trace this process; ``trust_baggage``: whether to believe the session that a caller names."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "process.pid": os.getpid()})
    )
    provider.add_span_processor(
        SessionSpanProcessor(Printer(), settings=replace(SETTINGS, trust_baggage=trust_baggage))
    )
    trace.set_tracer_provider(provider)
    CeleryInstrumentor().instrument()
    OpenAIInstrumentor().instrument()
    return provider
