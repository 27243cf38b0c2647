"""The calls of one trace, and where they are: what ``resolve`` needs to decide about them.

How it works
------------
* While spans end, the reports of calls are kept, and the *places* of ended spans that have a call
  below them; nothing is decided.
* A span is *awaited* when something kept is below it and it is not kept itself: it is open, or only
  named as a parent.  A span that ends and is not awaited costs nothing.
* ``counting`` decides when totals are asked for and something is ``new``, or has ``moved``.
* What is known of a call from another trace (``cross_trace``) is put in again after each pass.
* A response id that reports of settled calls have repeated is remembered: mocks repeat theirs for
  ever, and that is one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.span import Kind
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_groups import LiveTotals
from otel_session_agg._trace.call_sessions import own_session
from otel_session_agg._trace.caller import NO_CALLER, caller_of
from otel_session_agg._trace.ended_spans import MAX_CLIMB, EndedSpans
from otel_session_agg._trace.merging import absorb
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.same_call import one_call
from otel_session_agg._trace.settling import MAX_WAITING
from otel_session_agg._trace.tree import Mark, Place

MAX_CALLS = 256
"""Calls of a trace that can still be decided about; more while something is open below them.

Reports of one call end within milliseconds of each other and late descendants within seconds; 256
calls are minutes of an agent's work.
"""

KEPT_CALLS = 64
"""Calls that are left when some were settled, beside those that something is open below.

They are few enough that this is seldom done.
"""

MAX_PLACES = 1024
"""Places above the calls of a trace: beyond that calls are settled, too."""

MAX_REPEATED = 64
"""Response ids of settled calls that are remembered because they were repeated."""

_TOOL = Kind.TOOL
_LEFT_OUT: Final = 0
_MERGED: Final = 1
_NO_EVENT: Final = 2


def _apply(call: Call, other: Call, what: int) -> None:
    """Do to a call what follows from another trace's report of it."""
    if what == _LEFT_OUT:
        call.lose(other, Rule.TRACE)
    elif what == _MERGED:
        absorb(call, other, Rule.TRACE)
    else:
        call.model_events, call.is_changed = 0, True


Around = tuple[int, "int | None", "dict[int, int | None] | None", EndedSpans]
"""The trace id and the root of a trace, its open spans and their parents, and spans that ended."""


