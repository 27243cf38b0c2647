"""Where spans hung that ended a moment ago.

A child that ends after its parent still finds the way up, although nothing is kept of ended spans but this bounded memory,
which all traces share.
"""

from __future__ import annotations

from otel_session_agg._model import Kind, SpanData

_TOOL = Kind.TOOL

MAX_LINKS = 4096
"""Ended spans whose parent is remembered, over all traces: a second or two of a busy process, which is how late children of
ended spans come."""


Link = tuple[int, "int | None", bool]
"""Where an ended span hung: its trace, its parent, and whether it was a tool."""


class Links:
    """Where spans hung that ended a moment ago, in two generations so that forgetting costs nothing."""

    __slots__ = ("_old", "_young")

    def __init__(self) -> None:
        self._young: dict[int, Link] = {}
        self._old: dict[int, Link] = {}

    def add(self, span: SpanData, kind: Kind) -> None:
        """Remember a span that ended."""
        young = self._young
        if len(young) >= MAX_LINKS // 2:
            self._old, self._young = young, {}
            young = self._young
        young[span.span_id] = (span.trace_id, span.parent_id, kind is _TOOL)

    def keep(self, trace_id: int, span_id: int, parent_id: int | None, *, tool: bool = False) -> None:
        """Remember where a span hangs that is not kept any more."""
        if len(self._young) >= MAX_LINKS // 2:
            self._old, self._young = self._young, {}
        self._young[span_id] = (trace_id, parent_id, tool)

    def get(self, trace_id: int, span_id: int) -> Link | None:
        """The link of a span, when it is remembered."""
        link = self._young.get(span_id) or self._old.get(span_id)
        return link if link is not None and link[0] == trace_id else None
