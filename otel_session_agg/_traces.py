"""One session root and what is open below it: what counts for it, and when it may leave.

Of an open span its id and its parent are kept, of an ended one nothing but the call that it told of: that hangs at the nearest
open ancestor and moves up when that ends, so the state is bounded by the open spans and the window of recent calls.  On the
way up ``_nesting`` decides which calls count, and ``_owners`` which session they belong to.  Calls also hang at parents that
are not known (they end without a start, or later than their children); nothing waits for those.  An ended span that told of a
call is met again in the window, so a late descendant still corrects it.  The root is folded last, when everything below it has
ended or waiting is over.  Spans may end later still; what they add or correct is in the totals that are read then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from otel_session_agg._calls import Call
from otel_session_agg._deadlines import Deadline
from otel_session_agg._links import Links
from otel_session_agg._model import Event, Kind, SpanData
from otel_session_agg._nesting import SETTLED, Node, behind_tool, flags_of, late, nest, tells_of_call
from otel_session_agg._owners import Text, rollup, root_tally, short
from otel_session_agg._rollup import Rollup
from otel_session_agg._sums import Price
from otel_session_agg._tally import Tally
from otel_session_agg._trace_state import TraceState
from otel_session_agg._window import Window

_TOOL = Kind.TOOL  # a global is read twenty times faster than an enum's member
_ROOT_IS_EVENT = frozenset({Kind.MODEL, Kind.EMBEDDING, Kind.TOOL, Kind.RETRIEVER})
MAX_AWAITED = 256
"""Parents per root that children named and nobody has seen: they belong to another process, mostly, and never end here."""
_MAX_CLIMB = 1000
"""Ended ancestors followed before the root is taken: deeper than any stack, and a ring of parents ends here."""


def no_text(_raw: object) -> None:
    """Outputs are not wanted."""


class Trace(TraceState):
    """One session root."""

    __slots__ = ("deadline", "next")

    def __init__(self, trace_id: int, root_id: int | None) -> None:
        super().__init__(trace_id, root_id)
        self.deadline: Deadline[Trace] | None = None
        self.next: Trace | None = None
        """Another session root with the same trace id."""

    # -- open spans -----------------------------------------------------------------------------------------------------

    def started(self, span_id: int, parent_id: int | None) -> int:
        """A span below the root began; returns how many are open."""
        self.opened = self.opened or {}
        self.opened[span_id] = parent_id
        self.totals = None  # it may name a session
        return len(self.opened)

    def put_below(self, root_id: int) -> None:
        """The root has got a parent, which takes its place; the root is open."""
        span_id = self.demoted_id = self.root_id or 0
        self.opened = {span_id: root_id, **(self.opened or {})}
        if self.root is not None:
            self.nodes = {**(self.nodes or {}), span_id: self.root}
            self.root = None
        self.root_id, self.above_id, self.is_part, self.totals = root_id, None, False, None

    def note_first(self, span: SpanData) -> None:
        """A span ended; where no root is known, the one that began first stands for it."""
        if self.root_id is None:
            at = (span.start_ns, span.span_id, span.end_ns)
            self.first = at if self.first is None else min(at, self.first)

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
        self.totals = None
        for span_id in span_ids:
            parent_id = self.opened.pop(span_id, None) if self.opened else None
            links.keep(self.trace_id, span_id, parent_id)
            node = self.nodes.pop(span_id, None) if self.nodes else None
            if node is not None:
                self._home(node.calls, node.flags, parent_id, links).rise(node)

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
        if self.root is not None:
            self.root.flags, self.root.calls = 0, []

    def settle_calls(self, price: Price) -> None:
        """Add all recent calls to the totals for good."""
        calls, self.window = list(self.window or ()), None
        self.owners.settle(calls, price)
        for node in self._all_nodes():
            if node.calls:
                node.flags |= SETTLED
                node.calls = []

    @property
    def num_calls(self) -> int:
        """Recent calls that can still be corrected."""
        return self.window.num_calls if self.window is not None else 0

    # -- events ---------------------------------------------------------------------------------------------------------

    def ended(self, span: SpanData, event: Event, links: Links, price: Price) -> None:
        """A span below the root ended."""
        self.totals = None
        self.lacks |= event.lacks
        if event.user_id is not None or event.metadata is not None:
            self.owners.label(span, event)
        links.add(span, event.kind)
        if self.opened:
            self.opened.pop(span.span_id, None)
        node = self.nodes.pop(span.span_id, None) if self.nodes else None
        if node is None and event.session_id is None:  # a leaf, as nearly all are: only its own call rises
            calls: list[Call] = []
            flags = self._fold(span, event, calls, 0, price) if tells_of_call(event) else 0
            self._home(calls, flags, span.parent_id, links).add(span, event)
            return
        node = node or Node()
        flags = self._fold(span, event, node.calls, node.flags, price)
        counts_at: Tally | None = None
        if event.session_id is not None:
            self.owners.note(span.start_ns, span.span_id, event.session_id, is_weak=event.session_is_weak)
            counts_at = self.owners.claim(node, event)
        home = self._home(node.calls, flags, span.parent_id, links)
        (counts_at or home).add(span, event)
        home.rise(node)

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

    def _place(self, call: Call, nested: list[Call], price: Price) -> Call:
        """Find out whether a call is told of already; take it into the window if not."""
        self.window = self.window or Window()
        placed, oldest = self.window.place(call, nested)
        if oldest is not None and oldest.alive:
            self.owners.settle((oldest,), price)
        return placed

    def _home(self, calls: list[Call], flags: int, parent_id: int | None, links: Links) -> Node:
        """The nearest open ancestor's node, with the calls hung there; an ended one that told of a call decides again."""
        known = self.nodes.get(parent_id) if self.nodes and parent_id is not None else None
        if known is not None:  # something hangs there already, as it mostly does
            return known.taking(calls, flags) if flags or calls else known
        for _ in range(_MAX_CLIMB):
            if parent_id is None:
                break
            if self.is_open(parent_id):
                return self._node(parent_id).taking(calls, flags)
            ended = self.window.by_span(parent_id) if self.window is not None and (calls or flags) else None
            if ended is not None and ended not in calls:
                calls, flags = late(ended, calls, flags)
            if parent_id == self.root_id:
                break
            link = links.get(self.trace_id, parent_id)
            if link is None:
                if len(self.nodes or ()) >= MAX_AWAITED + len(self.opened or ()):
                    break
                return self._node(parent_id).taking(calls, flags)
            _, parent_id, tool = link
            if tool:
                flags = behind_tool(calls, flags)
        self.root = self.root or Node()
        return self.root.taking(calls, flags)

    def _node(self, span_id: int) -> Node:
        self.nodes = self.nodes or {}
        return self.nodes.get(span_id) or self.nodes.setdefault(span_id, Node())

    # -- leaving ----------------------------------------------------------------------------------------------------------

    def fold_root(self, links: Links, price: Price) -> None:
        """The root's own event, the last one but for late spans."""
        self.is_folded = True
        self._look_ahead(links)
        self.root = self.root or Node()
        span, event = self.root_span, self.root_event
        if span is None or event is None:
            return
        self.lacks |= event.lacks
        if event.user_id is not None or event.metadata is not None:
            self.owners.label(span, event)
        self.root.flags = self._fold(span, event, self.root.calls, self.root.flags, price)
        if event.session_id is not None:
            self.owners.note(span.start_ns, span.span_id, event.session_id, is_weak=event.session_is_weak)
            self.owners.root = (event.session_id, event.session_is_weak)
        root_tally(self.root, span, event, is_event=event.kind in _ROOT_IS_EVENT)

    def _look_ahead(self, links: Links) -> None:
        """Let calls below spans that are still open count against what has ended above them; the spans stay open."""
        for span_id in [*reversed(self.opened or {}), *(self.nodes or {})]:
            node = self.nodes.get(span_id) if self.nodes else None
            if node is not None and node.calls:
                self._home(list(node.calls), node.flags, self.opened.get(span_id) if self.opened else None, links)

    def has_told(self, text: Text = no_text) -> None:
        """Its totals are out: let go of what only they needed, outputs as far as ``text`` does not make them short."""
        if self.root_span is not None and self.root_event is not None:
            self.root_span = self.root_span._replace(attributes={}, events=())
            if self.root_event.output is not None:
                self.root_event = self.root_event._replace(output=short(self.root_event.output, text))
        self.owners.shorten_outputs(self._all_nodes(), text)

    def feedback(self) -> None:
        """Somebody gave feedback."""
        self.totals = None
        self.root = self.root or Node()
        self.root.feedback = True

    def can_be_corrected(self) -> bool:
        """Whether a late span could take something back: one below a span that is open, or above figures that are weak."""
        return bool(self.opened) or (self.window is not None and self.window.has_weak())

    def rollups(self, links: Links, price: Price, text: Text = no_text, *, above: bool = False) -> dict[str | None, Rollup]:
        """The totals so far by session; ``None``: no session is known.

        ``text`` makes an output readable.  ``above``: as seen from above, where a root in the middle of a trace is an event.
        """
        if self.opened and not self.is_folded:
            self._look_ahead(links)
        groups = self.owners.groups([*self._all_nodes(), *(self._root_as_event() if above else ())], self.window or (), price)
        session = self.owners.session
        return {name: rollup(tally, sums, session, text) for name, (tally, sums) in groups.items()}

    def _root_as_event(self) -> Iterator[Node]:
        span, event = self.root_span, self.root_event
        if self.is_folded and span is not None and event is not None and span.is_part and event.kind not in _ROOT_IS_EVENT:
            node = Node()
            node.add(span, event)
            yield node

    def _all_nodes(self) -> Iterator[Node]:
        if self.root is not None:
            yield self.root
        yield from (self.nodes or {}).values()
