"""Bound the calls of all traces that can still be corrected."""

from __future__ import annotations

from collections import OrderedDict

from otel_session_agg._trace.call_totals import Price
from otel_session_agg._trace.trace import Trace

MAX_RECENT_CALLS = 16_384
"""Calls of all traces that can still be corrected.

About 16 MB, and seconds of the busiest process.
"""


class CallBudget:
    """A bound on the recent calls of all traces together.

    Beyond it the calls of the trace that reported one first are settled.
    """

    def __init__(self, price: Price, most: int) -> None:
        self._price = price
        self._most = most
        self._traces: OrderedDict[int, tuple[Trace, int]] = OrderedDict()
        """Traces by identity, and how many calls of each are in ``_number``."""
        self._number = 0

    def changed(self, trace: Trace) -> None:
        """Update the number of calls of a trace, and settle others if there are too many."""
        now, (_, before) = trace.num_calls, self._traces.get(id(trace), (trace, 0))
        self._number += now - before
        self._traces[id(trace)] = (trace, now)
        while self._number > self._most:
            _, (oldest, number) = self._traces.popitem(last=False)
            self._number -= number
            oldest.settle_calls(self._price)

    def forget(self, trace: Trace) -> None:
        """Stop counting the calls of a trace."""
        _, number = self._traces.pop(id(trace), (trace, 0))
        self._number -= number

    def settle(self, trace: Trace) -> None:
        """Settle the calls of a trace that nothing can correct any more."""
        self.forget(trace)
        trace.settle_calls(self._price)
