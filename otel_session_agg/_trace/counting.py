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
from operator import attrgetter

from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_callers import CallCallers
from otel_session_agg._trace.call_groups import CallGroups, LiveTotals
from otel_session_agg._trace.call_sessions import CallSessions, own_session
from otel_session_agg._trace.call_totals import CallTotals, Price, add_sums, sums_of_both
from otel_session_agg._trace.caller import NO_CALLER, Caller
from otel_session_agg._trace.duplicates import are_all_different
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.resolve import resolve
from otel_session_agg._trace.session_key import NO_SESSION, SessionKey
from otel_session_agg._trace.settling import marks_of, oldest
from otel_session_agg._trace.trace import LEFT, Trace
from otel_session_agg._trace.trace_calls import TraceCalls
from otel_session_agg._trace.tree import Above, Tree

_NONE_OPEN: Mapping[int, int | None] = {}
_is_changed = attrgetter("is_changed")


def top_id(trace: Trace) -> int | None:
    """Return the root if it has ended: all that ends from now on is below it."""
    return trace.root_id if trace.root_span is not None else None


def root_caller(trace: Trace, *, is_waited_for: bool) -> Caller:
    """Return the agent or tool that the root is.

    ``is_waited_for``: until it has ended, its id stands for both.
    """
    reading, root_id = trace.root_reading, trace.root_id
    if reading is not None:
        if reading.agent_name is None and reading.tool_name is None:
            return NO_CALLER
        return reading.agent_name, reading.tool_name
    return (root_id, root_id) if is_waited_for and root_id is not None else NO_CALLER


