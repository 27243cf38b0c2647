"""What calls that count are made of: by model, by agent and by tool, and when they ran."""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._model.breakdown import (
    NO_ROWS,
    NONE,
    Breakdown,
    Figures,
    breakdown_of,
    summed,
)
from otel_session_agg._model.details import FirstToken
from otel_session_agg._model.latencies import NO_LATENCIES, Latencies, bucket_of
from otel_session_agg._model.span import Kind
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.caller import Caller, Name
from otel_session_agg._trace.rows_by_name import (
    MAX_NAMES,
    OpenRows,
    Rows,
    add_open,
    add_row,
    merge_rows,
)
from otel_session_agg._trace.run_times import RunTimes

# globals are read twenty times faster than an enum's members
_MODEL, _EMBEDDING = Kind.MODEL, Kind.EMBEDDING
Tokens = tuple[int, int, int, int, int, int]
"""Of the prompt, the completion, in total; read from and written to a cache; of reasoning."""
Values = tuple[Breakdown, Breakdown, Breakdown, Latencies]
"""Rows by model, by agent and by tool, and latencies."""


class CallDetails:
    """What calls that count are made of.

    Rows by agent are those of the calls that an agent made, rows by tool what those came to that a
    tool made.  Calls of one model and one caller are added up first, and then to their rows.
    """

    __slots__ = (
        "by_agent", "by_model", "by_open_agent", "by_open_tool", "by_tool", "first_answer_ns",
        "first_token", "fresh", "has_open", "latencies", "times", "values",
    )  # fmt: skip

    def __init__(self) -> None:
        self.fresh: dict[tuple[str, Caller], Figures] = {}
        """Calls that are not in the rows yet, by model and caller."""
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

    def add(self, call: Call, caller: Caller, tokens: Tokens, cost: tuple[int, int, int]) -> None:
        """Add a call; ``cost``: picodollars, and the numbers of priced and of unpriced events."""
        self.values = None
        start_ns, end_ns = call.span_start_ns, call.span_end_ns
        if call.reading.ends_early:
            start_ns, end_ns = call.start_ns, call.end_ns
        num_calls = call.model_events or int(call.kind is _EMBEDDING or call.reading.is_billed)
        duration_ns = end_ns - start_ns if num_calls and end_ns > start_ns else 0
        figures = (num_calls, num_calls if call.failed else 0, *tokens, *cost, duration_ns)
        models = call.response_models or call.request_models
        group = (models[0] if models else NONE, caller)
        known = self.fresh.get(group)
        self.fresh[group] = figures if known is None else summed(known, figures)
        if not self.has_open and (type(caller[0]) is int or type(caller[1]) is int):
            self.has_open = True
        if len(self.fresh) > MAX_NAMES:
            self._add_fresh()
        if num_calls and call.kind is _MODEL:
            self._add_time(call, start_ns, end_ns)

    def _add_fresh(self) -> None:
        """Add calls to their models, and to the agents and the tools that made them."""
        fresh, self.fresh = self.fresh, {}
        for (model, caller), figures in fresh.items():
            add_row(self.by_model, model, figures)
            agent, tool = caller
            if agent is not None:
                _add(self.by_agent, self.by_open_agent, agent, figures)
            if tool is not None:
                _add(self.by_tool, self.by_open_tool, tool, (0, 0, *figures[2:-1], 0))

    def as_values(self) -> Values:
        """Return what the calls came to by now."""
        if self.values is None:
            self._add_fresh()
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
        self._add_fresh()
        return (*self.by_open_agent, *self.by_open_tool)

    def _add_time(self, call: Call, start_ns: int, end_ns: int) -> None:
        """Add when a model call ran, and when it answered."""
        answered_ns = call.first_token_ns
        if answered_ns is not None:
            first = FirstToken(start_ns, call.span_id, max(0, answered_ns - start_ns))
            self.first_token = min(first, self.first_token or first)
        else:
            answered_ns = end_ns
        if not call.failed:
            self._answered(answered_ns)
        if self.times is None:
            self.times = RunTimes()
        self.times.add(start_ns, end_ns)
        bucket = bucket_of(end_ns - start_ns)
        self.latencies[bucket] = self.latencies.get(bucket, 0) + 1

    def _answered(self, time_ns: int) -> None:
        if self.first_answer_ns is None or time_ns < self.first_answer_ns:
            self.first_answer_ns = time_ns

    def merge(self, other: CallDetails) -> None:
        """Add the calls of another."""
        self.values = None
        self.has_open = self.has_open or other.has_open
        other._add_fresh()
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
        if other.first_answer_ns is not None:
            self._answered(other.first_answer_ns)

    def copied(self) -> CallDetails:
        """Return the details of the same calls, to be added to."""
        twin = CallDetails()
        twin.fresh, twin.has_open = self.fresh.copy(), self.has_open
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
        self._add_fresh()
        agents, self.by_open_agent = self.by_open_agent, {}
        for span_id, figures in agents.items():
            _add(self.by_agent, self.by_open_agent, found(span_id)[0], figures)
        tools, self.by_open_tool = self.by_open_tool, {}
        for span_id, figures in tools.items():
            _add(self.by_tool, self.by_open_tool, found(span_id)[1], figures)
        self.has_open = bool(self.by_open_agent or self.by_open_tool)


def _add(rows: Rows, by_open: OpenRows, name: Name, figures: Figures) -> None:
    """Add figures to those of a name, or of an open span; without either they are left out."""
    if isinstance(name, str):
        add_row(rows, name, figures)
    elif name is not None:
        add_open(by_open, name, figures)
