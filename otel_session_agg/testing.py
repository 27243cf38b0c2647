"""Helpers for testing the totals of an application's traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, TraceFlags

from otel_session_agg._spans.received import is_own_span

__all__ = ["FakeClock", "RecordingExporter", "make_span"]

_RESOURCE = Resource({"service.name": "test"})


class FakeClock:
    """A monotonic clock, in seconds, that only moves when ``tick`` is called."""

    def __init__(self, now_seconds: float = 0.0) -> None:
        self.now_seconds = now_seconds

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now_seconds

    def tick(self, seconds: float) -> None:
        """Advance the clock."""
        self.now_seconds += seconds


class RecordingExporter(InMemorySpanExporter):
    """An exporter that keeps the spans it is given."""

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """All exported spans, in order."""
        return self.get_finished_spans()

    @property
    def roots(self) -> tuple[ReadableSpan, ...]:
        """The exported session roots: spans of the application without a parent in this process."""
        return tuple(
            span
            for span in self.spans
            if (span.parent is None or span.parent.is_remote) and not is_own_span(span)
        )


def make_span(  # noqa: PLR0913 -- one for each field of a span
    name: str = "span",
    *,
    trace_id: int = 1,
    span_id: int = 1,
    parent_id: int | None = None,
    remote_parent: bool = False,
    attributes: Mapping[str, Any] | None = None,
    scope: str = "test",
    scope_version: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    start_ns: int = 0,
    end_ns: int = 1_000_000,
    status: Status | None = None,
    events: Sequence[Event] = (),
) -> ReadableSpan:
    """Return an ended span as the SDK passes it to processors.

    Times are nanoseconds since the Unix epoch.
    """
    flags = TraceFlags(TraceFlags.SAMPLED)
    parent = (
        SpanContext(trace_id, parent_id, remote_parent, flags) if parent_id is not None else None
    )
    return ReadableSpan(
        name=name,
        context=SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags),
        parent=parent,
        resource=_RESOURCE,
        attributes=dict(attributes or {}),
        events=events,
        kind=kind,
        status=status or Status(),
        start_time=start_ns,
        end_time=end_ns,
        instrumentation_scope=InstrumentationScope(scope, scope_version),
    )
