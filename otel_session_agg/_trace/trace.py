"""One session root and its totals.

The root itself is folded last, when everything below it (``folding``) has ended or waiting is over.
Spans may end later still; what they add or correct is in the totals that are read after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from otel_session_agg._collections.deadlines import Deadline
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import Kind
from otel_session_agg._reading.plan import MAX_SCOPE_CHARS
from otel_session_agg._trace.call import COUNTED, MODEL, Call, flags_behind, flags_of
from otel_session_agg._trace.ended_spans import MAX_CLIMB, EndedSpans
from otel_session_agg._trace.folding import OpenTree
from otel_session_agg._trace.nesting import CALLS, gives_way, nest_late, relevant_below
from otel_session_agg._trace.node import Node
from otel_session_agg._trace.outlived import OutlivedSpan
from otel_session_agg._trace.totals import Price, Text, no_text, short

_ROOT_IS_EVENT = frozenset({Kind.MODEL, Kind.EMBEDDING, Kind.TOOL, Kind.RETRIEVER})


class Trace(OpenTree):
    """One session root, from its start to the last late span below it."""

    __slots__ = ("deadline", "next")

    def __init__(self, trace_id: int, root_id: int | None) -> None:
        super().__init__(trace_id, root_id)
        self.deadline: Deadline[Trace] | None = None
        self.next: Trace | None = None
        """The root with the same trace id that left before this one."""

    def fold_root(self, ended_spans: EndedSpans, price: Price) -> None:
        """Fold the root itself: the last span, except for late ones."""
        self.is_folded = True
        self.stop_all_waiting(ended_spans, price)
        ahead, flags = self._look_ahead(ended_spans)
        self.root = self.root or Node()
        span, reading = self.root_span, self.root_reading
        if span is None or reading is None:
            return
        self.lacks |= reading.lacks
        if reading.user_id is not None or reading.metadata is not None:
            self.attribution.label(span, reading)
        # as seen from the open spans to which the calls are still attached
        was_behind = [call.behind_tool for call, _ in ahead]
        for call, is_behind in ahead:
            call.behind_tool = is_behind
        self.root.with_calls([call for call, _ in ahead], flags)
        self.root.flags = self._fold_call(span, reading, self.root.calls, self.root.flags, price)
        for (call, _), is_behind in zip(ahead, was_behind, strict=True):
            call.behind_tool = is_behind
        if reading.session_id is not None:
            self.attribution.note(
                span.start_ns, span.span_id, reading.session_id, is_weak=reading.session_is_weak
            )
            self.attribution.root = (reading.session_id, reading.session_is_weak)
        if reading.kind in _ROOT_IS_EVENT:
            self.root.add(span, reading)
        else:
            self.root.add_root(span, reading)

    def drop_details(self, text: Text = no_text) -> None:
        """Drop what only the totals needed, once they are written.

        Outputs are replaced by the text that ``text`` makes of them.
        """
        if self.root_span is not None and self.root_reading is not None:
            scope = self.root_span.scope_name[:MAX_SCOPE_CHARS]
            self.root_span = self.root_span._replace(
                name="", scope_name=scope, attributes={}, events=(), status_description=None
            )
            if self.root_reading.metadata is not None:
                self.root_reading = self.root_reading._replace(metadata=None)
            if self.root_reading.output is not None:
                self.root_reading = self.root_reading._replace(
                    output=short(self.root_reading.output, text)
                )
        self.attribution.shorten_outputs(list(self.all_nodes()), text)

    def feedback(self) -> None:
        """Record that feedback was given."""
        self.has_changed = True
        self.root = self.root or Node()
        self.root.feedback = True

    def can_be_corrected(self) -> bool:
        """Return whether a late span could change what was counted.

        It could below a span that is open, or above figures that are weak.
        """
        return bool(self.opened) or (self.window is not None and self.window.has_weak())

    def rollups(
        self, ended_spans: EndedSpans, price: Price, text: Text = no_text, *, above: bool = False
    ) -> dict[str | None, Rollup]:
        """Return the totals so far by session id; ``None``: no session is known.

        ``text`` makes an output readable.  ``above``: as seen from above, where a root in the
        middle of a trace counts as an event.
        """
        if self.opened and not self.is_folded:
            self._look_ahead(ended_spans)
        nodes = [*self.all_nodes(), *(self._root_as_event() if above else ())]
        session = self.attribution.session
        return {
            name: totals.rollup(session, text)
            for name, totals in self.attribution.totals(nodes, self._calls(), price).items()
        }

    def newly_unpriced(self, rollups: Iterable[Rollup]) -> int:
        """Return how many calls without a known cost have come into the totals since the last time.

        0 while the root has not left.
        """
        if not self.has_left:
            return 0
        before = self.num_unpriced
        self.num_unpriced = max(before, sum(rollup.num_unpriced_events for rollup in rollups))
        return self.num_unpriced - before

    def _look_ahead(self, ended_spans: EndedSpans) -> tuple[list[tuple[Call, bool]], int]:
        """Decide between calls below open spans and ended spans above those; move nothing.

        Return these calls, each with whether it is behind a tool, and their flags, all as seen from
        the root.
        """
        found: list[tuple[Call, bool]] = []
        seen = 0
        for span_id in dict.fromkeys((*reversed(self.opened or {}), *(self.nodes or {}))):
            node = self.nodes.get(span_id) if self.nodes else None
            if node is not None and node.calls:
                calls, flags, is_behind = self._decided_above(node, span_id, ended_spans)
                found += [(call, is_behind or call.behind_tool) for call in calls]
                seen |= flags
        return found, seen

    def _decided_above(
        self, node: Node, span_id: int, ended_spans: EndedSpans
    ) -> tuple[list[Call], int, bool]:
        """Decide between the calls at an open span and ended spans above it.

        Return the calls that are left, their flags, and whether they are behind a tool.
        """
        calls, flags, is_behind = list(node.calls), node.flags, False
        for _ in range(MAX_CLIMB):
            parent_id = self.opened.get(span_id) if self.opened is not None else None
            link = (
                ended_spans.get(self.trace_id, span_id)
                if parent_id is None
                else (0, parent_id, False)
            )
            if link is None or link[1] is None or link[1] == self.root_id:
                break
            span_id, is_tool = link[1], link[2]
            if is_tool:
                flags, is_behind = flags_behind(flags), True
            ended = self.window.by_span(span_id) if self.window is not None else None
            if ended is not None and ended not in calls:
                if is_behind and ended.kind in CALLS:
                    calls, flags = [*calls, ended], flags | flags_of(ended)
                else:
                    calls, flags = nest_late(ended, calls, flags)
        return calls, flags, is_behind

    def _calls(self) -> list[Call]:
        """Return recent calls, and those of waiting spans that no other span reports."""
        found = self.window.calls() if self.window is not None else []
        if self.outlived is not None and self.outlived.spans:
            found += [
                call
                for call in map(self._as_it_stands, self.outlived.innermost(self.opened or {}))
                if call is not None
            ]
        return found

    def _as_it_stands(self, ended: OutlivedSpan) -> Call | None:
        """Return the call of a waiting span, unless ended spans below or beside it report it."""
        call, node = Call(ended.span, ended.reading), self._node(ended.span.span_id)
        seen, below = relevant_below(call, node.calls, node.flags)
        if (
            seen & COUNTED
            or (seen & MODEL and not call.usage_counts)
            or gives_way(call, seen, below)
        ):
            return None
        return (
            call if self.window is None or self.window.same_call(call, node.calls) is None else None
        )

    def _root_as_event(self) -> Iterator[Node]:
        """Yield counts of the root as an event, if it is a part that is not counted as one yet."""
        span, reading = self.root_span, self.root_reading
        if (
            self.is_folded
            and span is not None
            and reading is not None
            and span.is_part
            and reading.kind not in _ROOT_IS_EVENT
        ):
            node = Node()
            node.add(span, reading)
            yield node


class Changed(NamedTuple):
    """A trace whose totals changed, and that has no root to release: its sessions are updated."""

    trace: Trace


Out = list[object]
"""What leaves, in order.

Payloads as they came, ``Trace`` objects whose roots may leave, and ``Changed`` ones.
"""
