"""Starts and ends of ended spans, in the order of their times."""

from __future__ import annotations

from collections.abc import Iterable

from otel_session_agg._model.span import SpanData
from otel_session_agg._trace.unrooted import downwards


def steps(spans: Iterable[SpanData]) -> list[tuple[bool, SpanData]]:
    """Return starts and ends (``True``) in order; of equal times, outer spans are longer."""
    by_trace: dict[int, dict[int, SpanData]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, {})[span.span_id] = span
    inner = [span for one in by_trace.values() for span in downwards(one)]
    starts = [(span.start_ns, 0, place, span) for place, span in enumerate(inner)]
    ends = [(max(span.start_ns, span.end_ns), 1, -place, span) for place, span in enumerate(inner)]
    found = sorted(starts + ends, key=lambda step: step[:3])
    return [(bool(is_end), span) for _, is_end, _, span in found]
