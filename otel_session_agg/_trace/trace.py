"""One session root: its state, its fields, and the tree of spans that are open below it.

States
------
==========  ======================================================  ==========================
state       meaning                                                 what may come next
==========  ======================================================  ==========================
``OPEN``    the root has not ended, or is not known                 ``end``, ``park``, ``leave``
``PARKED``  the same, beyond the bound: only totals are kept        ``end``
``ENDED``   the root has ended, and waits for spans below it        ``leave``
``LEFT``    it is released: spans that end from now on are late     ``fold``
``FOLDED``  the root itself is in the totals                        ``close``
``CLOSED``  the totals were read since it left                      nothing
==========  ======================================================  ==========================

Any other step raises.  A trace whose root is not known leaves while it is ``OPEN``.

The tree
--------
Of an open span its id and its parent are kept, and what is attached to it (``node``): the counts of
ended spans below it.  Of an ended span the call that it reported is kept (``trace_calls``), and the
span itself only as a place above calls.  ``folding`` puts ended spans in; ``trace_totals`` decides
which calls count, whenever it is asked, and reads the totals.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from otel_session_agg._collections.deadlines import Deadline
from otel_session_agg._model.dimensions import DimensionValue
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reading.dimensions import NO_ROOT, NONE, Values
from otel_session_agg._reading.input_text import RawInput
from otel_session_agg._trace.attribution import SessionAttribution
from otel_session_agg._trace.ended_spans import MAX_CLIMB, EndedSpans
from otel_session_agg._trace.reported import Reported
from otel_session_agg._trace.totals import Node
from otel_session_agg._trace.trace_calls import TraceCalls

P = TypeVar("P")
"""What the entry point hands in with an ended span, and gets back."""

# in the order in which a trace passes through them
OPEN: Final = 0
PARKED: Final = 1
ENDED: Final = 2
LEFT: Final = 3
FOLDED: Final = 4
CLOSED: Final = 5
_MAX_STATED = 1024
"""Dimensions that blocks in one trace state: of 64 sessions, all that they may state."""
_NAMES = ("open", "parked", "ended", "left", "folded", "closed")
_NEXT = {
    OPEN: (ENDED, PARKED, LEFT),
    PARKED: (ENDED,),
    ENDED: (LEFT,),
    LEFT: (FOLDED,),
    FOLDED: (CLOSED,),
    CLOSED: (),
}


class Trace:
    """One session root, from its start to the last late span below it."""

    __slots__ = (
        "above_id", "added_to", "attribution", "block", "calls", "deadline", "demoted_id",
        "dimensions", "first", "first_input", "has_changed", "has_repeats", "is_part", "is_sampled",
        "lacks", "next", "nodes", "num_unpriced", "opened", "partial", "payload", "reported",
        "root", "root_id", "root_reading", "root_span", "shares_id", "state", "stated", "trace_id",
        "written",
    )  # fmt: skip

    def __init__(  # noqa: PLR0915 -- one for each field
        self, trace_id: int, root_id: int | None
    ) -> None:
        self.state = OPEN
        self.trace_id = trace_id
        self.root_id = root_id
        self.above_id: int | None = None
        """The root's parent, where that is in this process but will not be seen."""
        self.demoted_id: int | None = None
        """The former root, where its parent was seen later and took its place."""
        self.is_part = False
        """Whether it began as a part: a root in the middle of a trace."""
        self.is_sampled = True
        """Whether the root is exported, as far as is known."""
        self.shares_id = False
        """Whether other roots have, or had, the same trace id."""
        self.next: Trace | None = None
        """The root with the same trace id that left before this one."""
        self.deadline: Deadline[Trace] | None = None
        """When it leaves, whatever is open."""
        self.partial: str | None = None
        """Why the root leaves before everything below it has ended; ``None``: it does not."""
        self.first: tuple[int, int, int] | None = None
        """Start, span id and end of the span that began first, where no root is known."""
        self.root_span: SpanData | None = None
        self.root_reading: Reading | None = None
        self.payload: object = None
        """What the entry point handed in for the root; handed back when the root leaves."""
        self.dimensions = NO_ROOT
        """What the root and its resource state, once it has ended."""
        self.first_input: RawInput | None = None
        """The first input in the trace, until its root has left, where inputs are kept."""
        self.stated: dict[tuple[str, str], DimensionValue] | None = None
        """What ``session()`` blocks around its spans state, by session and dimension."""
        # the tree
        self.opened: dict[int, int | None] | None = None
        """Open spans below the root, and their parents."""
        self.root: Node | None = None
        """What is attached to the root."""
        self.nodes: dict[int, Node] | None = None
        """What is attached to spans that are open, or that are known only as a parent."""
        self.calls: TraceCalls | None = None
        """The calls that can still be decided about."""
        self.attribution = SessionAttribution()
        self.lacks = 0
        """What dropped attributes of its spans may hold: ``LACKS_FIGURES``, ``LACKS_SESSION``."""
        self.num_unpriced = 0
        """Number of calls without a known cost that are counted."""
        self.has_repeats = False
        """Whether a call of it counts in another trace, which reports it, too."""
        self.has_changed = False
        """Whether its totals may be others than when they were read while its root waited."""
        # what others know of it
        self.reported: Reported | None = None
        """What sessions and stores know of it; ``None``: nothing."""
        # both until `TracesBySession` removes it: the session and the block that came last
        self.added_to: str | None = None
        self.block: object = None
        self.written: Any = None
        """What `_writing/` has written on the root while it is open."""

    # -- state ------------------------------------------------------------------------------

    def _become(self, state: int) -> None:
        if state not in _NEXT[self.state]:
            message = f"a trace that is {_NAMES[self.state]} cannot become {_NAMES[state]}"
            raise RuntimeError(message)
        self.state = state

    def end(self, span: SpanData, reading: Reading, payload: object) -> None:
        """Take the end of the root."""
        self._become(ENDED)
        self.root_span, self.root_reading, self.payload = span, reading, payload

    def park(self) -> None:
        """Note that only the totals of the open root are kept."""
        self._become(PARKED)

    def leave(self) -> None:
        """Release the root; where none is known, the span that began first stands for it."""
        self._become(LEFT)
        if self.root_span is None:
            self.root_id = self.first[1] if self.first is not None else None

    def fold(self) -> None:
        """Note that the root itself is in the totals."""
        self._become(FOLDED)

    def close(self) -> None:
        """Note that the totals were read since it left."""
        self._become(CLOSED)

    @property
    def has_left(self) -> bool:
        """Whether the root was released: spans that end from now on are late."""
        return self.state >= LEFT

    @property
    def begins(self) -> bool:
        """Whether the root is known to begin the trace: nothing above it is in another process."""
        return self.root_id is not None and not (
            self.is_part if self.root_span is None else self.root_span.is_part
        )

    @property
    def session_id(self) -> str | None:
        """The session that the whole trace belongs to; ``None``: none is known."""
        if self.reported is not None and self.reported.session_id is not None:
            return self.reported.session_id
        session = self.attribution.session
        return session.value if session is not None else None

    # -- the tree ---------------------------------------------------------------------------

    def started(self, span_id: int, parent_id: int | None) -> int:
        """Add a span that started below the root; return the number of open spans."""
        opened = self.opened
        if opened is None:
            opened = self.opened = {}
        opened[span_id] = parent_id
        if self.calls is not None and span_id in self.calls.awaited:
            self.calls.move()  # it was only named before
        self.has_changed = True  # it may name a session
        return len(opened)

    def put_below(self, root_id: int) -> None:
        """Put the open root below its parent, which takes its place."""
        span_id = self.demoted_id = self.root_id or 0
        self.opened = {span_id: root_id, **(self.opened or {})}
        if self.calls is not None:
            self.calls.move()
        if self.root is not None:
            self.nodes = {**(self.nodes or {}), span_id: self.root}
            self.root = None
        self.root_id, self.above_id, self.is_part, self.has_changed = root_id, None, False, True

    def note_first(self, span: SpanData) -> None:
        """Note an ended span: where no root is known, the span that began first stands for it."""
        at = (span.start_ns, span.span_id, span.end_ns)
        self.first = at if self.first is None else min(at, self.first)

    def oldest_open(self, how_many: int) -> list[int]:
        """Return the spans that have been open longest."""
        return list(islice(self.opened or (), how_many))

    def is_open(self, span_id: int) -> bool:
        """Return whether a span below the root is open."""
        return self.opened is not None and span_id in self.opened

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

    def node(self, span_id: int) -> Node:
        """Return the node of a span; create it if needed."""
        nodes = self.nodes
        if nodes is None:
            nodes = self.nodes = {}
        return nodes.get(span_id) or nodes.setdefault(span_id, Node())

    def attached(self) -> list[Node]:
        """Return the nodes of the root and of the spans below it."""
        below = self.nodes.values() if self.nodes is not None else ()
        return [self.root, *below] if self.root is not None else [*below]

    def state_dimensions(self, session_id: str, values: Values) -> None:
        """Note what a ``session()`` block around a span states; of several the first counts."""
        stated = self.stated = self.stated or {}
        if len(stated) < _MAX_STATED:
            for name, value in values.items():
                stated.setdefault((session_id, name), value)

    def dimensions_of(self, session_id: str | None, *, is_own: bool) -> Values:
        """Return what the root states of a session; ``is_own``: the root belongs to it."""
        if self.stated is None and not self.dimensions.of_root:  # as nearly always
            return self.dimensions.of_resource
        found = {**self.dimensions.of_resource, **(self.dimensions.of_root if is_own else NONE)}
        if self.stated is not None:
            rows = self.stated.items()
            found.update({name: value for (of, name), value in rows if of == session_id})
        return found

    # -- totals -----------------------------------------------------------------------------

    def feedback(self) -> None:
        """Record that feedback was given."""
        self.has_changed = True
        self.root = self.root or Node()
        self.root.feedback = True


class Released(NamedTuple):
    """A root that may leave, with the totals of its trace."""

    trace: Trace


class Corrected(NamedTuple):
    """A trace whose totals changed, and that has no root to release: its sessions are updated."""

    trace: Trace


Out = list[Released | Corrected | P]
"""What leaves, in order; other spans are in it as the entry point handed them in (``P``)."""
