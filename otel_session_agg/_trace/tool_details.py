"""The calls of each tool, and when tools ran."""

from __future__ import annotations

from otel_session_agg._model.breakdown import MAX_NAME_CHARS, NONE, breakdown_of
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._trace.rows_by_name import MAX_NAMES, Rows
from otel_session_agg._trace.run_times import RunTimes

_NO_FIGURES = (0,) * 9
"""Tokens and costs: those of the calls that a tool made are added from these."""

Used = list[int]
"""Number of calls, number of those that failed, nanoseconds that all took: of one tool.

A list grows in place: a row for each call that ends would be thrown away with the next.
"""


class ToolDetails:
    """What the tools did that ended."""

    __slots__ = ("by_tool", "times")

    def __init__(self) -> None:
        self.by_tool: dict[str, Used] = {}
        self.times = RunTimes()

    def add(self, span: SpanData, reading: Reading) -> None:
        """Add a call of a tool."""
        start_ns, end_ns = span.start_ns, span.end_ns
        used = self.by_tool.get(reading.tool_name or NONE)
        if used is None:
            used = self._first((reading.tool_name or NONE)[:MAX_NAME_CHARS])
        used[0] += 1
        if reading.error is not None:
            used[1] += 1
        if end_ns > start_ns:
            used[2] += end_ns - start_ns
            self.times.add(start_ns, end_ns)

    def _first(self, name: str) -> Used:
        """Return what is to be added to for a tool; of too many names those that sort first stay.

        The rest is with the others.
        """
        if name not in self.by_tool and len(self.by_tool) >= MAX_NAMES:
            kept = breakdown_of(self.rows())
            self.by_tool = {one: [row[0], row[1], row[-1]] for one, row in kept.items()}
        return self.by_tool.setdefault(name, [0, 0, 0])

    def rows(self) -> Rows:
        """Return the figures by tool."""
        return {
            name: (calls, failed, *_NO_FIGURES, lasted_ns)
            for name, (calls, failed, lasted_ns) in self.by_tool.items()
        }

    def copied(self) -> ToolDetails:
        """Return the same calls, to be added to."""
        twin = ToolDetails()
        twin.by_tool = {name: used[:] for name, used in self.by_tool.items()}
        twin.times = self.times.copied()
        return twin

    def merge(self, other: ToolDetails) -> None:
        """Add the calls of another."""
        for name, (calls, failed, lasted_ns) in other.by_tool.items():
            used = self.by_tool.get(name) or self._first(name)
            used[0] += calls
            used[1] += failed
            used[2] += lasted_ns
        self.times.merge(other.times)
