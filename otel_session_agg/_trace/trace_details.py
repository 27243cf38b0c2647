"""The details of a trace's totals, from what was collected of its tools and its calls."""

from __future__ import annotations

from otel_session_agg._model.breakdown import NO_ROWS
from otel_session_agg._model.coverage import NO_TIME, Coverage
from otel_session_agg._model.details import Details
from otel_session_agg._trace.call_details import CallDetails
from otel_session_agg._trace.tool_details import ToolDetails


def details_of(
    start_ns: int | None, end_ns: int | None, tools: ToolDetails | None, calls: CallDetails | None
) -> Details:
    """Return the details of totals; the time from ``start_ns`` to ``end_ns`` was busy.

    ``tools`` and ``calls``: ``None`` if there are none.
    """
    busy = NO_TIME
    if start_ns is not None and end_ns is not None and start_ns < end_ns:
        busy = Coverage((start_ns, end_ns))
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
