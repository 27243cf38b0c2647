"""Turn totals into attributes, in the names of the ``default`` profile."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from otel_session_agg import attributes as n
from otel_session_agg._model.dimensions import DimensionValue
from otel_session_agg._model.rollup import Rollup, duration_ms
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.turns import Turn
from otel_session_agg._untrusted.values import MAX_WHOLE, encodable
from otel_session_agg._writing.detail_attributes import detail_attributes

AttributeValue = str | bool | int | float | tuple[str, ...]

_NS_PER_MS = 1_000_000
_LEFT_OUT_WHEN_EMPTY = (n.COST, n.TOTAL_TOKENS, n.PROMPT_TOKENS, n.COMPLETION_TOKENS)
"""Names that are left out of the record of a session without events."""

_ONLY_WHEN_NOT_ZERO = (
    (n.CACHE_READ_TOKENS, "cache_read_tokens"),
    (n.CACHE_WRITE_TOKENS, "cache_write_tokens"),
    (n.REASONING_TOKENS, "reasoning_tokens"),
    (n.NUM_TOOL_EVENTS, "num_tool_events"),
    (n.NUM_ERRORS, "num_errors"),
    (n.NUM_UNPRICED_EVENTS, "num_unpriced_events"),
)
_WHEN_NOT_ZERO = tuple(name for name, _ in _ONLY_WHEN_NOT_ZERO)
_values_when_not_zero = attrgetter(*(field for _, field in _ONLY_WHEN_NOT_ZERO))


def attributes(
    rollup: Rollup,
    partial_reason: str | None = None,
    *,
    over: str = n.OF_TRACE,
    began_ns: int | None = None,
) -> dict[str, AttributeValue]:
    """Return the totals for a root.

    ``over`` is the value of ``ROLLUP``: what is totalled.  ``began_ns``: when a root began that is
    not in the totals yet.
    """
    nothing = 0 if rollup.num_winners == 0 else None
    start_ns, end_ns = rollup.start_ns, rollup.end_ns
    if began_ns is not None and (start_ns is None or began_ns < start_ns):
        start_ns = began_ns
    values: dict[str, AttributeValue | None] = {
        n.ROLLUP: over,
        n.NUM_EVENTS: rollup.num_events,
        n.NUM_MODEL_EVENTS: rollup.num_model_events,
        n.HAS_FEEDBACK: rollup.has_feedback,
        n.COST: rollup.cost_usd,
        n.COST_SOURCE: rollup.cost_source,
        n.TOTAL_TOKENS: nothing if rollup.total_tokens is None else rollup.total_tokens,
        n.PROMPT_TOKENS: nothing if rollup.prompt_tokens is None else rollup.prompt_tokens,
        n.COMPLETION_TOKENS: nothing
        if rollup.completion_tokens is None
        else rollup.completion_tokens,
        n.START_TIME: None if start_ns is None else start_ns // _NS_PER_MS,
        n.END_TIME: None if end_ns is None else end_ns // _NS_PER_MS,
        n.DURATION: duration_ms(start_ns, end_ns),
        n.OUTPUTS: rollup.output.value if rollup.output is not None else None,
        n.ERROR: rollup.error.value if rollup.error is not None else None,
        n.SESSION_ID: rollup.session.value if rollup.session is not None else None,
        n.MODELS: tuple(sorted(rollup.models)) if rollup.models else None,
    }
    counts = _values_when_not_zero(rollup)
    if any(counts):
        values.update(
            {name: number or None for name, number in zip(_WHEN_NOT_ZERO, counts, strict=True)}
        )
    if partial_reason:
        values[n.PARTIAL], values[n.PARTIAL_REASON] = True, partial_reason
    return {
        name: value
        for name, value in values.items()
        if value is not None and not (type(value) is int and value > MAX_WHOLE)
    }


def dimension_attributes(dimensions: Mapping[str, DimensionValue]) -> dict[str, DimensionValue]:
    """Return dimensions below ``metadata.``, and the user under its own name."""
    return {
        name if name == n.USER_ID else n.METADATA_PREFIX + name: value
        for name, value in dimensions.items()
    }


def _dearest(turn: Turn | None) -> dict[str, AttributeValue | None]:
    if turn is None:
        return {}
    return {
        n.DEAREST_TURN_COST: turn.cost_usd,
        n.DEAREST_TURN_TOKENS: turn.total_tokens,
        n.DEAREST_TURN_TRACE_ID: f"{turn.trace_id:032x}",
    }


def record_attributes(record: SessionRecord) -> dict[str, AttributeValue]:
    """Return the attributes of the span that is a session record."""
    more: dict[str, AttributeValue | None] = {
        n.METADATA_PREFIX + name: value for name, value in record.metadata.items()
    }
    more.update(dimension_attributes(record.dimensions))
    more.update(
        {
            n.SESSION_ID: record.session_id,
            n.USER_ID: record.user_id,
            n.NUM_TRACES: record.num_traces,
            n.NUM_TURNS: record.num_turns or None,
            n.FIRST_INPUT: record.first_input,
            n.AVERAGE_TURN_COST: record.average_turn_cost_usd,
            n.AVERAGE_TURN_TOKENS: record.average_turn_tokens,
            **_dearest(record.dearest_turn),
            n.NUM_UNSAMPLED_TRACES: record.num_unsampled_traces or None,
            n.AVERAGE_TRACE_LATENCY: record.average_trace_latency_ms,
            n.END_REASON: record.end_reason,
            n.REVISION: record.revision,
            n.BUDGET_EXCEEDED: True if record.is_budget_exceeded else None,
        }
    )
    values = {
        **attributes(record.rollup, record.partial_reason, over=n.OF_SESSION),
        **detail_attributes(record.rollup, is_record=True),
    }
    if record.rollup.is_empty:
        values = {name: value for name, value in values.items() if name not in _LEFT_OUT_WHEN_EMPTY}
    found = {**values, **{name: value for name, value in more.items() if value is not None}}
    return {
        name: encodable(value) if isinstance(value, str) else value
        for name, value in found.items()
        if not (type(value) is int and abs(value) > MAX_WHOLE)
    }
