"""The totals of traces, without calls that count in another trace.

The totals of a trace that has left are read only after the roots of all traces that leave with it
are folded: only then is it known which trace a call counts in that two of them report.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span_counts import SpanCounts
from otel_session_agg._trace.cross_trace import RecentCalls
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.totals import Price, Text, no_text
from otel_session_agg._trace.trace import Trace


class TraceTotals(SpanCounts):
    """Reads the totals of traces; the base of ``Engine``, so that no call is added per span."""

    def __init__(self, price: Price, ended_spans: EndedSpans, recent_calls: RecentCalls) -> None:
        super().__init__()
        self._price = price
        self.ended_spans = ended_spans
        self._recent_calls = recent_calls

    def fold_roots(self, leaving: Iterable[object]) -> None:
        """Fold the roots of all traces that leave at once, before the totals of one are read."""
        for trace in leaving:
            if type(trace) is Trace and not trace.is_folded:
                trace.fold_root(self.ended_spans, self._price)
                self._recent_calls.note(trace)

    def rollups(
        self, trace: Trace, text: Text = no_text, *, above: bool = True
    ) -> dict[str | None, Rollup]:
        """Return the totals of a trace so far by session, as its sessions see them.

        ``text`` makes an output readable.
        """
        if trace.has_left and not trace.is_closed:
            self.fold_roots((trace,))
            trace.is_closed = True
            self._recent_calls.leave_out(trace, self.unread)
            if not trace.can_be_corrected():
                self._recent_calls.forget(trace)
                trace.settle_calls(self._price)
        rollups = trace.rollups(self.ended_spans, self._price, text, above=above)
        self.unpriced += trace.newly_unpriced(rollups.values())
        return rollups

    def rollup(self, trace: Trace, text: Text = no_text, *, above: bool = False) -> Rollup:
        """Return the totals of a trace over all of its sessions, as its root sees them."""
        return reduce(add, self.rollups(trace, text, above=above).values())
