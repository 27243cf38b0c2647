"""Where spans hung that ended a moment ago.

A child that ends after its parent still finds the way up, although nothing is kept of ended spans but this bounded memory,
which all traces share.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from otel_session_agg._model.span import Kind, SpanData
from otel_session_agg._recent import Recent

_TOOL = Kind.TOOL

MAX_ENDED_SPANS = 4096
"""Ended spans whose parent is remembered, over all traces: a second or two of a busy process, which is how late children of
ended spans come."""

MAX_CLIMB = 1000
"""Ended ancestors followed: deeper than any stack, and a ring of parents ends here."""

ParentLink = tuple[int, "int | None", bool]
"""Where an ended span hung: its trace, its parent, and whether it was a tool."""


class EndedSpans:
    """Where spans hung that ended a moment ago."""

    __slots__ = ("_recent",)

    def __init__(self) -> None:
        self._recent: Recent[int, ParentLink] = Recent(MAX_ENDED_SPANS // 2)

    def add(self, span: SpanData, kind: Kind) -> None:
        """Remember a span that ended."""
        recent = self._recent
        if len(recent.young) >= recent.generation:  # as ``put``: this is done for every span
            recent.grow_old()
        recent.young[span.span_id] = (span.trace_id, span.parent_id, kind is _TOOL)

    def keep(self, trace_id: int, span_id: int, parent_id: int | None) -> None:
        """Remember where a span hangs that is not kept any more."""
        self._recent.put(span_id, (trace_id, parent_id, False))

    def shorten(self, trace_id: int, path: Sequence[int], above: int | None) -> None:
        """Let the ended spans of a path hang at what is above the last of them; of what is between nothing has to be known any more.

        Whoever climbs the same way again, as each span of a deep chain does, finds it one step long.
        """
        is_behind_tool = False
        for span_id in reversed(path):
            link = self.get(trace_id, span_id)
            if link is None:
                return
            is_behind_tool = is_behind_tool or link[2]
            self._recent.replace(span_id, (trace_id, above, is_behind_tool))

    def get(self, trace_id: int, span_id: int) -> ParentLink | None:
        """The link of a span, when it is remembered."""
        link = self._recent.get(span_id)
        return link if link is not None and link[0] == trace_id else None

    def nearest(self, trace_id: int, span_id: int | None, wanted: Container[int]) -> int | None:
        """The nearest of some spans above one that has ended; where none is remembered, the span itself."""
        at = span_id
        for _ in range(MAX_CLIMB):
            link = self.get(trace_id, at) if at is not None else None
            if link is None or at in wanted:
                break
            at = link[1]
        return at if at in wanted else span_id
