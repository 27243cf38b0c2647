"""Release session roots: when they are complete, at their deadline, on a bound and on shutdown.

The rules are at the head of ``engine``.
"""

from __future__ import annotations

from collections.abc import Iterable

from otel_session_agg._collections.deadlines import Deadlines, Phase, PhaseDeadlines
from otel_session_agg._reasons import (
    COMPLETE,
    DISCARDED,
    LINGER,
    NO_ROOT,
    OPEN_ROOTS,
    SESSION_CONFLICT,
    SHUTDOWN,
)
from otel_session_agg._settings import Settings
from otel_session_agg._trace.cross_trace import RecentCalls
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.totals import Price
from otel_session_agg._trace.trace import Changed, Out, Trace
from otel_session_agg._trace.trace_table import TraceTable
from otel_session_agg._trace.trace_totals import TraceTotals
from otel_session_agg._trace.traces_by_session import TracesBySession

SHARE = 100
"""On a bound, one in this many open roots or spans is let go at once.

Finding the oldest then costs nothing per span.
"""


class Releases(TraceTotals):
    """The session roots of a process, and which of them leave; the base of ``Engine``."""

    def __init__(
        self, settings: Settings, price: Price, recent_calls: RecentCalls, deadlines: Deadlines
    ) -> None:
        ended_spans = EndedSpans()
        super().__init__(price, ended_spans, recent_calls)
        self._settings = settings
        self.roots = TraceTable(ended_spans)
        self._deadlines: PhaseDeadlines[Trace] = deadlines.of(Phase.LINGERING)
        self.traces_by_session = TracesBySession(self.roots.keeps)

    def expired(self, out: Out) -> None:
        """Release what has waited long enough."""
        self._release_all(self._deadlines.take(), LINGER, out)

    def drain(self, reason: str, _now: float, out: Out) -> None:
        """Release every root that has ended, at once; on shutdown also traces without a root."""
        ended = [
            one
            for one in self.roots
            if one.root_span is not None or (one.root_id is None and reason == SHUTDOWN)
        ]
        self._release_all(ended, reason, out)

    def _release_all(self, traces: Iterable[Trace], reason: str, out: Out) -> None:
        parts: Out = []
        for trace in traces:
            trace.partial = trace.partial or reason
            self._release(trace, out, parts)
        out[:0] = parts

    def _release(self, trace: Trace, out: Out, parts: Out | None = None) -> None:
        """Release a root; ``parts``: where parts go, instead of before all others in ``out``."""
        self.roots.leave(trace)
        if trace.root_span is None or trace.root_reading is None:
            trace.root_id = trace.first[1] if trace.first is not None else None
            self.released[NO_ROOT] += 1
            out.append(Changed(trace))
        else:
            if not trace.root_span.is_part:
                out.append(trace)
            elif parts is not None:
                parts.append(trace)
            else:
                out.insert(0, trace)  # a root that begins a trace sums up its parts
            self.ended_spans.add(trace.root_span, trace.root_reading.kind)
            self.released[trace.partial or COMPLETE] += 1
        (self.traces_by_session.lingers if trace.opened else self.traces_by_session.remove)(trace)
        if trace.attribution.conflicts:
            self.unread[SESSION_CONFLICT] += trace.attribution.conflicts

    def _make_room(self, out: Out) -> None:
        """Release the oldest roots if they have ended, else park them."""
        for trace in self.roots.oldest(1 + self._settings.max_open_roots // SHARE):
            trace.partial = OPEN_ROOTS
            if trace.root_span is not None or trace.root_id is None:
                self._release(trace, out)
            else:
                self.roots.park(trace)
                self._recent_calls.forget(trace)
                trace.settle(self.ended_spans, self._price)
        self.released[DISCARDED] += self.roots.drop_parked(self._settings.max_open_roots)
