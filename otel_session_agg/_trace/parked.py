"""Session roots beyond the bound: still open, and nothing is kept of them except their totals."""

from __future__ import annotations

from itertools import islice

from otel_session_agg._trace.trace import Trace


class ParkedRoots:
    """These roots, the oldest first."""

    def __init__(self) -> None:
        self.roots: dict[tuple[int, int | None], Trace] = {}
        """By trace id and span id."""
        self._num_by_id: dict[int, int] = {}
        """Number of roots by trace id."""

    def __contains__(self, trace: Trace) -> bool:
        return self.roots.get((trace.trace_id, trace.root_id)) is trace

    def has_any(self, trace_id: int) -> bool:
        """Return whether a root of this trace is parked."""
        return trace_id in self._num_by_id

    def add(self, trace: Trace) -> None:
        """Add a root."""
        trace.park()
        self.roots[trace.trace_id, trace.root_id] = trace
        self._num_by_id[trace.trace_id] = self._num_by_id.get(trace.trace_id, 0) + 1

    def remove(self, trace_id: int, root_id: int | None) -> Trace | None:
        """Remove and return a root, if it is one of these."""
        trace = self.roots.pop((trace_id, root_id), None)
        if trace is None:
            return None
        self._num_by_id[trace_id] -= 1
        if not self._num_by_id[trace_id]:
            del self._num_by_id[trace_id]
        return trace

    def oldest(self, how_many: int) -> list[Trace]:
        """Return the roots that were parked first."""
        return list(islice(self.roots.values(), how_many))
