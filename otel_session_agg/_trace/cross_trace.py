"""The recent calls of all traces: bound them, and find those that two traces report.

Beyond the bound the calls of the trace that reported one first are settled.

Where no span of the application is above a call, or a framework keeps its spans to itself, each
instrumentation may report the call in a trace of its own, so the pass over one trace cannot show
that it is one call.  It is one call when different scopes report it and

* both state the same response id, with figures that do not contradict; or
* one of them states no response id, they state the same figures of the same model, one is in the
  time of the other, and the root of the trace that leaves is of a scope that reports the call: no
  span of the application is above it; or
* the same, except for figures that one of them does not state, or is known to be unsure of, when no
  span of the application is above the other one either.

Rules
-----
* The call counts in the trace that leaves later, with what both reports state; where the totals of
  the other trace have been read already, it counts there.
* In that case, tokens that only the later trace knows still count in the later one.
* A call that is in a session is never left out in favour of a trace that is not in it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import TypeVar

from otel_session_agg._collections.recent import Recent
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.counting import Counting
from otel_session_agg._trace.sightings import (
    Figures,
    Sighting,
    differs,
    figures,
    is_apart,
    is_findable,
    knows_tokens,
    may_be_one,
)
from otel_session_agg._trace.token_counts import same_figures
from otel_session_agg._trace.trace import CLOSED, Trace
from otel_session_agg._trace.trace_calls import TraceCalls

MAX_RECENT_CALLS = 16_384
"""Calls of all traces that can still be corrected.

About 16 MB, and seconds of the busiest process.
"""

MAX_CALLS = 4096
"""Calls that may be found in another trace: seconds of a busy process.

Reports of one call end within milliseconds.
"""

_MAX_ALIKE = 16
"""Calls with the same figures that are remembered: mostly those that are made at once."""

_MAX_LATEST = 64
"""Calls that are searched for one with other figures: those that end within milliseconds."""

_MISSES = 16
"""Calls that ended before one began, after which the search for it is given up."""

_MAX_ALONE = 512
"""Calls that are remembered while a single scope reports all of them.

