"""What calls that count are made of: by model, by agent and by tool, and when they ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from otel_session_agg._model.breakdown import (
    NO_ROWS,
    Breakdown,
    Figures,
    breakdown_of,
)
from otel_session_agg._model.details import FirstToken
from otel_session_agg._model.latencies import NO_LATENCIES, Latencies, bucket_of
from otel_session_agg._model.span import Kind
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.caller import Caller, Name
from otel_session_agg._trace.rows_by_name import (
    OpenRows,
    Rows,
    add_open,
    add_row,
    merge_rows,
)
from otel_session_agg._trace.run_times import RunTimes
from otel_session_agg._untrusted.values import MAX_WHOLE

# globals are read twenty times faster than an enum's members
_MODEL, _EMBEDDING = Kind.MODEL, Kind.EMBEDDING
CallFigures = tuple[int, int, int, int, int, int, int, int, int]
"""Tokens: of the prompt, of the completion, in total, read from and written to a cache, of
reasoning; picodollars, and the numbers of priced and of unpriced events."""
CallRow = tuple[str, Caller, list[Call], CallFigures]
"""Calls of one model, which one agent and one tool made, and what they come to."""
Values = tuple[Breakdown, Breakdown, Breakdown, Latencies]
"""Rows by model, by agent and by tool, and latencies."""


class CallDetails:
    """What calls that count are made of.

    Rows by agent are those of the calls that an agent made, rows by tool what those came to that a
    tool made.
    """

    __slots__ = (
        "by_agent", "by_model", "by_open_agent", "by_open_tool", "by_tool", "first_answer_ns",
        "first_token", "has_open", "latencies", "times", "values",
    )  # fmt: skip

    def __init__(self, rows: Sequence[CallRow] = ()) -> None:
        self.by_model: Rows = {}
        """All calls."""
        self.by_agent: Rows = {}
        self.by_tool: Rows = {}
        self.by_open_agent: OpenRows = {}
        """Of calls below open spans, that may turn out to be agents."""
        self.by_open_tool: OpenRows = {}
        self.has_open = False
        """Whether there may be calls below open spans."""
        self.times: RunTimes | None = None
        """When model calls ran; ``None``: none did."""
        self.latencies: dict[int, int] = {}
        """Number of model calls by the bucket of their duration."""
        self.first_token: FirstToken | None = None
        self.first_answer_ns: int | None = None
        self.values: Values | None = None
        """What was returned last; ``None``: it may have changed."""
        if rows:
            self.add(rows)

    def add(self, rows: Iterable[CallRow]) -> None:
        """Add calls."""
        self.values = None
        ran_ns: list[int] = []
        for row in rows:
            ran_ns += self._add_alike(row)
        if ran_ns:  # at once: calls of several rows may have run at the same time
            its = RunTimes(ran_ns)
            if self.times is None:
                self.times = its
            else:
                self.times.merge(its)

    def _add_alike(self, row: CallRow) -> list[int]:
        """Add calls of one row, without their times; return these, starts and ends in turn."""
        model, caller, calls, tokens_and_costs = row
        ran_ns: list[int] = []
        number = failed = lasted_ns = 0
        for call in calls:
            num_calls = call.model_events or _is_other_call(call)
            if not num_calls:
                continue
            start_ns, end_ns = call.span_start_ns, call.span_end_ns
            if call.reading.ends_early:
                start_ns, end_ns = call.start_ns, call.end_ns
            number += num_calls
            failed += num_calls if call.failed else 0
            lasted_ns += end_ns - start_ns if end_ns > start_ns else 0
            if call.kind is _MODEL:
                self._add_answer(call, start_ns, end_ns)
                if 0 <= start_ns < end_ns <= MAX_WHOLE:
                    ran_ns.append(start_ns)
                    ran_ns.append(end_ns)
        figures = (number, failed, *tokens_and_costs, lasted_ns)
        add_row(self.by_model, model, figures)
        agent, tool = caller
        if agent is not None:
            _add(self.by_agent, self.by_open_agent, agent, figures)
        if tool is not None:
            _add(self.by_tool, self.by_open_tool, tool, (0, 0, *tokens_and_costs, 0))
        if type(agent) is int or type(tool) is int:
            self.has_open = True
        return ran_ns

    def _add_answer(self, call: Call, start_ns: int, end_ns: int) -> None:
        """Add how long a model call took, and when it answered."""
        answered_ns = call.first_token_ns
        if answered_ns is not None:
            first = FirstToken(start_ns, call.span_id, max(0, answered_ns - start_ns))
            self.first_token = min(first, self.first_token or first)
        else:
            answered_ns = end_ns
        first_ns = self.first_answer_ns
        if not call.failed and (first_ns is None or answered_ns < first_ns):
            self.first_answer_ns = answered_ns
        bucket = bucket_of(end_ns - start_ns)
        self.latencies[bucket] = self.latencies.get(bucket, 0) + 1

    def as_values(self) -> Values:
        """Return what the calls came to by now."""
        if self.values is None:
            self.values = (
                breakdown_of(self.by_model),
                breakdown_of(self.by_agent) if self.by_agent else NO_ROWS,
                breakdown_of(self.by_tool) if self.by_tool else NO_ROWS,
                Latencies(tuple(sorted(self.latencies.items())))
                if self.latencies
                else NO_LATENCIES,
            )
        return self.values

    def open_callers(self) -> tuple[int, ...]:
        """Return the open spans that may turn out to be the agents and tools that made calls."""
        return (*self.by_open_agent, *self.by_open_tool)

    def merge(self, other: CallDetails) -> None:
        """Add the calls of another."""
        self.values = None
        self.has_open = self.has_open or other.has_open
        merge_rows(self.by_model, other.by_model)
        merge_rows(self.by_agent, other.by_agent)
        merge_rows(self.by_tool, other.by_tool)
        for span_id, figures in other.by_open_agent.items():
            add_open(self.by_open_agent, span_id, figures)
        for span_id, figures in other.by_open_tool.items():
            add_open(self.by_open_tool, span_id, figures)
        if other.times is not None:
            self.times = self.times or RunTimes()
            self.times.merge(other.times)
        for bucket, count in other.latencies.items():
            self.latencies[bucket] = self.latencies.get(bucket, 0) + count
        if other.first_token is not None:
            self.first_token = min(other.first_token, self.first_token or other.first_token)
        first_ns = self.first_answer_ns
        if other.first_answer_ns is not None and (
            first_ns is None or other.first_answer_ns < first_ns
        ):
            self.first_answer_ns = other.first_answer_ns

    def copied(self) -> CallDetails:
        """Return the details of the same calls, to be added to."""
        twin = CallDetails()
        twin.has_open = self.has_open
        twin.by_model, twin.by_agent, twin.by_tool = (
            self.by_model.copy(),
            self.by_agent.copy(),
            self.by_tool.copy(),
        )
        twin.by_open_agent, twin.by_open_tool = self.by_open_agent.copy(), self.by_open_tool.copy()
        twin.times = self.times and self.times.copied()
        twin.latencies = self.latencies.copy()
        twin.first_token, twin.first_answer_ns = self.first_token, self.first_answer_ns
        return twin

    def name_open(self, found: Callable[[int], Caller]) -> None:
        """Give what open spans made to their agents and tools, as far as these are known now."""
        self.values = None
        agents, self.by_open_agent = self.by_open_agent, {}
        for span_id, figures in agents.items():
            _add(self.by_agent, self.by_open_agent, found(span_id)[0], figures)
        tools, self.by_open_tool = self.by_open_tool, {}
        for span_id, figures in tools.items():
            _add(self.by_tool, self.by_open_tool, found(span_id)[1], figures)
        self.has_open = bool(self.by_open_agent or self.by_open_tool)


def _is_other_call(call: Call) -> int:
    """Return 1 for a call that is no model event."""
    return int(call.kind is _EMBEDDING or call.reading.is_billed)


def _add(rows: Rows, by_open: OpenRows, name: Name, figures: Figures) -> None:
    """Add figures to those of a name, or of an open span; without either they are left out."""
    if isinstance(name, str):
        add_row(rows, name, figures)
    elif name is not None:
        add_open(by_open, name, figures)
