"""Which traces are in a session and have not come to their end: open ones, and those that left before all below them ended."""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._trace.trace import Trace

_MIN_SWEEP = 1024
"""Sessions from which on those without traces are swept out whenever their number has doubled."""


class TracesBySession:
    """Open traces by session id."""

    def __init__(self, keeps: Callable[[Trace], bool]) -> None:
        """``keeps``: whether a trace is not forgotten; those that are forgotten are in no session."""
        self._keeps = keeps
        self._traces: dict[str, set[Trace]] = {}
        self._lingering: dict[str, int] = {}
        """Sessions with traces that have left while something below them is open, and how often each was asked for since it was looked
        through: such traces may be forgotten."""
        self._sweep_at = _MIN_SWEEP
        self.awaited: set[str] = set()
        """Sessions that somebody waits for the end of."""
        self.ended: list[str] = []
        """Those of them that have no trace any more; not taken yet."""
        self.touched: set[str] = set()
        """Sessions in which a span has ended; whoever looks at them clears it."""

    def add(self, session_id: str, trace: Trace) -> None:
        """A trace is in a session."""
        traces = self._traces.get(session_id)
        if traces is None:
            if len(self._traces) >= self._sweep_at:
                self.names()  # which drops those without traces
                self._sweep_at = max(_MIN_SWEEP, 2 * len(self._traces))
            traces = self._traces[session_id] = set()
        traces.add(trace)
        if trace.has_left:
            self._lingering.setdefault(session_id, 0)

    def folded(self, session_id: str | None, trace: Trace) -> None:
        """A span of a trace has ended, which may name a session; else it is in the trace's."""
        if session_id is not None:
            self.add(session_id, trace)
            self.touched.add(session_id)
        else:
            session = trace.attribution.session
            if session is not None:
                self.touched.add(session.value)

    def remove(self, trace: Trace) -> None:
        """A trace has come to its end."""
        for session_id in trace.attribution.names():
            traces = self._traces.get(session_id)
            if traces is not None:
                traces.discard(trace)
                if not traces:
                    self._drop(session_id)

    def lingers(self, trace: Trace) -> None:
        """A trace has left, and something below it is open."""
        for session_id in trace.attribution.names() & self._traces.keys():
            self._lingering.setdefault(session_id, 0)

    def waits_for(self, session_id: str) -> None:
        """Tell of the end of all traces of a session by ``take_ended``; at once when it has none."""
        self.awaited.add(session_id)
        if session_id not in self._traces:
            self._drop(session_id)

    def take_ended(self) -> list[str]:
        """Sessions that were waited for and have no trace any more."""
        ended, self.ended = self.ended, []
        return ended

    def _drop(self, session_id: str) -> None:
        self._traces.pop(session_id, None)
        self._lingering.pop(session_id, None)
        if session_id in self.awaited:
            self.awaited.discard(session_id)
            self.ended.append(session_id)

    def of(self, session_id: str) -> list[Trace]:
        """The traces of a session that have not come to their end."""
        traces = self._traces.get(session_id)
        if traces is None:
            return []
        traces.difference_update([trace for trace in traces if not self._keeps(trace)])
        if not traces:
            self._drop(session_id)
        return list(traces)

    def names(self) -> list[str]:
        """Sessions that have such traces."""
        return [session_id for session_id in list(self._traces) if self.of(session_id)]

    def number(self, session_id: str) -> int:
        """How many those are; that some were forgotten is noticed after as many questions as there are traces."""
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
