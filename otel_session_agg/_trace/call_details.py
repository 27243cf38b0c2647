"""What calls that count are made of: by model, by agent and by tool, and when they ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from otel_session_agg._model.breakdown import (
    NO_ROWS,
    Breakdown,
    Figures,
    breakdown_of,
)
from otel_session_agg._model.details import FirstToken
from otel_session_agg._model.latencies import NO_LATENCIES, Latencies, bucket_of
from otel_session_agg._model.row_names import row_name
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
Values = tuple[Breakdown, Breakdown, Breakdown, Latencies]
"""Rows by model, by agent and by tool, and latencies."""


class CallDetails:
    """What calls that count are made of.

    Rows by agent are those of the calls that an agent made, rows by tool what those came to that a
    tool made.
    """

    __slots__ = (
        "by_agent", "by_model", "by_open_agent", "by_open_tool", "by_tool", "first_answer_ns",
        "first_token", "has_agentless", "has_open", "latencies", "times", "values",
    )  # fmt: skip

    def __init__(self) -> None:
        self.by_model: Rows = {}
        """All calls."""
        self.by_agent: Rows = {}
        self.by_tool: Rows = {}
        self.by_open_agent: OpenRows = {}
        """Of calls below open spans, that may turn out to be agents."""
        self.by_open_tool: OpenRows = {}
        self.has_agentless = False
        """Whether there may be calls that no agent made."""
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

    def add(  # noqa: C901 -- one pass, in which a function for each call takes half of the time
        self, model: str, caller: Caller, calls: Iterable[Call], tokens_and_costs: CallFigures
    ) -> list[int]:
        """Add calls of one model, which one agent and one tool made, but not when they ran.

        Return that, starts and ends in turn: it is to be added to ``times``.
        """
        self.values = None
        ran_ns: list[int] = []
        latencies, first_ns = self.latencies, self.first_answer_ns
        number = failed = lasted_ns = 0
        for call in calls:
            num_calls = call.model_events or _is_other_call(call)
            if not num_calls:
                continue
            number += num_calls
            start_ns, end_ns = call.span_start_ns, call.span_end_ns
            if call.reading.ends_early:
                start_ns, end_ns = call.start_ns, call.end_ns
            if end_ns > start_ns:
                lasted_ns += end_ns - start_ns
            if call.kind is _MODEL:
                bucket = bucket_of(end_ns - start_ns)
                latencies[bucket] = latencies.get(bucket, 0) + 1
                if 0 <= start_ns < end_ns <= MAX_WHOLE:
                    ran_ns += (start_ns, end_ns)
                if call.first_token_ns is not None:
                    end_ns = self._add_first_token(call, start_ns, call.first_token_ns)
                if (first_ns is None or end_ns < first_ns) and not call.failed:
                    first_ns = end_ns
            if call.failed:
                failed += num_calls
        self.first_answer_ns = first_ns
        figures = (number, failed, *tokens_and_costs, lasted_ns)
        agent, tool = caller
        self._add_agent(agent, figures)
        if tool is not None:
            _add(self.by_tool, self.by_open_tool, tool, (0, 0, *tokens_and_costs, 0))
        if type(agent) is int or type(tool) is int:
            self.has_open = True
        add_row(self.by_model, model, figures)
        return ran_ns

    def _add_first_token(self, call: Call, start_ns: int, answered_ns: int) -> int:
        """Add when a model call had its first token, which is returned."""
        first = FirstToken(start_ns, call.span_id, max(0, answered_ns - start_ns))
        self.first_token = min(first, self.first_token or first)
        return answered_ns

    def _add_agent(self, agent: Name, figures: Figures) -> None:
        """Add figures to those of an agent, or of an open span."""
        if not _add(self.by_agent, self.by_open_agent, agent, figures):
            self.has_agentless = True

    def as_values(self) -> Values:
        """Return what the calls came to by now."""
        if self.values is None:
            by_model, by_agent = breakdown_of(self.by_model), NO_ROWS
            if self.by_agent:
                total = None if self.has_agentless or self.by_open_agent else by_model.total
                by_agent = breakdown_of(self.by_agent, total)
            self.values = (
                by_model,
                by_agent,
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
        self.has_agentless = self.has_agentless or other.has_agentless
        merge_rows(self.by_model, other.by_model)
        merge_rows(self.by_agent, other.by_agent)
        merge_rows(self.by_tool, other.by_tool)
        for span_id, figures in other.by_open_agent.items():
            self._add_agent(span_id, figures)
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
        twin.has_open, twin.has_agentless = self.has_open, self.has_agentless
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
            self._add_agent(found(span_id)[0], figures)
        tools, self.by_open_tool = self.by_open_tool, {}
        for span_id, figures in tools.items():
            _add(self.by_tool, self.by_open_tool, found(span_id)[1], figures)
        self.has_open = bool(self.by_open_agent or self.by_open_tool)


def _is_other_call(call: Call) -> int:
    """Return 1 for a call that is no model event."""
    return int(call.kind is _EMBEDDING or call.reading.is_billed)


def _add(rows: Rows, by_open: OpenRows, name: Name, figures: Figures) -> bool:
    """Add figures to those of a name, or of an open span; return whether there was room.

    Without a name they are left out.
    """
    if name is None:
        return False
    if isinstance(name, str):
        add_row(rows, row_name(name), figures)
        return True
    return add_open(by_open, name, figures)
