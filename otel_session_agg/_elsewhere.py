"""Calls that two traces tell of.

Where nothing of the application is above a call, or a framework keeps its spans to itself, each instrumentation that tells of the
call may do it in another trace, so neither nesting nor the window of a trace shows that it is one call.  It is, when different
scopes tell of it and

* both name the same response, with figures that do not contradict, or
* one of them names none, they state the same figures of the same model, one is in the time of the other, and the root of the
  trace that leaves is of a scope that tells of the call: nothing of the application is above it.

Of two such traces the one that leaves later has the call, with what both say of it; when the other one has left already, that
keeps it.  But what is in a session is never left out for the sake of a trace that is not in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import NamedTuple, TypeVar

from otel_session_agg._calls import Call, absorb, one_call, same_model
from otel_session_agg._figures import has_usage, same_figures
from otel_session_agg._reasons import ELSEWHERE
from otel_session_agg._recent import Recent
from otel_session_agg._traces import Trace

MAX_CALLS = 4096
"""Calls that are remembered: seconds of a busy process; tellers of one call end within milliseconds."""

_MAX_ALIKE = 16
"""Calls with the same figures that are remembered: those that are made at once, mostly."""

_Figures = tuple["int | None", "int | None"]


_Name = TypeVar("_Name", bound=Hashable)


class _Told(NamedTuple):
    """A call and the trace that tells of it."""

    call: Call
    trace: Trace

    @property
    def session(self) -> str | None:
        """The session that the call is in, as far as it is known."""
        own = self.trace.owners.session
        return self.call.session or (own.value if own is not None else None)


class Elsewhere:
    """The recent calls of all traces."""

    def __init__(self) -> None:
        self._by_response: Recent[str, list[_Told]] = Recent(MAX_CALLS // 2)
        self._by_figures: Recent[_Figures, list[_Told]] = Recent(MAX_CALLS // 2)

    def note(self, trace: Trace) -> None:
        """A trace tells of one call more."""
        call = trace.window.newest if trace.window is not None else None
        if call is not None and call.strong and call.counted and has_usage(call.usage):
            mine = _Told(call, trace)
            if call.response_id is not None:
                _put(self._by_response, call.response_id, mine)
            _put(self._by_figures, _figures(call), mine)

    def leave_out(self, trace: Trace, unread: Counter[str]) -> None:
        """Of the calls of a trace that leaves, leave out those that another one has, or will have; they are counted."""
        root_scope = trace.root_span.scope_name if trace.root_span is not None else None
        for call in list(trace.window or ()):
            if not call.strong or not call.counted:
                continue
            mine = _Told(call, trace)
            other = self._same(mine, begins=root_scope in call.scopes)
            if other is not None and _settled_between(mine, other):
                unread[ELSEWHERE] += 1

    def _same(self, mine: _Told, *, begins: bool) -> _Told | None:
        """Another one that tells of the same call; ``begins``: nothing of the application is above it."""
        call = mine.call
        named = self._by_response.get(call.response_id) if call.response_id is not None else None
        for other in named or ():
            if _may_be_one(mine, other):
                return other
        alike = self._by_figures.get(_figures(call)) if begins else None
        for other in alike or ():
            is_apart = other.trace.trace_id != mine.trace.trace_id and same_model(call, other.call)
            if is_apart and same_figures(call.usage, other.call.usage) and _may_be_one(mine, other):
                return other
        return None


def _put(told: Recent[_Name, list[_Told]], name: _Name, mine: _Told) -> None:
    told.put(name, [*(told.get(name) or ()), mine][-_MAX_ALIKE:])


def _figures(call: Call) -> _Figures:
    return (call.usage.prompt_tokens, call.usage.completion_tokens) if call.usage is not None else (None, None)


def _may_be_one(mine: _Told, other: _Told) -> bool:
    call, told = mine.call, other.call
    if other.trace is mine.trace or not (told.alive or told.settled) or not told.counted:
        return False
    return told.scopes != call.scopes and one_call(told, call)


def _settled_between(mine: _Told, other: _Told) -> bool:
    """Let one of two traces have the call; returns whether that is the other one."""
    if mine.session not in (None, other.session):
        if not other.trace.is_closed:
            other.trace.totals = None
            absorb(mine.call, other.call)
        return False
    if other.trace.is_closed:
        mine.call.alive = False
    else:
        absorb(other.call, mine.call)
    return True
