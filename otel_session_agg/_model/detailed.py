"""The figures that are read from the details of totals."""

from __future__ import annotations

from operator import lt
from typing import Any

from otel_session_agg._model.breakdown import NO_ROWS, Breakdown, BreakdownRow
from otel_session_agg._model.by_dimension import ByDimension
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import Details

PERCENTILES = (50, 95, 99)
"""Percentiles of the durations of model calls that are written."""


class Detailed:
    """Totals that know what they are made of."""

    __slots__ = ()

    details: Details
    num_model_events: int
    num_unpriced_events: int
    num_computed: int
    num_recorded: int
    cost_pusd: int
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    start_ns: int | None
    end_ns: int | None

    @property
    def by_model(self) -> Breakdown:
        """Calls, tokens and cost of each model; the rows add up to the totals.

        The row ``none`` also has the model calls, tokens and cost of processes that break
        nothing down.
        """
        rows = self.details.by_model
        if rows is NO_ROWS:
            return rows
        figures = self._figures()
        if not rows:
            return rows
        known = rows.total
        if known[2:-1] == figures and known.num_calls >= self.num_model_events:
            return rows  # as nearly always
        whole = self._sums(known)
        if whole == known or any(map(lt, whole, known)):
            return rows
        return rows.with_rest_of(whole)

    @property
    def by_agent(self) -> Breakdown:
        """Calls, tokens and cost of each agent: of the calls to which it is the nearest above.

        The row ``none`` has the calls of no agent.
        """
        return self.details.by_agent.with_rest_of(self.by_model.total)

    @property
    def by_tool(self) -> Breakdown:
        """Calls of each tool, and tokens and cost of the model calls that it made.

        The row ``none`` has the tokens and the cost of what no tool made.
        """
        return self.details.by_tool.with_rest_of(self.by_model.total, calls=False)

    @property
    def by_dimension(self) -> ByDimension:
        """Calls, tokens and cost by the value of each dimension in ``breakdown_by``.

        Rows are by dimension and value: ``by_dimension["user.id"]["ada"]``.  The row ``none`` has
        what is of no value, or of a process without the setting.
        """
        found = self.details.by_dimension
        if not found:
            return found
        total = self.by_model.total
        return ByDimension({name: rows.with_rest_of(total) for name, rows in found.items()})

    @property
    def model_duration_ms(self) -> float | None:
        """Time in which at least one model call ran, milliseconds."""
        return self._covered_ms(self.details.model_time)

    @property
    def tool_duration_ms(self) -> float | None:
        """Time in which at least one tool ran, milliseconds."""
        return self._covered_ms(self.details.tool_time)

    @property
    def busy_duration_ms(self) -> float | None:
        """Time in which at least one trace ran, milliseconds."""
        return self._covered_ms(self.details.busy_time)

    @property
    def idle_duration_ms(self) -> float | None:
        """Time between traces, in which nothing ran, milliseconds: the user read, typed or left."""
        idle_ns = self._idle_ns
        return None if idle_ns is None else idle_ns / 1e6

    @property
    def longest_gap_ms(self) -> float | None:
        """The longest time between two traces, milliseconds."""
        idle_ns = self._idle_ns
        if idle_ns is None:
            return None
        return min(idle_ns, self.details.busy_time.longest_gap_ns) / 1e6

    @property
    def are_durations_exact(self) -> bool:
        """Whether the durations are exact; else what ran at once may have been counted twice.

        None is ever longer than ``duration_ms``.
        """
        return self.details.are_times_exact

    @property
    def time_to_first_token_ms(self) -> float | None:
        """Time to the first token of the first model call that states it, milliseconds."""
        first = self.details.first_token
        return None if first is None else first.wait_ns / 1e6

    @property
    def time_to_first_response_ms(self) -> float | None:
        """Time from the start until a model call first answered, milliseconds.

        It answers with its first token if it states that, else when it ends.
        """
        return (
            None
            if self.start_ns is None or self.details.first_answer_ns is None
            else (self.details.first_answer_ns - self.start_ns) / 1e6
        )

    def model_latency_ms(self, quantile: float) -> float | None:
        """Return a quantile (0 to 1) of the durations of model calls, milliseconds.

        It is right to 1 % of its value; ``None`` without model calls.
        """
        return self.details.latencies.quantile_ms(quantile)

    def _sums(self, known: BreakdownRow) -> BreakdownRow:
        """Return what all calls come to; of what totals do not have, what the rows have."""
        num_calls = max(known.num_calls, self.num_model_events)
        row = (num_calls, known.num_errors, *self._figures(), known.duration_ns)
        return BreakdownRow._make(row)

    def _figures(self) -> tuple[int, ...]:
        """Return tokens and costs as rows have them."""
        return (
            self.prompt_tokens or 0,
            self.completion_tokens or 0,
            self.total_tokens or 0,
            self.cache_read_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
            self.cost_pusd,
            self.num_computed + self.num_recorded,
            self.num_unpriced_events,
        )

    @property
    def _whole_ns(self) -> int | None:
        """Nanoseconds from the start to the end."""
        return None if self.start_ns is None or self.end_ns is None else self.end_ns - self.start_ns

    @property
    def _idle_ns(self) -> int | None:
        busy, whole_ns = self.details.busy_time, self._whole_ns
        return max(0, whole_ns - busy.covered_ns) if busy and whole_ns is not None else None

    def _covered_ms(self, time: Coverage) -> float | None:
        """Return the milliseconds in which something ran; ``None`` if nothing did."""
        if not time:
            return None
        covered_ns, whole_ns = time.covered_ns, self._whole_ns
        return (covered_ns if whole_ns is None else min(covered_ns, whole_ns)) / 1e6

    def details_to_dict(self) -> dict[str, Any]:
        """Return all of these figures as plain values for JSON."""
        return {
            **{name: getattr(self, name) for name in _TIMES},
            **{f"model_latency_p{at}_ms": self.model_latency_ms(at / 100) for at in PERCENTILES},
            "by_model": self.by_model.to_dict(),
            "by_agent": self.by_agent.to_dict(),
            "by_tool": self.by_tool.to_dict(),
            "by_dimension": self.by_dimension.to_dict(),
        }


_TIMES = (
    "model_duration_ms", "tool_duration_ms", "busy_duration_ms", "idle_duration_ms",
    "longest_gap_ms", "are_durations_exact", "time_to_first_token_ms", "time_to_first_response_ms",
)  # fmt: skip
