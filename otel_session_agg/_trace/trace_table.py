"""The session roots in memory, by trace id, and those that left recently.

Spans may still end below roots that left.  A trace id has one root in most processes; when several
requests of one distributed trace arrive, it has several (``same_trace_id``).  Roots beyond the
bound are *parked* (``parked``).
"""

from __future__ import annotations

from collections.abc import Iterator

from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.span import SpanData
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.left_traces import MAX_COMPLETE, MAX_REMEMBERED, chain, put_before
from otel_session_agg._trace.parked import ParkedRoots
from otel_session_agg._trace.same_trace_id import TracesOfOneId
from otel_session_agg._trace.top_roots import TopRoots
from otel_session_agg._trace.trace import OPEN, Trace


class TraceTable:
    """All session roots of a process, each a ``Trace``, by trace id.

    ``sees_starts``: whether it is known of a root that leaves what is open below it.
    """

    def __init__(self, ended_spans: EndedSpans, *, sees_starts: bool = True) -> None:
        self.tops = TopRoots()
        """Roots whose parent will not be seen."""
        self._ended_spans = ended_spans
        self._heads: dict[int, Trace] = {}
        """The newest root of each trace id."""
        self._same: dict[int, TracesOfOneId] = {}
        """All roots of the trace ids that have, or had, several at once."""
        self._parked = ParkedRoots()
        self._incomplete: Recent[int, Trace] = Recent(MAX_REMEMBERED // 2)
        max_complete = MAX_COMPLETE if sees_starts else MAX_REMEMBERED
        self._complete: Recent[int, Trace] = Recent(max_complete // 2)
        self.waiting: dict[Trace, None] = {}
        """Those with a deadline: their root has ended or is not known; the first comes first."""
        self.num_open = 0
        """Number of roots in memory that are not parked."""

    def __len__(self) -> int:
        return self.num_open + len(self._parked.roots)

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.oldest(self.num_open))

    def add(self, trace: Trace) -> None:
        """Add a new root."""
        head = self._heads.get(trace.trace_id)
        if head is not None:
            head.shares_id = trace.shares_id = True
            same = self._same.get(trace.trace_id)
            if same is None:
                same = self._same[trace.trace_id] = TracesOfOneId(head, self._ended_spans)
            same.add(trace)
        # one that left may not be reported yet
        trace_id = trace.trace_id
        other = self._complete.get(trace_id) or self._incomplete.get(trace_id)
        while other is not None:
            other.shares_id = trace.shares_id = True
            other = other.next
        self._heads[trace.trace_id] = trace
        self.num_open += 1

    def find(self, trace_id: int, span_id: int | None) -> Trace | None:
        """Return the root that a span is, or is below, of those in memory and those that left.

        Where that is not known it is the newest of the trace id in memory, else the one that left
        last.
        """
        trace = self._heads.get(trace_id)
        if trace is not None and not trace.shares_id:  # then none of its id has left
            return trace
        if trace is not None and trace_id in self._same:
            trace = self._same[trace_id].knowing(span_id) or trace
        left = self._last_left(trace_id)
        if left is None or (trace is not None and trace.knows(span_id, self._ended_spans)):
            return trace
        for other in chain(left):
            if other.knows(span_id, self._ended_spans):
                return other
        return trace or left

    def knowing(self, trace_id: int, span_id: int | None) -> Trace | None:
        """Return the root that a span is, is open below or was below recently."""
        head = self._heads.get(trace_id)
        same = self._same.get(trace_id) if head is not None and head.shares_id else None
        if same is not None:
            return same.knowing(span_id)
        return head if head is not None and head.knows(span_id, self._ended_spans) else None

    def started(self, trace: Trace, span_id: int) -> None:
        """Note a span that started below a root that shares its trace id."""
        same = self._same.get(trace.trace_id)
        if same is not None:
            same.started(span_id, trace)

    def ended(self, trace: Trace, parent_id: int | None) -> None:
        """Note a span that ended below such a root."""
        same = self._same.get(trace.trace_id)
        if same is not None:
            same.ended(parent_id, trace)

    def began(self, trace: Trace, *, is_part: bool) -> None:
        """Note that a root began; ``is_part``: in the middle of a trace."""
        trace.is_part = is_part
        self._named(trace)

    def _named(self, trace: Trace) -> None:
        same = self._same.get(trace.trace_id) if trace.shares_id else None
        if same is not None and trace in same:
            same.named(trace)

    def root(self, trace_id: int, span_id: int) -> Trace | None:
        """Return the trace of this root; one whose root was not known yet gets it as its root."""
        trace = self._heads.get(trace_id)
        same = self._same.get(trace_id) if trace is not None and trace.shares_id else None
        if same is not None:
            trace = same.root(span_id)
        if trace is None or trace.root_id not in (span_id, None):
            return self._parked.roots.get((trace_id, span_id))
        if trace.root_id is None:
            self._stop_waiting(trace)  # it waited for a root to come
            trace.root_id = span_id
            self._named(trace)
        return trace

    # -- roots whose parent will not be seen ------------------------------------------------

    def as_it_began(self, span: SpanData) -> SpanData:
        """Return an ended span as it began: as a root, or below its parent."""
        if span.parent_id is None and span.carried_parent_id is not None:
            trace = self.knowing(span.trace_id, span.span_id)
            if trace is None or trace.root_id == span.span_id:
                return span
            return span._replace(parent_id=span.carried_parent_id)
        return self.tops.as_root(span)

    def begins_at(self, trace_id: int, parent_id: int) -> bool:
        """Return whether a span below such a parent is a root.

        It is when the parent is not known, and nothing that begins the trace is here.
        """
        trace = self.find(trace_id, parent_id)
        if trace is None:
            return not self.is_parked(trace_id)
        return (trace.has_left or trace.above_id is not None) and not trace.knows(
            parent_id, self._ended_spans
        )

    def put_above(self, trace_id: int, root_id: int) -> Trace | None:
        """Make a parent that is seen after all the root of an open trace, and return that."""
        if not self.tops.by_span:
            return None
        for trace in self.tops.below(trace_id, root_id):
            if trace.root_id is not None and trace.state == OPEN and self._is_in_memory(trace):
                self.tops.drop(trace)
                same = self._same.get(trace_id)
                if same is not None:
                    same.demoted(trace)
                trace.put_below(root_id)
                self._named(trace)
                return trace
        return None

    def has_part(self, trace_id: int) -> bool:
        """Return whether a root in the middle of this trace is here."""
        head, same = self._heads.get(trace_id), self._same.get(trace_id)
        return same.has_part() if same is not None else head is not None and head.is_part

    def has_beginning(self, trace_id: int) -> bool:
        """Return whether the root that begins this trace is here and is not written yet."""
        head, same = self._heads.get(trace_id), self._same.get(trace_id)
        if same.has_beginning() if same is not None else head is not None and head.begins:
            return True
        return any(
            trace.begins for trace in chain(self._last_left(trace_id)) if trace.payload is not None
        )

    def has_any(self, trace_id: int) -> bool:
        """Return whether anything of this trace is here."""
        return trace_id in self._heads or self.is_parked(trace_id)

    def has_ended(self, root: SpanData) -> bool:
        """Return whether a root is one that has left."""
        return (
            self._last_left(root.trace_id) is not None
            and self._ended_spans.get(root.trace_id, root.span_id) is not None
        )

    def keeps(self, trace: Trace) -> bool:
        """Return whether a root is in memory, or is remembered since it left."""
        if trace.has_left:
            return any(other is trace for other in chain(self._last_left(trace.trace_id)))
        return self._is_in_memory(trace) or trace in self._parked

    def _is_in_memory(self, trace: Trace) -> bool:
        same = self._same.get(trace.trace_id) if trace.shares_id else None
        return trace in same if same is not None else self._heads.get(trace.trace_id) is trace

    def remembers(self, trace_id: int, span_id: int | None) -> bool:
        """Return whether a span is, or was below, a root that left."""
        return any(
            trace.knows(span_id, self._ended_spans) for trace in chain(self._last_left(trace_id))
        )

    def _stop_waiting(self, trace: Trace) -> None:
        if trace.deadline is not None:
            trace.deadline.cancel()
            trace.deadline = None
            self.waiting.pop(trace, None)

    def leave(self, trace: Trace) -> None:
        """Move a root to those that left; others of its trace are chained behind it."""
        self.remove(trace)
        trace.leave()
        trace_id, is_complete = trace.trace_id, not trace.opened
        newest = self._complete.get(trace_id) or self._incomplete.get(trace_id)
        if newest is not None:
            is_complete = not any(one.opened for one in put_before(trace, newest))
            self._complete.pop(trace_id)
            self._incomplete.pop(trace_id)
        (self._complete if is_complete else self._incomplete).put(trace_id, trace)

    def _last_left(self, trace_id: int) -> Trace | None:
        """Return the root of a trace id that left last, if it is remembered."""
        return self._complete.get(trace_id) or self._incomplete.get(trace_id)

    def remove(self, trace: Trace) -> None:
        """Remove a root."""
        self._stop_waiting(trace)
        if trace.above_id is not None:
            self.tops.drop(trace)
        if self._parked.roots and self._unpark(trace):
            return
        same = self._same.get(trace.trace_id) if trace.shares_id else None
        newest = same.remove(trace) if same is not None else None
        if newest is not None:
            self._heads[trace.trace_id] = newest
        else:
            del self._heads[trace.trace_id]
            self._same.pop(trace.trace_id, None)
        self.num_open -= 1

    def park(self, trace: Trace) -> None:
        """Park a root that is still open: only its totals are kept."""
        self.remove(trace)
        if trace.above_id is not None:
            self.tops.add(trace, trace.above_id)
        self._parked.add(trace)

    def is_parked(self, trace_id: int) -> bool:
        """Return whether a root of this trace is parked."""
        return self._parked.has_any(trace_id)

    def _unpark(self, trace: Trace) -> bool:
        parked = self._parked.remove(trace.trace_id, trace.root_id)
        if parked is None:
            return False
        self.tops.drop(parked)
        return True

    def oldest(self, how_many: int) -> list[Trace]:
        """Return the roots that have been here longest."""
        found: list[Trace] = []
        for trace_id, head in self._heads.items():
            same = self._same.get(trace_id)
            found += same.oldest(how_many - len(found)) if same is not None else [head]
            if len(found) >= how_many:
                break
        return found

    def drop_parked(self, keep: int) -> int:
        """Remove the oldest parked roots for good; return how many."""
        oldest = self._parked.oldest(max(0, len(self._parked.roots) - keep))
        return sum(self._unpark(trace) for trace in oldest)
