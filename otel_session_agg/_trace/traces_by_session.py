"""Index the unfinished traces of each session.

These are open ones, and those that left before all spans below them ended.
"""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._trace.trace import LEFT, Trace

_MIN_SWEEP = 1024
"""Sessions from which on those without traces are removed whenever the number has doubled."""


class TracesBySession:
    """Unfinished traces by session id."""

    def __init__(self, keeps: Callable[[Trace], bool]) -> None:
        """Start empty; ``keeps``: whether a trace is still kept, for else it is in no session."""
        self._keeps = keeps
        self._traces: dict[str, set[Trace]] = {}
        self._lingering: dict[str, int] = {}
        """Sessions with traces that left while a span below them is open: these may be forgotten.

        The value is how often ``number`` was called since the traces were last looked through.
        """
        self._sweep_at = _MIN_SWEEP
        self.awaited: set[str] = set()
        """Sessions whose end is waited for."""
        self.ended: list[str] = []
        """Sessions that were waited for and have no trace any more; not taken yet."""
        self.touched: set[str] = set()
        """Sessions in which a span has ended; the reader replaces the set."""

    def add(self, session_id: str, trace: Trace) -> None:
        """Add a trace to a session."""
        if trace.added_to == session_id:
            return  # as nearly always
        trace.added_to = session_id
        traces = self._traces.get(session_id)
        if traces is None:
            if len(self._traces) >= self._sweep_at:
                self.names()  # which drops those without traces
                self._sweep_at = max(_MIN_SWEEP, 2 * len(self._traces))
            traces = self._traces[session_id] = set()
        traces.add(trace)
        if trace.state >= LEFT:
            self._lingering.setdefault(session_id, 0)

    def folded(self, session_id: str | None, trace: Trace) -> None:
        """Note an ended span in its own session, or else in its trace's."""
        if session_id is not None:
            if trace.added_to != session_id:  # as seldom
                self.add(session_id, trace)
            self.touched.add(session_id)
        else:
            session = trace.attribution.session
            if session is not None:
                self.touched.add(session.value)

    def remove(self, trace: Trace) -> None:
        """Remove a trace that is finished from its sessions."""
        trace.added_to = trace.block = None
        for session_id in trace.attribution.names():
            traces = self._traces.get(session_id)
            if traces is not None:
                traces.discard(trace)
                if not traces:
                    self._drop(session_id)

    def lingers(self, trace: Trace) -> None:
        """Note a trace that left while something below it is open."""
        for session_id in trace.attribution.names() & self._traces.keys():
            self._lingering.setdefault(session_id, 0)

    def waits_for(self, session_id: str) -> None:
        """Report by ``take_ended`` when a session has no trace any more; at once if it has none."""
        self.awaited.add(session_id)
        if session_id not in self._traces:
            self._drop(session_id)

    def take_ended(self) -> list[str]:
        """Return the sessions that were waited for and have no trace any more."""
        ended, self.ended = self.ended, []
        return ended

    def _drop(self, session_id: str) -> None:
        self._traces.pop(session_id, None)
        self._lingering.pop(session_id, None)
        if session_id in self.awaited:
            self.awaited.discard(session_id)
            self.ended.append(session_id)

    def of(self, session_id: str) -> list[Trace]:
        """Return the unfinished traces of a session."""
        traces = self._traces.get(session_id)
        if traces is None:
            return []
        for trace in [trace for trace in traces if not self._keeps(trace)]:
            trace.added_to = trace.block = None
            traces.discard(trace)
        if not traces:
            self._drop(session_id)
        return list(traces)

    def names(self) -> list[str]:
        """Return the sessions that have unfinished traces."""
        return [session_id for session_id in list(self._traces) if self.of(session_id)]

    def number(self, session_id: str) -> int:
        """Return how many unfinished traces a session has.

        Forgotten traces are noticed after as many calls as there are traces, so that the cost of
        looking through them is spread.
        """
        traces = self._traces.get(session_id)
        if traces is None:
            return 0
        asked = self._lingering.get(session_id)
        if asked is None:
            return len(traces)
        if asked + 1 < len(traces):
            self._lingering[session_id] = asked + 1
            return len(traces)
        self._lingering[session_id] = 0
        return len(self.of(session_id))
