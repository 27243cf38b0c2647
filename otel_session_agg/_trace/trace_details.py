"""The details of a trace's totals, from what was collected of its tools and its calls."""

from __future__ import annotations

from otel_session_agg._model.breakdown import NO_ROWS
from otel_session_agg._model.coverage import NO_TIME, Coverage
from otel_session_agg._model.details import Details
from otel_session_agg._trace.call_details import CallDetails
from otel_session_agg._trace.tool_details import ToolDetails


def busy_between(start_ns: int | None, end_ns: int | None) -> Coverage:
    """Return the time of a trace, which is busy from its first start to its last end."""
    if start_ns is not None and end_ns is not None and start_ns < end_ns:
        return Coverage((start_ns, end_ns))
    return NO_TIME


def details_of(busy: Coverage, tools: ToolDetails | None, calls: CallDetails | None) -> Details:
    """Return the details of totals; ``tools`` and ``calls``: ``None`` if there are none."""
    by_tool, tool_time = NO_ROWS, NO_TIME
    if tools is not None:
        by_tool, tool_time = tools.sums().as_values()
    if calls is None:
        return Details(NO_ROWS, NO_ROWS, by_tool, NO_TIME, tool_time, busy)
    by_model, by_agent, by_maker, latencies = calls.as_values()
    return Details(
        by_model,
        by_agent,
        by_tool + by_maker,
        calls.times.coverage if calls.times is not None else NO_TIME,
        tool_time,
        busy,
        latencies,
        calls.first_token,
        calls.first_answer_ns,
    )
