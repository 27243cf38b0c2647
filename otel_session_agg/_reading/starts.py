"""Combine the reading of an ended span with the session that it started in.

A span that starts inside a ``session()`` block is in that session.  Its attributes may not state so
when it ends: an instrumentation may have written the id of a conversation or thread over it, and of
too many attributes the SDK drops the oldest, which are those set at the start.  An id that the
application sets on the span itself is nearer, and wins.
"""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._model.span import LACKS_FIGURES, LACKS_SESSION, Kind, Reading, SpanData
from otel_session_agg._reasons import DROPPED
from otel_session_agg._recent import Recent

MAX_BEGUN = 65_536
"""Open spans inside ``session()`` blocks that are remembered, about 250 bytes each: more than a
process has open, so only those that never end, or are never handed in, are forgotten."""

_CALLS = frozenset({Kind.MODEL, Kind.EMBEDDING})


class Reader:
    """Read ended spans, and remember the session in which they started."""

    def __init__(self, read: Callable[[SpanData], Reading]) -> None:
        self._read = read
        self._begun: Recent[tuple[int, int], tuple[str, frozenset[str]]] = Recent(MAX_BEGUN // 2)
        self._has_any = False

    def began(self, trace_id: int, span_id: int, session_id: str, around: frozenset[str]) -> None:
        """Remember that a span starts in a session; ``around`` are the ids of outer blocks."""
        self._has_any = True
        self._begun.put((trace_id, span_id), (session_id, around))

    def read(self, span: SpanData) -> Reading:
        """Return the reading of an ended span."""
        reading = self._read(span)
        if self._has_any:
            begun = self._begun.pop((span.trace_id, span.span_id))
            if begun is not None and (
                reading.session_is_weak
                or reading.session_id is None
                or reading.session_id in begun[1]
            ):
                reading = reading._replace(session_id=begun[0], session_is_weak=False)
        return _lacking(span, reading) if span.dropped_attributes else reading


def _lacking(span: SpanData, reading: Reading) -> Reading:
    """Mark what may have been among the attributes that the SDK dropped from a span."""
    is_call, lacks = reading.kind in _CALLS or reading.usage is not None, 0
    has_model = bool(reading.response_model or reading.request_model)
    if is_call and not span.failed and (reading.usage is None or not has_model):
        lacks |= LACKS_FIGURES
    if (is_call or span.parent_id is None) and reading.session_id is None:
        lacks |= LACKS_SESSION
    return reading._replace(lacks=lacks, ignored=(*reading.ignored, DROPPED)) if lacks else reading