When a second scope appears, it may report these, too.
"""

_Name = TypeVar("_Name", bound=Hashable)
_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much


class RecentCalls:
    """The recent calls of all traces; of too many, those of the oldest trace are settled."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self.number = 0
        """Number of calls that can still be corrected."""
        self.traces: OrderedDict[int, tuple[Trace, int]] = OrderedDict()
        """Traces by identity, and how many calls of each are in ``number``."""
        self._by_response: Recent[str, tuple[Sighting, ...]] = Recent(MAX_CALLS // 2)
        self._by_figures: Recent[Figures, tuple[Sighting, ...]] = Recent(MAX_CALLS // 2)
        self._latest: deque[Sighting] = deque(maxlen=_MAX_ALONE)
        self._scope: str | None = None
        self._is_mixed = False
        """Whether calls of more than one scope were seen.

        Until then no two calls are one, and nothing has to be indexed.
        """

    def note(self, trace: Trace, calls: TraceCalls) -> None:
        """Note the calls that a trace has reported since the last time."""
        fresh, calls.fresh = calls.fresh or (), None
        known, number = self.traces.get(id(trace)), len(calls.calls)
        self.number += number if known is None else number - known[1]
        self.traces[id(trace)] = (trace, number)
        while self.number > MAX_RECENT_CALLS:
            _, (oldest, number) = self.traces.popitem(last=False)
            self.number -= number
            self._counting.settle(oldest)
        for call in fresh:
            if is_findable(call):
                self._note(_new(Sighting, (call, trace)), call.scope)

    def forget(self, trace: Trace) -> None:
        """Stop counting the calls of a trace."""
        self.number -= self.traces.pop(id(trace), (trace, 0))[1]

    def close(self, trace: Trace) -> int:
        """Leave out calls of a leaving trace that count in another one; return how many.

        Its calls are settled, unless a late span could change what was counted: below a span that
        is open, or above figures that are weak.
        """
        calls = trace.calls
        if calls is None:
            self.forget(trace)
            return 0
        left_out = self.leave_out(trace, calls)
        if not trace.opened:
            for call in calls.calls.values():
                if call.lost_to is None and call.usage_counts and not call.strong:
                    return left_out
            self.number -= self.traces.pop(id(trace), (trace, 0))[1]  # as ``forget`` does
            self._counting.settle(trace)
        return left_out

    def leave_out(self, trace: Trace, calls: TraceCalls) -> int:
        """Leave out calls of a leaving trace that count in another one; return how many."""
        self._counting.decide(trace)
        left_out = self._leave_out(trace, calls) if self._is_mixed else 0
        if calls.elsewhere is not None:  # as seldom
            trace.has_repeats = calls.has_left_out
        return left_out

    def _note(self, mine: Sighting, scope: str) -> None:
        self._latest.append(mine)
        if self._is_mixed:
            self._index(mine)
        elif self._scope is None:
            self._scope = scope
        elif self._scope != scope:
            self._is_mixed = True
            for sighting in self._latest:
                self._index(sighting)
            self._latest = deque(self._latest, _MAX_LATEST)

    def _index(self, mine: Sighting) -> None:
        """Index a call by its response id and by its figures."""
        call = mine.report
        if call.response_id is not None:
            _put(self._by_response, call.response_id, mine)
        if call.usage_counts and call.usage is not None:
            _put(self._by_figures, figures(call), mine)

    def _leave_out(self, trace: Trace, calls: TraceCalls) -> int:
        number = 0
        for call in list(calls.calls.values()):
            if call.lost_to is None and is_findable(call):
                mine = Sighting(call, trace)
                found = self._same_call(mine, call)
                if found is not None and self._counts_there(mine, call, *found):
                    number += 1
        return number

    def _same_call(self, mine: Sighting, call: Call) -> tuple[Sighting, Call] | None:
        """Return a sighting of the same call in another trace, if there is one, and that call."""
        named = self._by_response.get(call.response_id) if call.response_id is not None else None
        for other in named or ():
            other_call = self._decided(mine, other)
            if other_call is not None and may_be_one(call, other_call):
                return other, other_call
        if not mine.begins(call):
            return None
        for other in self._by_figures.get(figures(call)) or ():
            other_call = self._decided(mine, other)
            if (
                other_call is not None
                and is_apart(mine, call, other, other_call)
                and same_figures(call.usage, other_call.usage)
                and may_be_one(call, other_call)
            ):
                return other, other_call
        return self._latest_differing(mine, call)

    def _latest_differing(self, mine: Sighting, call: Call) -> tuple[Sighting, Call] | None:
        """Return a report of the same call with other figures among the latest, if any."""
        misses = 0
        for other in reversed(self._latest):
            other_call = self._decided(mine, other)
            if (
                other_call is not None
                and differs(mine, call, other, other_call)
                and may_be_one(call, other_call)
            ):
                return other, other_call
            misses += other.report.end_ns < call.start_ns
            if misses > _MISSES:
                break
        return None

    def _decided(self, mine: Sighting, other: Sighting) -> Call | None:
        """Return the call that a report in another trace is of, if it counts there."""
        if other.trace is mine.trace:
            return None
        self._counting.decide(other.trace)
        return other.call

    def _counts_there(self, mine: Sighting, call: Call, other: Sighting, other_call: Call) -> bool:
        """Let a call count in one of two traces; return whether that is the other one."""
        session = self._session(mine.trace, call)
        calls, other_calls = mine.trace.calls, other.trace.calls
        is_closed = other.trace.state == CLOSED
        if session not in (None, self._session(other.trace, other_call)):
            if not is_closed and calls is not None:
                _leave_out(other.trace, other_call, call)
                calls.learn(call, other_call)
            return False
        if is_closed:
            if knows_tokens(call) and not knows_tokens(other_call):
                if calls is not None:
                    calls.drop_event(call)
                return False
            # so that none of these scopes is matched with it once more
            other_call.scopes = tuple(dict.fromkeys(other_call.scopes + call.scopes))
        elif other_calls is not None:
            other.trace.has_changed = True
            other_calls.learn(other_call, call)
        _leave_out(mine.trace, call, other_call)
        return True

    def _session(self, trace: Trace, call: Call) -> str | None:
        """Return the session that a call of a trace is in, if known."""
        own = trace.attribution.session
        return self._counting.session_of(trace, call) or (own.value if own is not None else None)


def _put(index: Recent[_Name, tuple[Sighting, ...]], name: _Name, mine: Sighting) -> None:
    alike = index.get(name)
    index.put(name, (mine,) if alike is None else (*alike, mine)[-_MAX_ALIKE:])


def _leave_out(trace: Trace, call: Call, other: Call) -> None:
    trace.has_changed = True
    if trace.calls is not None:
        trace.calls.leave_out(call, other)
