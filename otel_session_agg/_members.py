"""Which traces are in a session and have not come to their end: open ones, and those that left before all below them ended."""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._traces import Trace

_MIN_SWEEP = 1024
"""Sessions from which on those without traces are swept out whenever their number has doubled."""


class Members:
    """Open traces by session id."""

    def __init__(self, keeps: Callable[[Trace], bool]) -> None:
        """``keeps``: whether a trace is not forgotten; those that are forgotten are in no session."""
        self._keeps = keeps
        self._traces: dict[str, set[Trace]] = {}
        self._sweep_at = _MIN_SWEEP
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

    def ended(self, session_id: str | None, trace: Trace) -> None:
        """A span of a trace has ended, which may name a session; else it is in the trace's."""
        if session_id is not None:
            self.add(session_id, trace)
            self.touched.add(session_id)
        else:
            session = trace.owners.session
            if session is not None:
                self.touched.add(session.value)

    def remove(self, trace: Trace) -> None:
        """A trace has come to its end."""
        for session_id in trace.owners.names():
            traces = self._traces.get(session_id)
            if traces is not None:
                traces.discard(trace)
                if not traces:
                    del self._traces[session_id]

    def of(self, session_id: str) -> list[Trace]:
        """The traces of a session that have not come to their end."""
        traces = self._traces.get(session_id)
        if traces is None:
            return []
        traces.difference_update([trace for trace in traces if not self._keeps(trace)])
        if not traces:
            del self._traces[session_id]
        return list(traces)

    def names(self) -> list[str]:
        """Sessions that have such traces."""
        return [session_id for session_id in list(self._traces) if self.of(session_id)]

    def number(self, session_id: str) -> int:
        """How many those are; of open ones that were forgotten only ``of`` knows that."""
        traces = self._traces.get(session_id, ())
        return len(self.of(session_id) if any(trace.has_left for trace in traces) else traces)
