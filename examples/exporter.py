"""Where the examples' spans go: session roots and records are printed, all goes to your backend.

In your application this is the exporter that you have.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult


class Printer(SpanExporter):
    """Prints what has totals, one line each, and hands everything on.

    With ``OTEL_TRACES_EXPORTER=otlp``, that is to the OTLP/HTTP endpoint that the
    ``OTEL_EXPORTER_OTLP_*`` variables name.
    """

    def __init__(self) -> None:
        self._backend = (
            OTLPSpanExporter() if os.environ.get("OTEL_TRACES_EXPORTER") == "otlp" else None
        )

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Print and hand on."""
        for span in spans:
            if (span.attributes or {}).get("metadata.num_events"):
                print(line(span), flush=True)
        return SpanExportResult.SUCCESS if self._backend is None else self._backend.export(spans)

    def shutdown(self) -> None:
        """Close the connection."""
        if self._backend is not None:
            self._backend.shutdown()  # type: ignore[no-untyped-call]  # not annotated there


def line(span: ReadableSpan) -> str:
    """The totals on a session root or record: name, session if it has one, cost and tokens."""
    totals: Mapping[str, Any] = span.attributes or {}
    session = f" {totals['session.id']}" if "session.id" in totals else ""
    cost = f"{totals['metadata.cost']} USD" if "metadata.cost" in totals else "unknown cost"
    return f"{span.name}{session} {cost} {totals.get('metadata.total_tokens')} tokens"
