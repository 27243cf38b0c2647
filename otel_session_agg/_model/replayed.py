"""What stored traces come to: for each trace, for each session, for each call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_session_agg._model.dimensions import DimensionValue
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import Usage


class SessionPart(NamedTuple):
    """What one trace adds to one session; a session is what its parts add up to."""

    trace_id: int
    session_id: str
    """A trace without a session id is a session of its own, by its trace id in hexadecimal."""
    totals: SessionTotals


class ReplayedTrace(NamedTuple):
    """One trace, over all of its processes and sessions."""

    trace_id: int
    session_id: str
    """Of the root; as in `SessionPart`."""
    root_id: int | None
    """The span that begins the trace; ``None``: it is not among the spans."""
    name: str
    """Of that span, else of the first one."""
    start_ns: int
    end_ns: int
    """Of all of its spans: nanoseconds since the Unix epoch."""
    num_spans: int
    rollup: Rollup
    partial: str | None
    """Why something is missing; ``None``: nothing is."""
    user_id: str | None
    dimensions: Mapping[str, DimensionValue]


class ReplayedCall(NamedTuple):
    """What one span reports about a call, and whether it counts."""

    trace_id: int
    span_id: int
    session_id: str
    """As in `SessionPart`."""
    name: str
    """Of the span."""
    start_ns: int
    end_ns: int
    model: str | None
    provider: str | None
    agent: str | None
    tool: str | None
    usage: Usage
    cost_pusd: int | None
    """Picodollars; ``None``: unknown, or it does not count."""
    is_unpriced: bool
    """Whether it counts and cost something, but it is not known how much."""
    is_recorded: bool
    """Whether the cost is the recorded one."""
    failed: bool
    counts: bool
    lost_to: int | None
    """The span that counts instead."""
    rule: str | None
    """By which rule; see ``_trace/rules.py``."""
