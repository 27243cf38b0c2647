"""Decide which calls of a trace count, and add them up: when asked, or when too many are kept.

How it works
------------
* A pass (``resolve``) decides about all calls of a trace, from what has ended so far.  Asking
  changes nothing of what comes out later: each pass begins with what the spans stated.
* While a trace is open, only the groups of calls that something new belongs to are decided about
  again (``call_groups``), and the totals of the others are remembered.
* Of too many calls the oldest groups are settled: they are added to the totals for good, and leave
  marks at the spans above (``settling``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_groups import CallGroups, LiveTotals
from otel_session_agg._trace.call_sessions import CallSessions
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.resolve import resolve
from otel_session_agg._trace.session_key import NO_SESSION, SessionKey
from otel_session_agg._trace.settling import marks_of, oldest
from otel_session_agg._trace.totals import CallTotals, Price
from otel_session_agg._trace.trace import LEFT, Trace
from otel_session_agg._trace.trace_calls import TraceCalls
from otel_session_agg._trace.tree import Above, Tree

_NONE_OPEN: Mapping[int, int | None] = {}
_NO_CALLS: Mapping[SessionKey, CallTotals] = {}


def top_id(trace: Trace) -> int | None:
    """Return the root if it has ended: all that ends from now on is below it."""
    return trace.root_id if trace.root_span is not None else None


class Counting:
    """Decides about the calls of all traces of an engine; ``price`` returns a call's cost."""

    def __init__(self, price: Price, ended_spans: EndedSpans) -> None:
        self.price = price
        self._ended_spans = ended_spans

    def decide(self, trace: Trace) -> None:
        """Decide about the calls of a trace, if something has changed since the last time."""
        calls = trace.calls
        if calls is not None and (calls.new or calls.moved):
            calls.live = None
            if calls.is_single:  # as in many traces: it counts as it is
                calls.new, calls.moved = [], False
            else:
                self._pass(trace, calls)

    def _pass(self, trace: Trace, calls: TraceCalls) -> tuple[Tree, dict[Call, Above]]:
        """Decide about all calls; return where they are, and what is above each."""
        tree = Tree(calls.calls, calls.places, trace.opened, top_id(trace))
        outer = resolve(calls.calls.values(), tree, calls.marks or ())
        if calls.elsewhere is not None:
            calls.know_again()
        calls.new, calls.moved = [], False
        return tree, outer

    # -- totals -----------------------------------------------------------------------------

    def totals(self, trace: Trace) -> Mapping[SessionKey, CallTotals]:
        """Return the totals of the calls that count and are not settled, by session."""
        calls = trace.calls
        if calls is None:
            return _NO_CALLS
        if trace.state < LEFT:
            return self._live_totals(trace, calls)
        self.decide(trace)
        return self._sum(trace, calls, calls.calls.values())

    def _live_totals(self, trace: Trace, calls: TraceCalls) -> Mapping[SessionKey, CallTotals]:
        live = calls.live
        if live is None or calls.moved:
            self.decide(trace)
            resting = self._sum(trace, calls, calls.calls.values())
            calls.live = LiveTotals(resting)
            return resting
        if calls.new:
            self._decide_again(trace, calls, live)
        moving = self._sum(trace, calls, live.moving_calls())
        for session, totals in live.resting.items():
            if session in moving:
                moving[session].merge(totals)
            else:
                moving[session] = totals
        return moving

    def _decide_again(self, trace: Trace, calls: TraceCalls, live: LiveTotals) -> None:
        """Decide about the groups that new calls belong to."""
        tree = Tree(calls.calls, calls.places, trace.opened, top_id(trace))
        new, calls.new = dict.fromkeys(calls.new), []
        groups = live.groups
        if groups is None:
            groups = live.groups = CallGroups()
            groups.add(calls.calls.values(), tree, new=new)
        else:
            groups.add(new, tree, new=new)
        touched = dict.fromkeys([groups.of(call) for call in new])
        resolve([call for group in touched for call in group.calls], tree, calls.marks or ())
        if calls.elsewhere is not None:
            calls.know_again()
        if live.touch(touched):
            moving = set(live.moving_calls())
            rest = [call for call in calls.calls.values() if call not in moving]
            live.resting = self._sum(trace, calls, rest)
        for session, totals in self._sum(trace, calls, live.come_to_rest()).items():
            if session in live.resting:
                live.resting[session].merge(totals)
            else:
                live.resting[session] = totals

    def _sum(
        self, trace: Trace, calls: TraceCalls, reports: Collection[Call]
    ) -> dict[SessionKey, CallTotals]:
        """Return the totals of those of some calls that count, by the session that is stated."""
        found: dict[SessionKey, CallTotals] = {}
        if trace.attribution.session is None:
            found[NO_SESSION] = totals = CallTotals()
            for call in reports:
                if call.lost_to is None:
                    totals.add(call, self.price)
            return found
        for call, session in self._sessions(trace, calls).of(reports).items():
            (found.get(session) or found.setdefault(session, CallTotals())).add(call, self.price)
        return found

    def _sessions(self, trace: Trace, calls: TraceCalls) -> CallSessions:
        return CallSessions(calls.calls, calls.places, trace.opened or _NONE_OPEN, top_id(trace))

    def session_of(self, trace: Trace, call: Call) -> str | None:
        """Return the session that is stated for a call, if any."""
        if call.settled or trace.attribution.session is None or trace.calls is None:
            return call.session
        sessions = self._sessions(trace, trace.calls)
        return sessions.of(trace.calls.calls.values()).get(call, NO_SESSION)[0]

    # -- bounds -----------------------------------------------------------------------------

    def settle(self, trace: Trace, keep: int = 0) -> None:
        """Add the oldest calls of a trace to its totals for good, until ``keep`` are left."""
        calls = trace.calls
        if calls is None:
            return
        if not keep and not trace.opened and calls.awaited <= {top_id(trace)}:
            self._settle_all(trace, calls)
            return
        tree, outer = self._pass(trace, calls)
        gone = dict.fromkeys(oldest(outer, trace.opened or _NONE_OPEN, tree, keep))
        self._add_for_good(trace, calls, gone)
        num_open = len(trace.opened or ())
        marks = marks_of(gone, calls.marks or (), outer, tree, num_open)
        calls.drop(gone, marks, (trace.trace_id, trace.root_id, trace.opened, self._ended_spans))
        if not calls.calls and not marks:
            trace.calls = None

    def _settle_all(self, trace: Trace, calls: TraceCalls) -> None:
        """Add all calls up: nothing can come above them any more."""
        self.decide(trace)
        self._add_for_good(trace, calls, calls.calls.values())
        for call in calls.calls.values():
            call.settled = True
        trace.calls = None

    def _add_for_good(self, trace: Trace, calls: TraceCalls, gone: Collection[Call]) -> None:
        """Add calls up; their sessions stay known to other traces that report them, too."""
        trace.attribution.settle(self._sum(trace, calls, gone))
        if trace.attribution.session is not None:
            for call, session in self._sessions(trace, calls).of(gone).items():
                call.session, call.session_is_weak = session
