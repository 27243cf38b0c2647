"""The recent calls of all traces: bound them, and find those that two traces report.

Beyond the bound the calls of the trace that reported one first are settled.

Where no span of the application is above a call, or a framework keeps its spans to itself, each
instrumentation may report the call in a trace of its own, so neither nesting nor the window of a
trace shows that it is one call.  It is one call when different scopes report it and

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
from typing import NamedTuple, TypeVar

from otel_session_agg._collections.recent import Recent
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.duplicates import MISSES, Window
from otel_session_agg._trace.folding import Folding
from otel_session_agg._trace.same_call import absorb, differs, one_call, same_model
from otel_session_agg._trace.token_counts import same_figures
from otel_session_agg._trace.trace import CLOSED, Trace

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

_MAX_ALONE = 512
"""Calls that are remembered while a single scope reports all of them.

When a second scope appears, it may report these, too.
"""

_Figures = tuple["int | None", "int | None"]


_Name = TypeVar("_Name", bound=Hashable)


class Sighting(NamedTuple):
    """A call and the trace that reports it."""

    call: Call
    trace: Trace

    @property
    def begins(self) -> bool:
        """Whether no span of the application is above the call.

        The root of the trace is then of a scope that reports the call.
        """
        root = self.trace.root_span
        return self.trace.root_id in self.call.span_ids or (
            root is not None and root.scope_name in self.call.scopes
        )

    @property
    def knows_tokens(self) -> bool:
        """Whether its tokens are in the totals, and are no estimate."""
        return self.call.usage_counts and not self.call.unsure_usage

    @property
    def session(self) -> str | None:
        """The session that the call is in, if known."""
        own = self.trace.attribution.session
        return self.call.session or (own.value if own is not None else None)


class RecentCalls:
    """The recent calls of all traces; of too many, those of the oldest trace are settled."""

    def __init__(self, folding: Folding) -> None:
        self._folding = folding
        self.number = 0
        """Number of calls that can still be corrected."""
        self.traces: OrderedDict[int, tuple[Trace, int]] = OrderedDict()
        """Traces by identity, and how many calls of each are in ``number``."""
        self._by_response: Recent[str, tuple[Sighting, ...]] = Recent(MAX_CALLS // 2)
        self._by_figures: Recent[_Figures, tuple[Sighting, ...]] = Recent(MAX_CALLS // 2)
        self._latest: deque[Sighting] = deque(maxlen=_MAX_ALONE)
        self._scope: str | None = None
        self._is_mixed = False
        """Whether calls of more than one scope were seen.

        Until then no two calls are one, and nothing has to be indexed.
        """

    def note(self, trace: Trace, window: Window) -> None:
        """Note the calls that a trace has reported since the last time."""
        fresh, window.fresh = window.fresh, []
        _, before = self.traces.get(id(trace), (trace, 0))
        self.number += window.num_calls - before
        self.traces[id(trace)] = (trace, window.num_calls)
        while self.number > MAX_RECENT_CALLS:
            _, (oldest, number) = self.traces.popitem(last=False)
            self.number -= number
            self._folding.settle_calls(oldest, oldest.recent_calls())
        for call in fresh:
            if _is_findable(call):
                self._note(Sighting(call, trace), call.scopes[0])

    def forget(self, trace: Trace) -> None:
        """Stop counting the calls of a trace."""
        _, number = self.traces.pop(id(trace), (trace, 0))
        self.number -= number

    def close(self, trace: Trace) -> int:
        """Leave out calls of a leaving trace that count in another one; return how many.

        Its calls are settled, unless a late span could change what was counted: below a span that
        is open, or above figures that are weak.
        """
        left_out = self._leave_out(trace) if self._is_mixed else 0
        if not trace.opened:
            calls = trace.recent_calls()
            for call in calls:
                if call.usage_counts and not call.strong:
                    return left_out
            self.forget(trace)
            self._folding.settle_calls(trace, calls)
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
        call = mine.call
        if call.response_id is not None:
            _put(self._by_response, call.response_id, mine)
        if call.usage_counts and call.usage is not None:
            _put(self._by_figures, _figures(call), mine)

    def _leave_out(self, trace: Trace) -> int:
        number = 0
        for call in trace.recent_calls():
            if not _is_findable(call):
                continue
            mine = Sighting(call, trace)
            other = self._same_call(mine)
            if other is not None and _resolve(mine, other):
                number += 1
        return number

    def _same_call(self, mine: Sighting) -> Sighting | None:
        """Return another sighting of the same call, if there is one."""
        call = mine.call
        named = self._by_response.get(call.response_id) if call.response_id is not None else None
        for other in named or ():
            if _may_be_one(mine, other):
                return other
        if not mine.begins:
            return None
        for other in self._by_figures.get(_figures(call)) or ():
            if (
                _is_apart(mine, other)
                and same_figures(call.usage, other.call.usage)
                and _may_be_one(mine, other)
            ):
                return other
        misses = 0
        for other in reversed(self._latest):
            if _differs(mine, other) and _may_be_one(mine, other):
                return other
            misses += other.call.end_ns < call.start_ns
            if misses > MISSES:
                break
        return None


def _is_findable(call: Call) -> bool:
    """Return whether another trace may report a call."""
    return call.strong and bool(call.usage_counts or call.model_events or call.silent)


def _put(index: Recent[_Name, tuple[Sighting, ...]], name: _Name, mine: Sighting) -> None:
    alike = index.get(name)
    index.put(name, (mine,) if alike is None else (*alike, mine)[-_MAX_ALIKE:])


def _figures(call: Call) -> _Figures:
    return (
        (call.usage.prompt_tokens, call.usage.completion_tokens)
        if call.usage is not None
        else (None, None)
    )


def _is_apart(mine: Sighting, other: Sighting) -> bool:
    return other.trace.trace_id != mine.trace.trace_id and same_model(mine.call, other.call)


def _differs(mine: Sighting, other: Sighting) -> bool:
    """Return whether two concurrent reports may be of one call although their figures differ."""
    call, other_call = mine.call, other.call
    if (
        call.scopes[0] in other_call.scopes
        or call.start_ns > other_call.end_ns
        or other_call.start_ns > call.end_ns
    ):
        return False
    if (
        call.failed
        or other_call.failed
        or not (differs(call, other_call) or not (call.usage_counts and other_call.usage_counts))
    ):
        return False
    return other.begins and _is_apart(mine, other)


def _may_be_one(mine: Sighting, other: Sighting) -> bool:
    call, other_call = mine.call, other.call
    if other.trace is mine.trace or not (other_call.alive or other_call.settled):
        return False
    return other_call.scopes != call.scopes and one_call(other_call, call)


def _resolve(mine: Sighting, other: Sighting) -> bool:
    """Let the call count in one of two traces; return whether that is the other one."""
    if mine.session not in (None, other.session):
        if other.trace.state != CLOSED:
            other.trace.has_changed = True
            absorb(mine.call, other.call)
        return False
    if other.trace.state == CLOSED:
        if mine.knows_tokens and not other.knows_tokens:
            mine.call.model_events = 0
            return False
        # so that none of these scopes is matched with it once more
        other.call.scopes = tuple(dict.fromkeys(other.call.scopes + mine.call.scopes))
        mine.call.alive = False
    else:
        other.trace.has_changed = True
        absorb(other.call, mine.call)
    return True
