"""One session root and what is open below it: what counts for it, and when it may leave.

Of an open span its id and its parent are kept, of an ended one nothing but the call that it told of: that hangs at the nearest
open ancestor and moves up when that ends, so the state is bounded by the open spans and the window of recent calls.  On the
way up ``_nesting`` decides which calls count.  Calls also hang at parents that are not known (they end without a start, or
later than their children); nothing waits for those.  An ended span that told of a call is met again in the window, so a late
descendant still corrects it.  The root is folded last, when everything below it has ended or waiting is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from otel_session_agg._calls import WINDOW, Call, Window, absorb
from otel_session_agg._deadlines import Deadline
from otel_session_agg._links import Links
from otel_session_agg._model import Event, Kind, SpanData
from otel_session_agg._nesting import SETTLED, Node, behind_tool, flags_of, late, nest, tells_of_call
from otel_session_agg._rollup import MAX_MODELS, At, Rollup
from otel_session_agg._sums import Price, Sums

_TOOL = Kind.TOOL  # a global is read twenty times faster than an enum's member
_ROOT_IS_EVENT = frozenset({Kind.MODEL, Kind.EMBEDDING, Kind.TOOL, Kind.RETRIEVER})
MAX_AWAITED = 256
"""Parents per root that children named and nobody has seen: they belong to another process, mostly, and never end here."""
_MAX_CLIMB = 1000
"""Ended ancestors followed before the root is taken: deeper than any stack, and a ring of parents ends here."""


def no_text(_raw: object) -> None:
    """Outputs are not wanted."""


class Trace:
    """The state of one session root."""

    __slots__ = (
        "carrier", "conflicts", "deadline", "end_ns", "error", "feedback", "next", "nodes", "num_errors", "num_events",
        "num_tools", "opened", "output", "partial", "root", "root_event", "root_id", "root_span", "session", "start_ns", "sums",
        "trace_id", "window",
    )  # fmt: skip

    def __init__(self, trace_id: int, root_id: int | None) -> None:
        self.trace_id = trace_id
        self.root_id = root_id
        self.root: Node | None = None
        self.root_span: SpanData | None = None
        self.root_event: Event | None = None
        self.carrier: object = None
        """What the door handed in for the root; handed back when it leaves."""
        self.opened: dict[int, int | None] | None = None
        """Open spans below the root, and their parents."""
        self.nodes: dict[int, Node] | None = None
        """What hangs at spans that are open, or that were only named as a parent."""
        self.window: Window | None = None
        self.sums: Sums | None = None
        self.num_events = self.num_tools = self.num_errors = 0
        self.feedback = False
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        self.output: tuple[int, int, object] | None = None
        self.error: At | None = None
        self.session: At | None = None
        self.conflicts = 0
        """Events with another session id than the first."""
        self.partial: str | None = None
        """Why the root leaves before everything below it has ended."""
        self.deadline: Deadline[Trace] | None = None
        self.next: Trace | None = None
        """Another session root with the same trace id."""

    # -- open spans -----------------------------------------------------------------------------------------------------

    def started(self, span_id: int, parent_id: int | None) -> None:
        """A span below the root began."""
        self.opened = self.opened or {}
        self.opened[span_id] = parent_id

    def is_open(self, span_id: int) -> bool:
        """Whether a span below the root is open."""
        return self.opened is not None and span_id in self.opened

    def knows(self, span_id: int | None, links: Links) -> bool:
        """Whether a span is open below this root, or hung there a moment ago."""
        for _ in range(_MAX_CLIMB):
            if span_id is None:
                return False
            if span_id == self.root_id or self.is_open(span_id) or (self.nodes is not None and span_id in self.nodes):
                return True
            link = links.get(self.trace_id, span_id)
            span_id = link[1] if link is not None else None
        return False

    def give_up(self, span_ids: Iterable[int], links: Links) -> None:
        """Stop waiting for spans; what hangs at them moves up."""
        for span_id in span_ids:
            parent_id = self.opened.pop(span_id, None) if self.opened else None
            links.keep(self.trace_id, span_id, parent_id)
            node = self.nodes.pop(span_id, None) if self.nodes else None
            if node is not None:
                self._carry(node.calls, node.flags, parent_id, links)

    def oldest_open(self, how_many: int) -> list[int]:
        """The spans that are open the longest."""
        return list(islice(self.opened or (), how_many))

    def _close(self, links: Links) -> None:
        """Stop waiting for everything, the innermost first."""
        self.give_up(list(reversed(self.opened or {})), links)
        while self.nodes:
            self.give_up(list(self.nodes), links)

    def settle(self, links: Links, price: Price) -> None:
        """Shrink to the totals: nothing can be corrected any more."""
        self._close(links)
        self.settle_calls(price)
        self.root = None

    def settle_calls(self, price: Price) -> None:
        """Add all recent calls to the totals for good."""
        for call in list(self.window or ()):
            self._settle(call, price)
        self.window = None
        for node in (*(self.nodes or {}).values(), *([self.root] if self.root is not None else [])):
            node.prune()

    @property
    def num_calls(self) -> int:
        """Recent calls that can still be corrected."""
        return self.window.num_calls if self.window is not None else 0

    # -- events ---------------------------------------------------------------------------------------------------------

    def ended(self, span: SpanData, event: Event, links: Links, price: Price) -> None:
        """A span below the root ended."""
        links.add(span, event.kind)
        if self.opened:
            self.opened.pop(span.span_id, None)
        node = self.nodes.pop(span.span_id, None) if self.nodes else None
        self._tally(span, event)
        if node is None and not tells_of_call(event):
            return
        calls, flags = (node.calls, node.flags) if node is not None else ([], 0)
        flags = self._fold(span, event, calls, flags, price)
        if flags or calls:
            self._carry(calls, flags, span.parent_id, links)

    def _fold(self, span: SpanData, event: Event, calls: list[Call], flags: int, price: Price) -> int:
        """Put an event and the calls below it together; ``calls`` becomes what is left, the flags are returned."""
        if not tells_of_call(event):
            return behind_tool(calls, flags) if event.kind is _TOOL else flags
        outer = Call(span, event)
        if not calls and not flags:  # a leaf, as nearly all calls are
            calls.append(self._place(outer, calls, price))
            return flags_of(outer) if calls[0] is outer else flags_of(outer) | flags_of(calls[0])
        call = nest(outer, event, calls, flags)
        if event.kind is _TOOL:
            flags = behind_tool(calls, flags)
        if call is not None:
            flags |= flags_of(call)
            call = self._place(call, calls, price)
            flags |= flags_of(call)
        flags |= SETTLED if any(other.settled for other in calls) else 0
        calls[:] = [other for other in calls if other.alive and other is not call]
        if call is not None:
            calls.append(call)
        elif not outer.alive and self.window is not None:  # what it told went to one of these
            for other in calls:
                self.window.index(other)
        return flags

    def _tally(self, span: SpanData, event: Event) -> None:
        """What every event adds, whatever it is."""
        self.num_events += 1
        if event.kind is _TOOL:
            self.num_tools += 1
        if self.start_ns is None or span.start_ns < self.start_ns:
            self.start_ns = span.start_ns
        if self.end_ns is None or span.end_ns > self.end_ns:
            self.end_ns = span.end_ns
        if event.error is not None:
            self.num_errors += 1
            self.error = max(filter(None, (self.error, At(span.end_ns, span.span_id, event.error))))
        if event.output is not None and (self.output is None or (span.end_ns, span.span_id) >= self.output[:2]):
            self.output = (span.end_ns, span.span_id, event.output)
        self._note(span, event)

    def _note(self, span: SpanData, event: Event) -> None:
        self.feedback = self.feedback or event.has_feedback
        if event.session_id is not None:
            if self.session is not None and self.session.value != event.session_id:
                self.conflicts += 1
            self.session = min(filter(None, (self.session, At(span.start_ns, span.span_id, event.session_id))))

    def _place(self, call: Call, nested: list[Call], price: Price) -> Call:
        """Find out whether a call is told of already; take it into the window if not."""
        window = self.window
        if window is None:
            window = self.window = Window()
        same = window.same_call(call, nested) if window.num_calls else None
        if same is not None:
            absorb(same, call)
            window.index(same)
            return same
        if call in window:
            window.index(call)
            return call
        if window.num_calls >= WINDOW:
            oldest = window.pop_oldest()
            if oldest.alive:
                self._settle(oldest, price)
        window.add(call)
        return call

    def _settle(self, call: Call, price: Price) -> None:
        call.alive = False
        call.settled = True
        if self.sums is None:
            self.sums = Sums()
        self.sums.add(call, price)

    def _carry(self, calls: list[Call], flags: int, parent_id: int | None, links: Links) -> None:
        """Hang calls at the nearest open ancestor, deciding again where an ended one told of a call itself."""
        for _ in range(_MAX_CLIMB):
            if parent_id is None or parent_id == self.root_id:
                break
            if self.is_open(parent_id):
                self._node(parent_id).take(calls, flags)
                return
            ended = self.window.by_span(parent_id) if self.window is not None else None
            if ended is not None and ended not in calls:
                calls, flags = late(ended, calls, flags)
            link = links.get(self.trace_id, parent_id)
            if link is None:
                if len(self.nodes or ()) >= MAX_AWAITED + len(self.opened or ()):
                    break
                self._node(parent_id).take(calls, flags)
                return
            _, parent_id, tool = link
            if tool:
                flags = behind_tool(calls, flags)
        if self.root is None:
            self.root = Node()
        self.root.take(calls, flags)

    def _node(self, span_id: int) -> Node:
        self.nodes = self.nodes or {}
        return self.nodes.get(span_id) or self.nodes.setdefault(span_id, Node())

    # -- leaving ----------------------------------------------------------------------------------------------------------

    def rollup(self, links: Links, price: Price, text: Callable[[object], str | None] = no_text) -> Rollup:
        """The totals; the root's own event is folded here, so this ends the trace.  ``text`` makes an output readable."""
        self._close(links)
        span, event = self.root_span, self.root_event
        if span is not None and event is not None:
            self._fold_root(span, event, price)
        sums = Sums() if self.sums is None else self.sums
        output = text(self.output[2]) if self.output is not None else None
        for call in self.window or ():
            sums.add(call, price)
        return Rollup(
            num_events=self.num_events,
            num_model_events=sums.num_models,
            num_tool_events=self.num_tools,
            num_errors=self.num_errors,
            num_unpriced_events=sums.unpriced,
            num_computed=sums.computed,
            num_recorded=sums.recorded,
            cost_pusd=sums.cost_pusd,
            num_winners=sums.winners,
            prompt_tokens=sums.prompt_tokens,
            completion_tokens=sums.completion_tokens,
            total_tokens=sums.total_tokens,
            cache_read_tokens=sums.cache_read_tokens,
            cache_write_tokens=sums.cache_write_tokens,
            reasoning_tokens=sums.reasoning_tokens,
            has_feedback=self.feedback,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            models=frozenset(sorted(sums.models)[:MAX_MODELS]),
            output=At(*self.output[:2], output) if self.output is not None and output is not None else None,
            error=self.error,
            session=self.session,
        )

    def _fold_root(self, span: SpanData, event: Event, price: Price) -> None:
        node = self.root or Node()
        self._fold(span, event, node.calls, node.flags, price)
        if event.kind in _ROOT_IS_EVENT:
            self._tally(span, event)
            return
        self.start_ns = span.start_ns if self.start_ns is None else min(span.start_ns, self.start_ns)
        self.end_ns = span.end_ns if self.end_ns is None else max(span.end_ns, self.end_ns)
        if self.error is None and event.error is not None:
            self.error = At(span.end_ns, span.span_id, event.error)
        if self.output is None and event.output is not None:
            self.output = (span.end_ns, span.span_id, event.output)
        self._note(span, event)
