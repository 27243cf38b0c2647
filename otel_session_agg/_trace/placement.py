"""Find the nearest ancestor to which ended spans below one session root are attached.

That is an open span, or one that was only named as a parent.  A child that ends after its parent
climbs up by what ``EndedSpans`` remembers.  The path is then remembered as one step, so that in a
deep chain that ends from the outside in each span climbs once, not as often as there are spans
below it.
"""

from __future__ import annotations

from collections.abc import Iterator

from otel_session_agg._trace.call import Call, put_behind_tool
from otel_session_agg._trace.ended_spans import MAX_CLIMB, EndedSpans, ParentLink
from otel_session_agg._trace.nesting import nest_late
from otel_session_agg._trace.node import Node
from otel_session_agg._trace.outlived import Outlived
from otel_session_agg._trace.trace_state import TraceState

MAX_AWAITED = 256
"""Parents per root that children named and that were not seen.

Most of them belong to another process, and never end here.
"""

_AT_ROOT: ParentLink = (0, None, False)


class Placement(TraceState):
    """Open spans, and what is attached to them."""

    __slots__ = ("outlived",)

    def __init__(self, trace_id: int, root_id: int | None) -> None:
        super().__init__(trace_id, root_id)
        self.outlived: Outlived | None = None
        """Spans that ended before those below them; kept from the first call on."""

    def is_open(self, span_id: int) -> bool:
        """Return whether a span below the root is open, or waits for open spans below it."""
        return (self.opened is not None and span_id in self.opened) or (
            self.outlived is not None and span_id in self.outlived.spans
        )

    def holds(self, span_id: int) -> bool:
        """Return whether a span is the root, is open below it, or has something attached."""
        return (
            span_id == self.root_id
            or self.is_open(span_id)
            or (self.nodes is not None and span_id in self.nodes)
        )

    def knows(self, span_id: int | None, ended_spans: EndedSpans) -> bool:
        """Return whether a span is the root, is open below it, or was until recently."""
        for _ in range(MAX_CLIMB):
            if span_id is None:
                return False
            if self.holds(span_id):
                return True
            link = ended_spans.get(self.trace_id, span_id)
            span_id = link[1] if link is not None else None
        return False

    def _attach(
        self, calls: list[Call], flags: int, parent_id: int | None, ended_spans: EndedSpans
    ) -> Node:
        """Attach calls to the nearest open ancestor, and return its node.

        An ended ancestor that reported a call is decided about again on the way.
        """
        known = self.nodes.get(parent_id) if self.nodes and parent_id is not None else None
        if known is not None:  # has something attached already, as most have
            return known.with_calls(calls, flags) if flags or calls else known
        path: list[int] = []
        for _ in range(MAX_CLIMB):
            if parent_id is None:
                break
            if self.is_open(parent_id):
                self._shorten(path, parent_id, ended_spans)
                return self._node(parent_id).with_calls(calls, flags)
            ended = self.window.by_span(parent_id) if self.window is not None else None
            if ended is not None and (calls or flags) and ended not in calls:
                calls, flags = nest_late(ended, calls, flags)
            link = (
                ended_spans.get(self.trace_id, parent_id) if parent_id != self.root_id else _AT_ROOT
            )
            if link is None and len(self.nodes or ()) < MAX_AWAITED + len(self.opened or ()):
                self._shorten(path, parent_id, ended_spans)
                return self._node(parent_id).with_calls(calls, flags)
            if link is None or link is _AT_ROOT:
                break
            if ended is None:
                path.append(parent_id)
            else:  # it must be met each time, so the path is not shortened past it
                self._shorten(path, parent_id, ended_spans)
                path = []
            _, parent_id, tool = link
            flags = put_behind_tool(calls, flags) if tool else flags
        self._shorten(path, parent_id, ended_spans)
        self.root = self.root or Node()
        return self.root.with_calls(calls, flags)

    def _shorten(self, path: list[int], above: int | None, ended_spans: EndedSpans) -> None:
        """Remember where a path up through ended spans leads; a ring of parents, to the root."""
        if len(path) > 1:
            ended_spans.shorten(self.trace_id, path, None if above in path else above)

    def _node(self, span_id: int) -> Node:
        """Return the node of a span; create it if needed."""
        self.nodes = self.nodes or {}
        return self.nodes.get(span_id) or self.nodes.setdefault(span_id, Node())

    def all_nodes(self) -> Iterator[Node]:
        """Yield the nodes of the root and of the spans below it."""
        if self.root is not None:
            yield self.root
        yield from (self.nodes or {}).values()
