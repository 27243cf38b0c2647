"""What a total is made of: by model, by agent and by tool, and where the time went.

``Details`` are a part of a ``Rollup``, and merged in the same way: each field declares its rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import add
from typing import NamedTuple

from otel_session_agg._model.breakdown import NO_ROWS, ROWS, Breakdown
from otel_session_agg._model.by_dimension import DIMENSION_ROWS, NO_DIMENSIONS, ByDimension
from otel_session_agg._model.coverage import MOMENTS, NO_TIME, Coverage
from otel_session_agg._model.latencies import BUCKETS, NO_LATENCIES, Latencies
from otel_session_agg._model.merges import (
    FIRST,
    MIN,
    Rule,
    added_by,
    by_slots,
    merged,
    rules_of,
    values_of,
)


class FirstToken(NamedTuple):
    """When the first call that states it had its first token; sorts by the start of the call."""

    start_ns: int
    span_id: int
    wait_ns: int
    """Nanoseconds from the start of the call to its first token."""


@dataclass(frozen=True, slots=True)
class Details:
    """What the totals over a set of events are made of."""

    by_model: Breakdown = merged(ROWS, NO_ROWS)
    """All calls that count."""
    by_agent: Breakdown = merged(ROWS, NO_ROWS)
    """Those that an agent made: each belongs to the nearest agent above it."""
    by_tool: Breakdown = merged(ROWS, NO_ROWS)
    """Calls of tools, with the tokens and costs of the calls that these made."""
    model_time: Coverage = merged(MOMENTS, NO_TIME)
    """When model calls ran."""
    tool_time: Coverage = merged(MOMENTS, NO_TIME)
    """When tools ran."""
    busy_time: Coverage = merged(MOMENTS, NO_TIME)
    """When traces ran: each from its first start to its last end."""
    latencies: Latencies = merged(BUCKETS, NO_LATENCIES)
    """How long model calls took."""
    first_token: FirstToken | None = merged(FIRST)
    first_answer_ns: int | None = merged(MIN)
    """When the first model call answered, with its first token if it states that, else its end;
    nanoseconds since the Unix epoch."""
    by_dimension: ByDimension = merged(DIMENSION_ROWS, NO_DIMENSIONS)
    """By the values of dimensions that the settings name."""

    def __add__(self, other: Details) -> Details:
        if other is NO_DETAILS or self is NO_DETAILS:
            return self if other is NO_DETAILS else other
        return Details(*_added(self, other))

    def since(self, before: Details) -> Details:
        """Return what to add to details that contain ``before`` so that they contain these."""
        return Details(
            *[
                less(now, then)
                for less, now, then in zip(_LESS, values(self), values(before), strict=True)
            ]
        )

    @property
    def are_times_exact(self) -> bool:
        """Whether all times are exact, see `coverage`."""
        return self.model_time.is_exact and self.tool_time.is_exact and self.busy_time.is_exact


Details.__init__ = by_slots(Details)  # type: ignore[method-assign]
DETAIL_RULES = rules_of(Details)
_added = added_by(DETAIL_RULES)
_LESS = tuple(rule.less for rule in DETAIL_RULES.values())
values = values_of(Details)
NO_DETAILS = Details()
"""Details of nothing, made once."""


def _since(now: Details, before: Details) -> Details:
    return now.since(before)


DETAILS = Rule("details", add, _since)
"""Details are added, each in its way."""
