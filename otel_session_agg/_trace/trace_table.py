"""The session roots in memory, by trace id, and those that left lately: spans may still end below them.

A trace id has one root in most processes; when several requests of one distributed trace arrive, it has several (``_same_id``).
Roots beyond the bound are *parked*: still open, but with nothing left of them but their totals.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice

from otel_session_agg._model.span import SpanData
from otel_session_agg._recent import Recent
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.same_trace_id import TracesOfOneId
from otel_session_agg._trace.trace import Trace

MAX_REMEMBERED = 8192
"""Traces whose root left and that are remembered, to tell late spans from strangers; a few seconds of a busy process."""

_MAX_LEFT = 4
"""Roots of one trace that are remembered beside the one that left last: calls to itself that a process has at once."""

_NONE: OrderedDict[int, Trace] = OrderedDict()


class TraceTable:
    """Traces by id, each the state of one session root."""

    def __init__(self, ended_spans: EndedSpans) -> None:
        self._ended_spans = ended_spans
        self._heads: dict[int, Trace] = {}
        """The newest root of each trace id."""
        self._same: dict[int, TracesOfOneId] = {}
        """All roots of the trace ids that have, or had, several at once."""
        self._parked: dict[tuple[int, int | None], Trace] = {}
        self._parked_ids: dict[int, int] = {}
        self._left: Recent[int, Trace] = Recent(MAX_REMEMBERED // 2)
        self.num_open = 0
        """Roots that are not parked."""
        self.tops: dict[int, Trace] = {}
        """Roots whose parent is in this process but will not come, by span id."""
        self._below: dict[tuple[int, int], OrderedDict[int, Trace]] = {}
        """The same by trace id and parent."""

    def __len__(self) -> int:
        return self.num_open + len(self._parked)

    def __iter__(self) -> Iterator[Trace]:
        for trace_id, head in list(self._heads.items()):
            same = self._same.get(trace_id)
            yield from same.all() if same is not None else (head,)

    def add(self, trace: Trace) -> None:
        """Take in a new root."""
        head = self._heads.get(trace.trace_id)
        if head is not None:
            head.shares_id = trace.shares_id = True
            same = self._same.get(trace.trace_id)
            if same is None:
                same = self._same[trace.trace_id] = TracesOfOneId(head, self._ended_spans)
            same.add(trace)
        for other in _chain(self._left.get(trace.trace_id)):  # one that left may not be told of yet
            other.shares_id = trace.shares_id = True
        self._heads[trace.trace_id] = trace
        self.num_open += 1

    def below(self, trace_id: int, parent_id: int | None) -> Trace | None:
        """The root that a span is below: by its parent, else the newest of its trace."""
        head = self._heads.get(trace_id)
        if head is None or not head.shares_id:
            return head
        same = self._same.get(trace_id)
        return (same.knowing(parent_id) if same is not None else None) or head

    def knowing(self, trace_id: int, span_id: int | None) -> Trace | None:
        """The root that a span is, is open below or was below a moment ago."""
        head = self._heads.get(trace_id)
        same = self._same.get(trace_id) if head is not None and head.shares_id else None
        if same is not None:
            return same.knowing(span_id)
        return head if head is not None and head.knows(span_id, self._ended_spans) else None

    def started(self, trace: Trace, span_id: int) -> None:
        """A span began below a root that shares its trace id."""
        same = self._same.get(trace.trace_id)
        if same is not None:
            same.started(span_id, trace)

    def ended(self, trace: Trace, parent_id: int | None) -> None:
        """A span ended below such a root."""
        same = self._same.get(trace.trace_id)
        if same is not None:
            same.ended(parent_id, trace)

    def began(self, trace: Trace, *, is_part: bool) -> None:
        """A root began; ``is_part``: in the middle of a trace."""
        trace.is_part = is_part
        self._named(trace)

    def _named(self, trace: Trace) -> None:
        same = self._same.get(trace.trace_id) if trace.shares_id else None
        if same is not None and trace in same:
            same.named(trace)

    def sharing(self, trace: Trace | None, trace_id: int, parent_id: int | None) -> Trace | None:
        """Of roots with the same trace id, in memory or gone, the one that a span is below."""
        left = self._left.get(trace_id)
        if left is not None and left.next is not None:
            left = next(
                (other for other in _chain(left) if other.knows(parent_id, self._ended_spans)), left
            )
        if left is None or (
            trace is not None
            and (
                trace.knows(parent_id, self._ended_spans)
                or not left.knows(parent_id, self._ended_spans)
            )
        ):
            return trace
        return left

    def root(self, trace_id: int, span_id: int) -> Trace | None:
        """The trace of this root; one whose root was not known yet becomes its own."""
        trace = self._heads.get(trace_id)
        same = self._same.get(trace_id) if trace is not None and trace.shares_id else None
        if same is not None:
            trace = same.root(span_id)
        if trace is None or trace.root_id not in (span_id, None):
            return self._parked.get((trace_id, span_id))
        if trace.root_id is None:
            if trace.deadline is not None:
                trace.deadline.cancel()  # it waited for a root to come
            trace.root_id = span_id
            self._named(trace)
        return trace

    # -- roots whose parent will not come ---------------------------------------------------------------------------------

    def begins_at(self, trace_id: int, parent_id: int) -> bool:
        """Whether a span below such a parent is a root: the parent is not known, and nothing that begins the trace is here."""
        trace = self.sharing(self.below(trace_id, parent_id), trace_id, parent_id)
        if trace is None:
            return not self.is_parked(trace_id)
        return (trace.has_left or trace.above_id is not None) and not trace.knows(
            parent_id, self._ended_spans
        )

    def add_top(self, trace: Trace, parent_id: int) -> None:
        """A root has such a parent."""
        if trace.root_id is not None:
            trace.above_id = parent_id
            self.tops[trace.root_id] = trace
            self._below.setdefault((trace.trace_id, parent_id), OrderedDict())[id(trace)] = trace

    def put_above(self, trace_id: int, root_id: int) -> Trace | None:
        """The trace of an open root whose parent comes after all, with that as its root."""
        if not self.tops:
            return None
        for trace in reversed(self._below.get((trace_id, root_id), _NONE).values()):
            if trace.root_id is not None and trace.root_span is None and self._is_in_memory(trace):
                self._drop_top(trace)
                same = self._same.get(trace_id)
                if same is not None:
                    same.demoted(trace)
                trace.put_below(root_id)
                self._named(trace)
                return trace
        return None

    def as_root(self, span: SpanData) -> SpanData:
        """An ended span, as a root if it began as one."""
        trace = self.tops.get(span.span_id)
        if trace is None or trace.trace_id != span.trace_id or span.parent_id is None:
            return span
        return span._replace(parent_id=None, carried_parent_id=span.parent_id, is_part=True)

    def has_part(self, trace_id: int) -> bool:
        """Whether a root in the middle of this trace is here."""
        head, same = self._heads.get(trace_id), self._same.get(trace_id)
        return same.has_part() if same is not None else head is not None and head.is_part

    def has_beginning(self, trace_id: int) -> bool:
        """Whether the root that begins this trace is here and has not been written yet."""
        head, same = self._heads.get(trace_id), self._same.get(trace_id)
        if same.has_beginning() if same is not None else head is not None and head.begins:
            return True
        return any(
            trace.begins for trace in _chain(self._left.get(trace_id)) if trace.payload is not None
        )

    def has_any(self, trace_id: int) -> bool:
        """Whether anything of this trace is here."""
        return trace_id in self._heads or trace_id in self._parked_ids

    def left(self, trace_id: int) -> Trace | None:
        """The root of this trace that left last."""
        return self._left.get(trace_id)

    def keeps(self, trace: Trace) -> bool:
        """Whether a root is in memory, or is remembered since it left."""
        if trace.has_left:
            return any(other is trace for other in _chain(self._left.get(trace.trace_id)))
        return (
            self._is_in_memory(trace) or self._parked.get((trace.trace_id, trace.root_id)) is trace
        )

    def _is_in_memory(self, trace: Trace) -> bool:
        same = self._same.get(trace.trace_id) if trace.shares_id else None
        return trace in same if same is not None else self._heads.get(trace.trace_id) is trace

    def remembers(self, trace_id: int, span_id: int | None) -> bool:
        """Whether a span is, or was below, a root that left."""
        return any(
            trace.knows(span_id, self._ended_spans) for trace in _chain(self._left.get(trace_id))
        )

    def leave(self, trace: Trace) -> None:
        """A root leaves; others of its trace that left before are kept behind it."""
        self.remove(trace)
        trace.has_left = True
        others = list(_chain(self._left.get(trace.trace_id)))
        unwritten = [
            other for other in others[_MAX_LEFT:] if other.begins and other.payload is not None
        ]  # its parts go first
        kept = [trace, *others[:_MAX_LEFT], *unwritten[-1:]]
        for other, following in zip(kept, [*kept[1:], None], strict=True):
            other.next = following
        self._left.put(trace.trace_id, trace)

    def remove(self, trace: Trace) -> None:
        """Forget a root."""
        if trace.deadline is not None:
            trace.deadline.cancel()
            trace.deadline = None
        self._drop_top(trace)
        if self._unpark((trace.trace_id, trace.root_id)):
            return
        same = self._same.get(trace.trace_id) if trace.shares_id else None
        newest = None
        if same is not None:
            same.remove(trace)
            newest = same.newest
        if newest is not None:
            self._heads[trace.trace_id] = newest
        else:
            del self._heads[trace.trace_id]
            self._same.pop(trace.trace_id, None)
        self.num_open -= 1

    def park(self, trace: Trace) -> None:
        """Keep only the totals of a root that is still open."""
        self.remove(trace)
        if trace.above_id is not None:
            self.add_top(trace, trace.above_id)
        self._parked[trace.trace_id, trace.root_id] = trace
        self._parked_ids[trace.trace_id] = self._parked_ids.get(trace.trace_id, 0) + 1

    def is_parked(self, trace_id: int) -> bool:
        """Whether a root of this trace is parked."""
        return trace_id in self._parked_ids

    def _drop_top(self, trace: Trace) -> None:
        if trace.root_id is not None and self.tops.get(trace.root_id) is trace:
            del self.tops[trace.root_id]
        if trace.above_id is not None:
            name = (trace.trace_id, trace.above_id)
            alike = self._below.get(name)
            if alike is not None:
                alike.pop(id(trace), None)
                if not alike:
                    del self._below[name]

    def _unpark(self, name: tuple[int, int | None]) -> bool:
        trace = self._parked.pop(name, None)
        if trace is None:
            return False
        self._drop_top(trace)
        self._parked_ids[name[0]] -= 1
        if not self._parked_ids[name[0]]:
            del self._parked_ids[name[0]]
        return True

    def oldest(self, how_many: int) -> list[Trace]:
        """Roots that are here the longest."""
        found: list[Trace] = []
        for trace_id, head in self._heads.items():
            same = self._same.get(trace_id)
            found += same.oldest(how_many - len(found)) if same is not None else [head]
            if len(found) >= how_many:
                break
        return found

    def drop_parked(self, keep: int) -> int:
        """Forget the oldest parked roots for good; returns how many."""
        names = list(islice(self._parked, max(0, len(self._parked) - keep)))
        return sum(self._unpark(name) for name in names)


def _chain(trace: Trace | None) -> Iterator[Trace]:
    while trace is not None:
        following = trace.next
        yield trace
        trace = following
