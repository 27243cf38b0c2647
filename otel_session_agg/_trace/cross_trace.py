"""Calls that two traces tell of.

Where nothing of the application is above a call, or a framework keeps its spans to itself, each instrumentation that tells of the
call may do it in another trace, so neither nesting nor the window of a trace shows that it is one call.  It is, when different
scopes tell of it and

* both name the same response, with figures that do not contradict, or
* one of them names none, they state the same figures of the same model, one is in the time of the other, and the root of the
  trace that leaves is of a scope that tells of the call: nothing of the application is above it; or
* the same, but for figures that one of them does not state, or is known not to know well, when nothing of the application is above
  the other one either.

Of two such traces the one that leaves later has the call, with what both say of it; when the other one has left already, that
keeps it; what it did not know of the call's tokens stays with the other one.  But what is in a session is never left out for the
sake of a trace that is not in it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from typing import NamedTuple, TypeVar

from otel_session_agg._reasons import OTHER_TRACE
from otel_session_agg._recent import Recent
from otel_session_agg._trace.call import Call, absorb, differs, one_call, same_model
from otel_session_agg._trace.token_counts import same_figures
from otel_session_agg._trace.trace import Trace

MAX_CALLS = 4096
"""Calls that are remembered: seconds of a busy process; tellers of one call end within milliseconds."""

_MAX_ALIKE = 16
"""Calls with the same figures that are remembered: those that are made at once, mostly."""

_MAX_LATEST = 64
"""Calls that are looked through for one whose figures are not the same: those that end within milliseconds of each other."""

_MAX_ALONE = 512
"""Calls that are remembered as long as one scope tells of all: those that a second one, when it appears, may tell of, too."""

_MISSES = 16
"""Of these, calls that ended before this one began, looked at before the search is given up."""

_Figures = tuple["int | None", "int | None"]


_Name = TypeVar("_Name", bound=Hashable)


class Sighting(NamedTuple):
    """A call and the trace that tells of it."""

    call: Call
    trace: Trace

    @property
    def begins(self) -> bool:
        """Whether nothing of the application is above the call: the root of the trace is of a scope that tells of it."""
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
        """The session that the call is in, as far as it is known."""
        own = self.trace.attribution.session
        return self.call.session or (own.value if own is not None else None)


class CrossTraceDuplicates:
    """The recent calls of all traces."""

    def __init__(self) -> None:
        self._by_response: Recent[str, tuple[Sighting, ...]] = Recent(MAX_CALLS // 2)
        self._by_figures: Recent[_Figures, tuple[Sighting, ...]] = Recent(MAX_CALLS // 2)
        self._latest: deque[Sighting] = deque(maxlen=_MAX_ALONE)
        self._scope: str | None = None
        self._is_mixed = False
        """Calls of more than one scope were here: without that no two tell of one call, and none has to be found."""

    def note(self, trace: Trace, calls: Iterable[Call]) -> None:
        """A trace tells of calls."""
        for call in calls:
            if call.strong and (call.usage_counts or call.model_events or call.silent):
                self._note(Sighting(call, trace), call.scopes[0])

    def _note(self, mine: Sighting, scope: str) -> None:
        self._latest.append(mine)
        if self._is_mixed:
            self._index(mine)
        elif self._scope is None:
            self._scope = scope
        elif self._scope != scope:
            self._is_mixed = True
            for told in self._latest:
                self._index(told)
            self._latest = deque(self._latest, _MAX_LATEST)

    def _index(self, mine: Sighting) -> None:
        """Make a call findable by what it says."""
        call = mine.call
        if call.response_id is not None:
            _put(self._by_response, call.response_id, mine)
        if call.usage_counts and call.usage is not None:
            _put(self._by_figures, _figures(call), mine)

    def leave_out(self, trace: Trace, unread: Counter[str]) -> None:
        """Of the calls of a trace that leaves, leave out those that another one has, or will have; they are counted."""
        if not self._is_mixed:
            return
        for call in list(trace.window or ()):
            if not call.strong or not (call.usage_counts or call.model_events or call.silent):
                continue
            mine = Sighting(call, trace)
            other = self._same(mine)
            if other is not None and _settled_between(mine, other):
                unread[OTHER_TRACE] += 1

    def _same(self, mine: Sighting) -> Sighting | None:
        """Another one that tells of the same call."""
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
            if misses > _MISSES:
                break
        return None


def _put(told: Recent[_Name, tuple[Sighting, ...]], name: _Name, mine: Sighting) -> None:
    alike = told.get(name)
    told.put(name, (mine,) if alike is None else (*alike, mine)[-_MAX_ALIKE:])


def _figures(call: Call) -> _Figures:
    return (
        (call.usage.prompt_tokens, call.usage.completion_tokens)
        if call.usage is not None
        else (None, None)
    )


def _is_apart(mine: Sighting, other: Sighting) -> bool:
    return other.trace.trace_id != mine.trace.trace_id and same_model(mine.call, other.call)


def _differs(mine: Sighting, other: Sighting) -> bool:
    """Whether two calls at the same time are apart and state figures that do not contradict, or may contradict."""
    call, told = mine.call, other.call
    if call.scopes[0] in told.scopes or call.start_ns > told.end_ns or told.start_ns > call.end_ns:
        return False
    if (
        call.failed
        or told.failed
        or not (differs(call, told) or not (call.usage_counts and told.usage_counts))
    ):
        return False
    return other.begins and _is_apart(mine, other)


def _may_be_one(mine: Sighting, other: Sighting) -> bool:
    call, told = mine.call, other.call
    if other.trace is mine.trace or not (told.alive or told.settled):
        return False
    return told.scopes != call.scopes and one_call(told, call)


def _settled_between(mine: Sighting, other: Sighting) -> bool:
    """Let one of two traces have the call; returns whether that is the other one."""
    if mine.session not in (None, other.session):
        if not other.trace.is_closed:
            other.trace.totals = None
            absorb(mine.call, other.call)
        return False
    if other.trace.is_closed:
        if mine.knows_tokens and not other.knows_tokens:
            mine.call.model_events = 0
            return False
        other.call.scopes = tuple(
            dict.fromkeys(other.call.scopes + mine.call.scopes)
        )  # and by none of these once more
        mine.call.alive = False
    else:
        other.trace.totals = None
        absorb(other.call, mine.call)
    return True
