"""The calls of each tool, and when tools ran.

Most traces have few calls of tools, and are asked for once.  So calls are kept as they are, and are
added up when somebody asks, or when there are many.
"""

from __future__ import annotations

from typing import Any

from otel_session_agg._model.breakdown import (
    MAX_NAME_CHARS,
    NONE,
    Breakdown,
    BreakdownRow,
    breakdown_of,
)
from otel_session_agg._model.coverage import NO_TIME, Coverage
from otel_session_agg._model.row_names import row_name
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._trace.rows_by_name import MAX_NAMES, Rows
from otel_session_agg._trace.run_times import RunTimes
from otel_session_agg._untrusted.values import MAX_WHOLE

MAX_KEPT = 16
"""Calls that are kept as they are, 90 bytes each, below each open span."""

_EACH = 3
"""Entries of each: its name, its start and its end."""

_NO_FIGURES = (0,) * 9
"""Tokens and costs: those of the calls that a tool made are added from these."""

Used = list[int]
"""Number of calls, number of those that failed, nanoseconds that all took: of one tool.

A list grows in place: a row for each call that ends would be thrown away with the next.
"""


class ToolDetails:
    """What the tools did that ended."""

    __slots__ = ("_kept", "_sums")

    def __init__(self) -> None:
        self._kept: list[Any] = []
        """Name, start and end of each call that is not added up, in turn."""
        self._sums: ToolSums | None = None
        """What the other calls came to."""

    def add(self, span: SpanData, reading: Reading) -> None:
        """Add a call of a tool."""
        start_ns, end_ns, kept = span.start_ns, span.end_ns, self._kept
        if reading.error is None and 0 <= start_ns < end_ns <= MAX_WHOLE:
            kept += (row_name(name) if (name := reading.tool_name) else NONE, start_ns, end_ns)
            if len(kept) > MAX_KEPT * _EACH:
                self.sums()
        else:
            self.sums().add_one(span, reading)

    def sums(self) -> ToolSums:
        """Return what all calls came to: not to be changed by others."""
        sums = self._sums
        if sums is None:
            sums = self._sums = ToolSums()
        if self._kept:
            bounds_ns, self._kept = self._kept, []
            names = bounds_ns[::_EACH]
            del bounds_ns[::_EACH]
            sums.add(names, bounds_ns)
        return sums

    def copied(self) -> ToolDetails:
        """Return the same calls, to be added to."""
        twin = ToolDetails()
        twin.merge(self)
        return twin

    def merge(self, other: ToolDetails) -> None:
        """Add the calls of another."""
        if other._sums is not None:
            self.sums().merge(other._sums)
        self._kept += other._kept
        if len(self._kept) > MAX_KEPT * _EACH:
            self.sums()


class ToolSums:
    """What calls of tools came to."""

    __slots__ = ("by_tool", "times")

    def __init__(self) -> None:
        self.by_tool: dict[str, Used] = {}
        self.times: RunTimes | None = None
        """When tools ran; ``None``: none did."""

    def add(self, names: list[str], bounds_ns: list[int]) -> None:
        """Add calls that did not fail; ``bounds_ns``: start and end of each, which are kept."""
        if names.count(names[0]) == len(names):  # as often
            used = self._of(names[0])
            used[0] += len(names)
            used[2] += sum(bounds_ns[1::2]) - sum(bounds_ns[::2])
        else:
            for name, start_ns, end_ns in zip(names, bounds_ns[::2], bounds_ns[1::2], strict=True):
                used = self._of(name)
                used[0] += 1
                used[2] += end_ns - start_ns
        self._add_times(RunTimes(bounds_ns))

    def add_one(self, span: SpanData, reading: Reading) -> None:
        """Add any call of a tool; one that takes no time, or has no possible time, takes none."""
        start_ns, end_ns = span.start_ns, span.end_ns
        used = self._of(row_name(reading.tool_name) if reading.tool_name else NONE)
        used[0] += 1
        used[1] += reading.error is not None
        used[2] += max(0, end_ns - start_ns)
        if 0 <= start_ns < end_ns <= MAX_WHOLE:
            self._add_times(RunTimes([start_ns, end_ns]))

    def _add_times(self, times: RunTimes) -> None:
        if self.times is None:
            self.times = times
        else:
            self.times.merge(times)

    def _of(self, name: str) -> Used:
        """Return what is to be added to for a tool."""
        return self.by_tool.get(name) or self._first(name[:MAX_NAME_CHARS])

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

    def as_values(self) -> tuple[Breakdown, Coverage]:
        """Return the rows, and when tools ran."""
        total, used = None, self.by_tool.values()
        if len(used) > 1:  # as a row is added up in three figures, not in twelve
            calls, failed, lasted_ns = map(sum, zip(*used, strict=True))
            total = BreakdownRow(calls, failed, *_NO_FIGURES, lasted_ns)
        coverage = self.times.coverage if self.times is not None else NO_TIME
        return breakdown_of(self.rows(), total), coverage

    def copied(self) -> ToolSums:
        """Return the same sums, to be added to."""
        twin = ToolSums()
        twin.by_tool = {name: used[:] for name, used in self.by_tool.items()}
        twin.times = self.times and self.times.copied()
        return twin

    def merge(self, other: ToolSums) -> None:
        """Add the sums of another."""
        for name, (calls, failed, lasted_ns) in other.by_tool.items():
            used = self._of(name)
            used[0] += calls
            used[1] += failed
            used[2] += lasted_ns
        if other.times is not None:
            self._add_times(other.times.copied() if self.times is None else other.times)
