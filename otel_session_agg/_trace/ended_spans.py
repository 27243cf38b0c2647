"""Remember the parents of spans that ended recently.

A child that ends after its parent still finds its ancestors, and the session that they state,
although nothing else is kept of ended spans.  The memory is bounded, and all traces share it.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.span import Kind, Reading
from otel_session_agg._trace.caller import NO_CALLER, Caller, below
from otel_session_agg._trace.session_key import NO_SESSION, SessionKey, within

_TOOL = Kind.TOOL

MAX_ENDED_SPANS = 4096
"""Ended spans whose parent is remembered, over all traces.

They are a second or two of a busy process, which is how late children of ended spans come.
"""

MAX_CLIMB = 1000
"""Ended ancestors that are followed: deeper than any stack, and an end for rings of parents."""

_LONG = 2
"""Steps from which on a path is worth shortening."""

ParentLink = tuple[int, "int | None", bool, SessionKey, Caller]
"""The trace and the parent of an ended span, whether it was a tool, and what it stated: its
session, and its name if it was an agent or a tool."""


class EndedSpans:
    """The parents of spans that ended recently, by span id."""

    __slots__ = ("_recent", "_session")

    def __init__(self) -> None:
        self._recent: Recent[int, ParentLink] = Recent(MAX_ENDED_SPANS // 2)
        self._session = NO_SESSION
        """The session that a span has stated last: most state the same, and share it."""

    def add(
        self, trace_id: int, span_id: int, parent_id: int | None, reading: Reading
    ) -> SessionKey:
        """Remember the parent of a span that ended; return the session that the span states."""
        recent, session, stated = self._recent, NO_SESSION, reading.session_id
        if stated is not None:
            session = self._session
            if session[0] != stated or session[1] is not reading.session_is_weak:
                session = self._session = (stated, reading.session_is_weak)
        if (
            len(recent.young) >= recent.generation
        ):  # the same as ``put``: this is done for every span
            recent.grow_old()
        agent, tool = reading.agent_name, reading.tool_name
        caller = NO_CALLER if agent is None and tool is None else (agent, tool)
        recent.young[span_id] = (trace_id, parent_id, reading.kind is _TOOL, session, caller)
        return session

    def keep(self, trace_id: int, span_id: int, parent_id: int | None) -> None:
        """Remember the parent of a span that the trace gives up, ended or not."""
        self._recent.put(span_id, (trace_id, parent_id, False, NO_SESSION, NO_CALLER))

    def shorten(
        self, trace_id: int, path: Sequence[int], above: int | None, kept: Container[int] = ()
    ) -> None:
        """Make ``above`` the parent of all ended spans of a path, so that the next climb is short.

        Each span of a deep chain that ends climbs the same path again, and finds it one step long;
        but where a ``kept`` span is above it, that is the step before, for calls have to meet it.
        A ring of parents leads to the root.
        """
        if len(path) < _LONG:
            return
        above = nearest = None if above in path else above
        is_behind_tool, session = is_tool_near, session_near = False, NO_SESSION
        caller = caller_near = NO_CALLER
        for span_id in reversed(path):
            link = self.get(trace_id, span_id)
            if link is None:
                return
            is_behind_tool, session = is_behind_tool or link[2], within(link[3], session)
            caller = below(link[4], caller)
            if span_id in kept:
                its = (trace_id, above, is_behind_tool, session, caller)
                nearest, is_tool_near, session_near = span_id, False, NO_SESSION
                caller_near = NO_CALLER
            else:
                is_tool_near = is_tool_near or link[2]
                session_near = within(link[3], session_near)
                caller_near = below(link[4], caller_near)
                its = (trace_id, nearest, is_tool_near, session_near, caller_near)
            self._recent.replace(span_id, its)

    def get(self, trace_id: int, span_id: int) -> ParentLink | None:
        """Return the parent of a span, if it is remembered."""
        link = self._recent.get(span_id)
        return link if link is not None and link[0] == trace_id else None