class Counting:
    """Decides about the calls of all traces of an engine.

    ``price`` returns a call's cost.  ``breakdown``: whether totals are broken down.
    """

    def __init__(self, price: Price, ended_spans: EndedSpans, *, breakdown: bool = True) -> None:
        self.price = price
        self.breakdown = breakdown
        self._ended_spans = ended_spans

    def decide(self, trace: Trace) -> None:
        """Decide about the calls of a trace, if something has changed since the last time."""
        calls = trace.calls
        if calls is None or not (calls.new or calls.moved):
            return
        calls.live, reports = None, calls.calls.values()
        if (
            (len(reports) == 1 or (not calls.may_nest and are_all_different(reports)))
            and calls.marks is None
            and calls.elsewhere is None
            and not any(map(_is_changed, reports))
        ):  # as in most traces: each counts with what its span states
            calls.new, calls.moved = None, False
        else:
            self._pass(trace, calls)

    def _pass(self, trace: Trace, calls: TraceCalls) -> tuple[Tree, dict[Call, Above]]:
        """Decide about all calls; return where they are, and what is above each."""
        tree = Tree(calls.calls, calls.places, trace.opened, top_id(trace))
        outer = resolve(calls.calls.values(), tree, calls.marks or ())
        if calls.elsewhere is not None:
            calls.know_again()
        calls.new, calls.moved = None, False
        return tree, outer

    # -- totals -----------------------------------------------------------------------------

    def totals(self, trace: Trace) -> Mapping[SessionKey, CallTotals]:
        """Return the totals of the calls that count, by session; they are not to be changed."""
        calls, settled = trace.calls, trace.attribution.settled_calls
        if calls is not None and trace.state < LEFT:
            return self._live_totals(trace, calls)
        if settled is not None and self.breakdown:
            self._name_ended(trace, settled)
        if calls is None:
            return {} if settled is None else settled
        self.decide(trace)
        found = self._sum(trace, calls, calls.calls.values())
        return found if settled is None else sums_of_both(settled, found)

    def _live_totals(self, trace: Trace, calls: TraceCalls) -> Mapping[SessionKey, CallTotals]:
        live = calls.live
        if live is None or calls.moved:
            self.decide(trace)
            live = calls.live = LiveTotals(self._resting(trace, calls, calls.calls.values()))
        elif calls.new:
            self._decide_again(trace, calls, live)
        elif live.whole is not None:
            return live.whole
        if self.breakdown:
            self._name_ended(trace, live.resting)
        live.whole = live.resting
        if live.moving:
            live.whole = sums_of_both(live.resting, self._sum(trace, calls, live.moving_calls()))
        return live.whole

    def _resting(
        self, trace: Trace, calls: TraceCalls, reports: Collection[Call]
    ) -> dict[SessionKey, CallTotals]:
        """Return new totals of calls that rest, and of those that are settled."""
        settled = trace.attribution.settled_calls or {}
        found = {session: totals.copied() for session, totals in settled.items()}
        return add_sums(found, self._sum(trace, calls, reports, trace.opened or _NONE_OPEN))

    def _decide_again(self, trace: Trace, calls: TraceCalls, live: LiveTotals) -> None:
        """Decide about the groups that new calls belong to."""
        tree = Tree(calls.calls, calls.places, trace.opened, top_id(trace))
        new, calls.new = dict.fromkeys(calls.new or ()), None
        groups = live.groups
        if groups is None:
            groups = live.groups = CallGroups()
            groups.add(calls.calls.values(), tree, calls.outer_ids or (), new=new)
        else:
            groups.add(new, tree, calls.outer_ids or (), new=new)
        touched = dict.fromkeys([groups.of(call) for call in new])
        resolve([call for group in touched for call in group.calls], tree, calls.marks or ())
        if calls.elsewhere is not None:
            calls.know_again()
        if live.touch(touched):
            moving = set(live.moving_calls())
            rest = [call for call in calls.calls.values() if call not in moving]
            live.resting = self._resting(trace, calls, rest)
        if at_rest := live.come_to_rest():
            add_sums(live.resting, self._sum(trace, calls, at_rest, trace.opened or _NONE_OPEN))

    def _sum(
        self,
        trace: Trace,
        calls: TraceCalls,
        reports: Collection[Call],
        waited_for: Mapping[int, int | None] = _NONE_OPEN,
    ) -> dict[SessionKey, CallTotals]:
        """Return the totals of those of some calls that count, by the session that is stated.

        ``reports``: all reports of these.  ``waited_for``: open spans; what they may have made is
        kept until their names are known.
        """
        by_session = self._by_session(trace, calls, reports)
        callers = None
        if self.breakdown:
            top = root_caller(trace, is_waited_for=False)
            callers = self._callers_of(calls, reports, waited_for, (trace.root_id, top))
        return self._sum_of(by_session, callers) or {NO_SESSION: CallTotals()}

    def _sum_of(
        self, by_session: Mapping[SessionKey, list[Call]], callers: Mapping[Call, Caller] | None
    ) -> dict[SessionKey, CallTotals]:
        """Return the totals of calls that count, by session; ``callers``: to break them down."""
        found = {session: CallTotals() for session in by_session}
        for session, totals in found.items():
            totals.add_all(by_session[session], self.price, callers)
        return found

    @staticmethod
    def _callers_of(
        calls: TraceCalls,
        reports: Collection[Call],
        waited_for: Mapping[int, int | None],
        top: tuple[int | None, Caller],
    ) -> Mapping[Call, Caller]:
        """Return the agents and tools that made calls, where there may be any."""
        if calls.has_callers or top[1] != NO_CALLER or not calls.awaited.isdisjoint(waited_for):
            return CallCallers(calls.calls, calls.places, waited_for, top).of(reports)
        return {}

    def _name_ended(self, trace: Trace, added_up: Mapping[SessionKey, CallTotals]) -> None:
        """Give calls that are added up to agents and tools whose names have become known."""
        root_id, opened = trace.root_id, trace.opened or _NONE_OPEN
        is_root_open = trace.root_span is None
        waiting = [
            one.details
            for one in added_up.values()
            if one.details is not None
            and one.details.has_open
            and any(
                at not in opened and not (is_root_open and at == root_id)
                for at in one.details.open_callers()
            )
        ]
        if waiting:
            calls = trace.calls or TraceCalls()
            top = (root_id, root_caller(trace, is_waited_for=True))
            callers = CallCallers(calls.calls, calls.places, opened, top)
            for details in waiting:
                details.name_open(callers.at)

    def _sessions(self, trace: Trace, calls: TraceCalls) -> CallSessions:
        return CallSessions(calls.calls, calls.places, trace.opened or _NONE_OPEN, top_id(trace))

    def _by_session(
        self, trace: Trace, calls: TraceCalls, reports: Collection[Call]
    ) -> Mapping[SessionKey, list[Call]]:
        """Return those of some calls that count, by the sessions that are stated for them."""
        if trace.attribution.session is None or trace.attribution.is_in_one:
            counting = [call for call in reports if call.lost_to is None]
            return {NO_SESSION: counting} if counting else {}
        found: dict[SessionKey, list[Call]] = {}
        for call, session in self._sessions(trace, calls).of(reports).items():
            found.setdefault(session, []).append(call)
        return found

    def session_of(self, trace: Trace, call: Call) -> str | None:
        """Return the session that is stated for a call, if any."""
        if call.settled or trace.attribution.session is None or trace.calls is None:
            return own_session(call)[0]
        sessions = self._sessions(trace, trace.calls)
        return sessions.of(trace.calls.calls.values()).get(call, NO_SESSION)[0]

    def take(self, trace: Trace) -> tuple[list[Call], Mapping[Call, Caller] | None]:
        """Take the calls out of a trace that is closed, as nothing of it is open or may come.

        Return those that count, and who made them; ``None``: nothing is broken down.
        """
        calls, callers = trace.calls, None
        if calls is None:
            return [], None
        reports = calls.calls.values()
        if self.breakdown:
            top = (trace.root_id, root_caller(trace, is_waited_for=False))
            callers = self._callers_of(calls, reports, _NONE_OPEN, top)
        for call in reports:
            call.settled = True
        trace.calls = None
        return [call for call in reports if call.lost_to is None], callers

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
        attribution, callers = trace.attribution, None
        if self.breakdown:
            if attribution.settled_calls is not None:
                self._name_ended(trace, attribution.settled_calls)
            top = (trace.root_id, root_caller(trace, is_waited_for=True))
            callers = self._callers_of(calls, gone, trace.opened or _NONE_OPEN, top)
        by_session = self._by_session(trace, calls, gone)
        attribution.settle(self._sum_of(by_session, callers))
        if attribution.session is not None:
            for session, its in by_session.items():
                for call in its:
                    call.settled_session = session
