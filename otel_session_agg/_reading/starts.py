"""What ended spans say, together with what was known of them when they began.

A span that begins inside a ``session()`` block is in that session.  Its attributes need not say so in the end: an instrumentation
may have written the id of a conversation or thread over it, and of too many attributes the SDK drops the oldest, which are those
of the beginning.  An id that the application sets on the span itself counts, as being nearer.
"""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._model.span import LACKS_FIGURES, LACKS_SESSION, Kind, Reading, SpanData
from otel_session_agg._reasons import DROPPED
from otel_session_agg._recent import Recent

MAX_BEGUN = 65_536
"""Spans inside ``session()`` blocks that are remembered while they are open, about 250 bytes each: more than a process has open,
so only those that never end, or never come here, are forgotten."""

_CALLS = frozenset({Kind.MODEL, Kind.EMBEDDING})


class Reader:
    """Reads ended spans."""

    def __init__(self, read: Callable[[SpanData], Reading]) -> None:
        self._read = read
        self._begun: Recent[tuple[int, int], tuple[str, frozenset[str]]] = Recent(MAX_BEGUN // 2)
        self._has_any = False

    def began(self, trace_id: int, span_id: int, session_id: str, around: frozenset[str]) -> None:
        """A span begins in a session; ``around`` are ids that are farther away than that."""
        self._has_any = True
        self._begun.put((trace_id, span_id), (session_id, around))

    def read(self, span: SpanData) -> Reading:
        """What a span says that has ended."""
        event = self._read(span)
        if self._has_any:
            begun = self._begun.pop((span.trace_id, span.span_id))
            if begun is not None and (
                event.session_is_weak or event.session_id is None or event.session_id in begun[1]
            ):
                event = event._replace(session_id=begun[0], session_is_weak=False)
        return _lacking(span, event) if span.dropped_attributes else event


def _lacking(span: SpanData, event: Reading) -> Reading:
    """The event of a span that has lost attributes: what decides may be among them."""
    is_call, lacks = event.kind in _CALLS or event.usage is not None, 0
    if (
        is_call
        and not span.failed
        and (event.usage is None or not (event.response_model or event.request_model))
    ):
        lacks |= LACKS_FIGURES
    if (is_call or span.parent_id is None) and event.session_id is None:
        lacks |= LACKS_SESSION
    return event._replace(lacks=lacks, ignored=(*event.ignored, DROPPED)) if lacks else event
