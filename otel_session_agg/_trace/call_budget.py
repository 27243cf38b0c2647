"""Which traces have calls that can still be corrected, and when they can no more."""

from __future__ import annotations

from collections import OrderedDict

from otel_session_agg._trace.call_totals import Price
from otel_session_agg._trace.trace import Trace

MAX_RECENT_CALLS = 16_384
"""Recent calls of all traces that can still be corrected: about 16 MB, and seconds of the busiest process."""


class CallBudget:
    """A bound on the recent calls of all traces together: beyond it those of the trace that began first are settled."""

    def __init__(self, price: Price, most: int) -> None:
        self._price = price
        self._most = most
        self._traces: OrderedDict[int, tuple[Trace, int]] = OrderedDict()
        """Traces, and how many calls of each are in the number."""
        self._number = 0

    def changed(self, trace: Trace) -> None:
        """A trace may have got more."""
        now, (_, before) = trace.num_calls, self._traces.get(id(trace), (trace, 0))
        self._number += now - before
        self._traces[id(trace)] = (trace, now)
        while self._number > self._most:
            _, (oldest, number) = self._traces.popitem(last=False)
            self._number -= number
            oldest.settle_calls(self._price)

    def forget(self, trace: Trace) -> None:
        """A trace is no concern any more."""
        _, number = self._traces.pop(id(trace), (trace, 0))
        self._number -= number

    def settle(self, trace: Trace) -> None:
        """Nothing can correct the calls of a trace any more."""
        self.forget(trace)
        trace.settle_calls(self._price)