class TraceCalls:
    """The calls of one trace that can still be decided about."""

    __slots__ = (
        "_calls_full", "_places_full", "awaited", "calls", "elsewhere", "fresh", "has_callers",
        "live", "marks", "may_nest", "moved", "new", "outer_ids", "places", "repeated",
    )  # fmt: skip

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        """Reports of calls by span id, in the order of their ends."""
        self.places: dict[int, Place] = {}
        """Ended spans above these that report no call, by span id."""
        self.awaited: set[int] = set()
        """Parents of calls, places and marks that have not ended, or are not known."""
        self.marks: list[Mark] | None = None
        """What is left of settled calls."""
        self.has_callers = False
        """Whether an agent or a tool with a name was at or above a call."""
        self.fresh: list[Call] | None = None
        """Calls that are not in the index over all traces yet."""
        self.new: list[Call] | None = None
        """Calls that were not decided about yet, where others were, and nothing has moved."""
        self.moved = False
        """Whether what is above calls may be other than when they were decided about."""
        self.outer_ids: set[int] | None = None
        """Spans of calls below which a call was known when they ended."""
        self.may_nest = False
        """Whether a call may be above another: as long as it is false, none is."""
        self.live: LiveTotals | None = None
        """What is remembered between two times that totals are asked for."""
        self.elsewhere: list[tuple[int, Call, int]] | None = None
        """What is known from other traces: the span of a report, their call, what to do."""
        self.repeated: Recent[str, Call] | None = None
        self._calls_full, self._places_full = MAX_CALLS, MAX_PLACES
        """So many are kept until some are settled; of some it may be too early."""

    def __contains__(self, span_id: object) -> bool:
        """Return whether a span is kept."""
        return span_id in self.calls or span_id in self.places

    # -- what ends --------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether so much is kept that some calls have to be settled."""
        return len(self.calls) >= self._calls_full or len(self.places) >= self._places_full

    @property
    def num_kept(self) -> int:
        """How many calls are kept when some have to be settled."""
        num_calls = len(self.calls)
        return KEPT_CALLS if num_calls >= self._calls_full else num_calls // 4

    def add(self, call: Call, around: Around) -> None:
        """Keep the report of a span that ended."""
        span_id, parent_id = call.span_id, call.parent_id
        self.calls[span_id] = call
        if self.fresh is None:
            self.fresh = [call]
        else:
            self.fresh.append(call)
        if self.live is None:
            self.moved = True
        elif self.new is None:
            self.new = [call]
        else:
            self.new.append(call)
        if call.reading.agent_name is not None or call.reading.tool_name is not None:
            self.has_callers = True
        if span_id in self.awaited:
            self.may_nest = True
            if self.outer_ids is None:
                self.outer_ids = {span_id}
            else:
                self.outer_ids.add(span_id)
            self.awaited.discard(span_id)
        if parent_id not in self.awaited:
            self._await(parent_id, around)

    def add_whole(self, call: Call, *, nests: bool) -> None:
        """Keep the report of a span of a whole trace, whose spans are added as they ended.

        ``nests``: a call is known below it.
        """
        self.calls[call.span_id] = call
        self.moved = True
        self.may_nest = self.may_nest or nests
        if call.reading.agent_name is not None or call.reading.tool_name is not None:
            self.has_callers = True

    def put(self, span_id: int, place: Place, around: Around, *, was_open: bool) -> None:
        """Keep the place of an awaited span that ended; ``was_open``: where it is was known."""
        self.awaited.discard(span_id)
        if span_id in self.calls:
            return
        self.place(span_id, place)
        if (
            not was_open
            or place.session[0] is not None
            or (place.is_tool and not self._is_below_open(place.parent_id, around))
        ):
            self.moved = True
        if place.parent_id not in self.awaited:
            self._await(place.parent_id, around)

    @staticmethod
    def _is_below_open(parent_id: int | None, around: Around) -> bool:
        """Return whether all spans above are open, so that none of them reports a call yet."""
        _, root_id, opened, _ = around
        for _ in range(MAX_CLIMB):
            if parent_id is None or parent_id == root_id:
                return True
            if opened is None or parent_id not in opened:
                return False
            parent_id = opened[parent_id]
        return False

    def _await(self, span_id: int | None, around: Around) -> None:
        """Await a span and all open ones above it; keep the places of ended spans above it."""
        trace_id, root_id, opened, ended_spans = around
        for _ in range(MAX_CLIMB):
            if span_id is None or span_id in self.awaited or span_id in self.places:
                return
            if span_id in self.calls:
                break
            if opened is not None and span_id in opened:
                self.awaited.add(span_id)
                span_id = opened[span_id]
                continue
            link = ended_spans.get(trace_id, span_id) if span_id != root_id else None
            if link is None:
                self.awaited.add(span_id)
                return
            self.place(span_id, Place(*link[1:]))
            span_id = link[1]
        self.may_nest = True  # also where it was not followed to its end

    def move(self) -> None:
        """Note that spans above calls are at another place than was known."""
        self.moved = self.may_nest = True

    def place(self, span_id: int, place: Place) -> None:
        """Keep the place of a span above calls."""
        self.places[span_id] = place
        if self.live is not None:
            self.live.whole = None
        self.has_callers = self.has_callers or place.caller != NO_CALLER

    def link(self, span_id: int) -> Place | None:
        """Return where a kept span is, and what it states."""
        call = self.calls.get(span_id)
        if call is None:
            return self.places.get(span_id)
        session = own_session(call)
        return Place(call.parent_id, call.kind is _TOOL, session, caller_of(call.reading))

    def repeats(self, call: Call) -> bool:
        """Return whether a report is of a settled call whose response id is repeated for ever."""
        if self.repeated is None or call.response_id is None:
            return False
        other = self.repeated.get(call.response_id)
        if other is None or one_call(other, call) is not Rule.RESPONSE:
            return False
        self.repeated.put(call.response_id, other)
        return True

    # -- what another trace reports -----------------------------------------------------------

    def leave_out(self, call: Call, other: Call) -> None:
        """Let a call count in another trace, whose call it is, too."""
        self._note(call, other, _LEFT_OUT)

    @property
    def has_left_out(self) -> bool:
        """Whether a call counts in another trace."""
        return any(what == _LEFT_OUT for _, _, what in self.elsewhere or ())

    def learn(self, call: Call, other: Call) -> None:
        """Let a call know what the report of another trace states, which is left out there."""
        self._note(call, other.copied(), _MERGED)

    def drop_event(self, call: Call) -> None:
        """Count only the figures of a call: its event is in the totals of another trace."""
        self._note(call, call, _NO_EVENT)

    def _note(self, call: Call, other: Call, what: int) -> None:
        """Do it, and do it again after each pass."""
        if not call.settled:
            self.elsewhere = [*(self.elsewhere or ()), (call.span_id, other, what)]
            self.live = None
            _apply(call, other, what)

    def know_again(self) -> None:
        """Do again after a pass what follows from other traces' reports."""
        for span_id, other, what in self.elsewhere or ():
            report = self.calls.get(span_id)
            if report is not None:
                _apply(report.winner(), other, what)

    # -- calls that are settled -------------------------------------------------------------

    def drop(self, gone: Mapping[Call, object], marks: list[Mark], around: Around) -> None:
        """Forget settled calls; keep the places above the others, and await only spans above."""
        for call in gone:
            call.settled = True
            del self.calls[call.span_id]
            if call.rule is Rule.RESPONSE and call.response_id is not None:
                self.repeated = self.repeated or Recent(MAX_REPEATED // 2)
                self.repeated.put(call.response_id, call.winner())
        if self.elsewhere is not None:
            self.elsewhere = [row for row in self.elsewhere if row[0] in self.calls]
        if self.outer_ids is not None:
            self.outer_ids &= self.calls.keys()
        self.marks = marks or None
        places, self.places, self.awaited = self.places, {}, set()
        parents = [call.parent_id for call in self.calls.values()]
        for parent_id in (*parents, *(mark.parent_id for mark in marks)):
            at = parent_id
            while at is not None and at in places and at not in self:
                self.places[at] = place = places[at]
                at = place.parent_id
            self._await(at, around)
        self.live = None
        left = len(self.calls)
        # so many more that a call takes part in few passes
        self._calls_full = max(MAX_CALLS, min(2 * left, MAX_WAITING), left + MAX_CALLS - KEPT_CALLS)
        self._places_full = max(MAX_PLACES, 2 * len(self.places))
