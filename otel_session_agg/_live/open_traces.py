"""The traces that get spans, and when each of them is counted (again).

Rules
-----
* A trace is counted when no span has come for a moment, and at the latest a second after the first
  one that is not counted: so whole requests are counted at once, and long ones are seen growing.
* After it was counted it rests, the longer the more spans it has, so that a trace that grows for
  hours takes a bounded share of the time; the more so when counting is behind.
* Its spans are kept as bytes.  When there are too many of them, those traces are dropped that are
  counted and have got nothing for longest: the history has their spans, and is asked for them when
  they get another one.

No clock: time comes in, in seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from heapq import heappop, heappush

from otel_session_agg._offline.records import Record

QUIET_SECONDS = 0.3
"""A trace that gets nothing for so long is counted: what belongs together is sent at once."""

MOST_SECONDS = 1.0
"""After this a span is counted although others are still coming."""

REST_SECONDS_A_SPAN = 0.001
"""How long a counted trace rests, for each of its spans: ten times what counting it takes."""

MOST_REST_SECONDS = 30.0
"""A trace of any size is seen growing so often."""

MAX_KEPT_BYTES = 128 * 1024 * 1024
"""Memory for the spans of traces, beyond which those that are counted are dropped."""

_TRACE_BYTES, _RECORD_BYTES = 1000, 150
"""What a trace and a record take beside what is in the record."""


class OpenTrace:
    """A trace that has got spans lately."""

    __slots__ = (
        "counted_at",
        "first_new_at",
        "first_number",
        "is_whole",
        "last_new_at",
        "new_share",
        "num_bytes",
        "num_new",
        "num_spans",
        "records",
        "start_ns",
        "trace_id",
    )

    def __init__(self, trace_id: int) -> None:
        self.trace_id = trace_id
        self.records: dict[bytes, None] = {}
        """Its spans, as they came."""
        self.num_spans = 0
        self.num_bytes = _TRACE_BYTES
        self.start_ns = 1 << 63
        self.is_whole = False
        """Whether all that the history has of it is here."""
        self.num_new = self.new_share = self.first_number = 0
        self.first_new_at = self.last_new_at = 0.0
        self.counted_at: float | None = None

    def add(self, record: Record) -> int:
        """Add spans unless the same were; return how many bytes of memory they take."""
        if record.data in self.records:
            return 0
        self.records[record.data] = None
        self.start_ns = min(self.start_ns, record.start_ns)
        self.num_spans += record.num_spans
        size = len(record.data) + _RECORD_BYTES
        self.num_bytes += size
        return size

    def due_at(self, load: float) -> float:
        """Return when it is to be counted; ``load``: by how much longer it rests."""
        due = min(self.last_new_at + QUIET_SECONDS, self.first_new_at + MOST_SECONDS)
        if self.counted_at is None:
            return due
        rest = min(self.num_spans * REST_SECONDS_A_SPAN * load, MOST_REST_SECONDS)
        return max(due, self.counted_at + rest)


class OpenTraces:
    """All traces that have got spans lately."""

    def __init__(self, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._traces: OrderedDict[int, OpenTrace] = OrderedDict()
        """Those that got spans last are at the end."""
        self._due: list[tuple[float, int]] = []
        self._new: dict[int, OpenTrace] = {}
        """Traces that wait to be counted."""
        self._unasked: list[int] = []
        self.num_bytes = 0
        self.num_new = 0
        """Spans that are not counted."""
        self.load = 1.0
        """By how much longer traces rest, because counting is behind."""

    def __len__(self) -> int:
        return len(self._traces)

    def get(self, trace_id: int) -> OpenTrace | None:
        """Return a trace whose spans are here."""
        return self._traces.get(trace_id)

    def add(self, number: int, records: Iterable[Record], share: int, now: float) -> int:
        """Add the spans of a request, of which each has a share in its size.

        Return the shares of those that are counted already.
        """
        repeated = 0
        for record in records:
            trace = self._traces.get(record.trace_id) or self._opened(record.trace_id)
            size = trace.add(record)
            if not size and record.trace_id not in self._new:
                repeated += share * record.num_spans
                continue
            self.num_bytes += size
            trace.last_new_at = now
            trace.num_new += record.num_spans
            self.num_new += record.num_spans
            trace.new_share += share * record.num_spans
            if record.trace_id not in self._new:
                trace.first_number, trace.first_new_at = number, now
                self._wait(trace)
        return repeated

    def _opened(self, trace_id: int) -> OpenTrace:
        trace = self._traces[trace_id] = OpenTrace(trace_id)
        self.num_bytes += _TRACE_BYTES
        self._unasked.append(trace_id)
        return trace

    def _wait(self, trace: OpenTrace) -> None:
        self._new[trace.trace_id] = trace
        self._traces.move_to_end(trace.trace_id)
        heappush(self._due, (trace.due_at(self.load), trace.trace_id))

    def add_related(self, trace_id: int, number: int, now: float) -> None:
        """Count a trace (again) because another one has to do with it."""
        trace = self._traces.get(trace_id) or self._opened(trace_id)
        if trace_id not in self._new:
            trace.first_number, trace.first_new_at, trace.last_new_at = number, now, now
            self._wait(trace)

    # -- what the history has of them -------------------------------------------------------------

    def unasked(self) -> list[int]:
        """Return the traces whose spans in the history are not known, to be asked for now."""
        found, self._unasked = self._unasked, []
        return found

    def add_stored(self, trace_ids: Iterable[int], records: Iterable[Record]) -> None:
        """Add all that the history has of traces."""
        for record in records:
            trace = self._traces.get(record.trace_id)
            if trace is not None:
                self.num_bytes += trace.add(record)
        for trace_id in trace_ids:
            trace = self._traces.get(trace_id)
            if trace is not None:
                trace.is_whole = True

    # -- when they are counted --------------------------------------------------------------------

    def next_due(self) -> float | None:
        """Return when the next trace is to be counted, at the earliest."""
        return self._due[0][0] if self._due else None

    def due(self, now: float, max_spans: int) -> list[OpenTrace]:
        """Return traces that are to be counted now, some spans' worth, those that wait longest.

        `counted` is to be called with them.
        """
        found: list[OpenTrace] = []
        waiting: list[tuple[float, int]] = []
        num_spans = 0
        while self._due and self._due[0][0] <= now and num_spans < max_spans:
            due_at, trace_id = heappop(self._due)
            trace = self._new.get(trace_id)
            if trace is None:
                continue
            again_at = trace.due_at(self.load)
            if not trace.is_whole:
                waiting.append((max(again_at, now + 0.01), trace_id))
            elif again_at > now:
                waiting.append((again_at, trace_id))
            else:
                if not found:
                    self._adapt(now - due_at)
                found.append(trace)
                num_spans += trace.num_spans
        for one in waiting:
            heappush(self._due, one)
        return found

    def _adapt(self, late_seconds: float) -> None:
        """Let traces rest longer when counting is behind."""
        self.load = min(self.load * 2, 64.0) if late_seconds > 1 else max(self.load * 0.9, 1.0)

    def all_new(self, now: float) -> None:
        """Let all traces be due that have spans which are not counted."""
        self._due = []
        for trace_id, trace in self._new.items():
            trace.counted_at, trace.first_new_at = None, now - MOST_SECONDS
            heappush(self._due, (now, trace_id))

    def put_back(self, trace: OpenTrace, at: float) -> None:
        """Let a trace that was due be so later."""
        heappush(self._due, (at, trace.trace_id))

    def counted(self, traces: Iterable[OpenTrace], now: float) -> None:
        """Note that these traces were counted, with all of their spans."""
        for trace in traces:
            self._new.pop(trace.trace_id, None)
            self.num_new -= trace.num_new
            trace.num_new = trace.new_share = 0
            trace.counted_at = now
        self._drop()

    def first_number(self) -> int | None:
        """Return the first request with a span that is not counted; ``None``: all are."""
        return min((trace.first_number for trace in self._new.values()), default=None)

    def _drop(self) -> None:
        """Drop counted traces that have got nothing for longest, of too many."""
        if self.num_bytes <= self._max_bytes:
            return
        for trace_id in list(self._traces):
            if self.num_bytes <= self._max_bytes:
                return
            if trace_id not in self._new:
                self.num_bytes -= self._traces.pop(trace_id).num_bytes
