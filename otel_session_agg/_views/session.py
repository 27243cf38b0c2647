"""One session: its totals, how it compares with others, where its time went, and its turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from otel_session_agg._history.columns import hex_id, quoted
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.session_context import Context, context_of

__all__ = ["SessionView", "TimePart", "Turn", "session_view"]

MAX_TURNS = 1000
"""Turns that are shown: the first ones."""


class TimePart(NamedTuple):
    """A part of the duration of a session; the parts add up to it."""

    name: str
    ms: float


class Turn(NamedTuple):
    """One trace, as far as it belongs to the session."""

    number: int
    """From 1."""
    trace_id: str
    name: str | None
    start: datetime
    duration_ms: float
    waited_ms: float | None
    """From the end of what ran before it to its start; ``None``: nothing did, or it overlaps."""
    spans: int
    calls: int
    merged: int
    """Reports that do not count."""
    tokens: int | None
    cost: Decimal | None
    """Known cost of the session's calls in it, USD; ``None``: unknown."""
    unpriced: int
    failed: int
    """Failed spans of the trace."""
    partial: str | None


class SessionView(NamedTuple):
    """What is known of a session; costs in USD, durations in milliseconds, ``None``: unknown."""

    session: str
    state: str
    end_reason: str | None
    revision: int
    user: str | None
    start: datetime | None
    end: datetime | None
    cost: Decimal | None
    cost_source: str | None
    unpriced: int
    """Calls whose cost is unknown."""
    tokens: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    traces: int
    open_roots: int
    events: int
    model_events: int
    tool_events: int
    errors: int
    error: str | None
    """The last one."""
    feedback: bool
    models: Sequence[str]
    duration: float | None
    model_duration: float | None
    tool_duration: float | None
    idle_duration: float | None
    dimensions: Mapping[str, Any]
    metadata: Mapping[str, Any]
    merged: int
    """Reports of calls that do not count, as others report the same."""
    split: Sequence[TimePart]
    context: Context | None
    """``None``: there are too few sessions like it."""
    turns: Sequence[Turn]


_COLUMNS = (
    "session", "state", "end_reason", "revision", "user", "start_time", "end_time", "cost",
    "cost_source", "unpriced", "tokens", "prompt_tokens", "completion_tokens",
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "traces", "open_roots", "events",
    "model_events", "tool_events", "errors", "error", "feedback", "models", "duration",
    "model_duration", "tool_duration", "idle_duration", "dimensions", "metadata",
)  # fmt: skip
_SESSION = f"SELECT {', '.join(map(quoted, _COLUMNS))} FROM sessions WHERE session = ?"
_TRACES = """
SELECT trace_id, name, start_time, duration, end_time, spans, errors, partial
FROM traces WHERE trace_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY start_time, trace_id
"""
_SUMS = """
SELECT trace_id, count(*) FILTER (counts), count(*) FILTER (NOT counts),
       (sum(tokens) FILTER (counts))::BIGINT,
       CASE WHEN count(cost) > 0 OR NOT bool_or(unpriced) THEN coalesce(sum(cost), 0) END,
       count(*) FILTER (unpriced)
FROM calls WHERE session = ? AND start_time BETWEEN ? AND ? GROUP BY trace_id
"""
"""The times are there for DuckDB, which skips what began at others without reading it."""


def session_view(
    history: Reads, session_id: str, context: Context | None = None
) -> SessionView | None:
    """Return what is known of a session; ``None``: there is no such session.

    ``context``: how it compares with others; ``None``: with those of its service, around its time.
    """
    rows = history.rows(_SESSION, [session_id])
    if not rows:
        return None
    row: dict[str, Any] = dict(zip(_COLUMNS, rows[0], strict=True))
    row["start"], row["end"] = utc(row.pop("start_time")), utc(row.pop("end_time"))
    for name in ("dimensions", "metadata"):
        row[name] = json_dict(row[name])
    row["models"] = tuple(row["models"] or ())
    for of in ("model", "tool"):
        if not row[f"{of}_events"]:  # it is not unknown how long nothing took
            row[f"{of}_duration"] = row[f"{of}_duration"] or 0.0
    turns, merged = _turns(history, session_id)
    return SessionView(
        **row,
        merged=merged,
        split=time_split(
            row["duration"], row["model_duration"], row["tool_duration"], row["idle_duration"]
        ),
        context=context or context_of(history, row, None),
        turns=turns,
    )


def _turns(history: Reads, session_id: str) -> tuple[list[Turn], int]:
    """Return the traces of a session, and how many reports in them do not count."""
    ids = [hex_id(trace_id, 32) for trace_id in history.traces_of(session_id)]
    traces = history.rows(_TRACES, [ids])
    if not traces:
        return [], 0
    low = min(start for _, _, start, *_ in traces) - timedelta(seconds=1)
    high = max(end for _, _, _, _, end, *_ in traces) + timedelta(seconds=1)
    sums = {row[0]: row[1:] for row in history.rows(_SUMS, [session_id, low, high])}
    turns: list[Turn] = []
    busy_until: datetime | None = None
    for number, row in enumerate(traces, 1):
        trace_id, name, start, duration, end, spans, failed, partial = row
        calls, merged, tokens, cost, unpriced = sums.get(trace_id, (0, 0, None, Decimal(0), 0))
        waited = None if busy_until is None else (start - busy_until).total_seconds() * 1000
        if number <= MAX_TURNS:
            turns.append(
                Turn(
                    number, trace_id, name, start.replace(tzinfo=timezone.utc), duration,
                    waited if waited is not None and waited > 0 else None,
                    spans, calls, merged, tokens, cost, unpriced, failed, partial,
                )
            )  # fmt: skip
        busy_until = end if busy_until is None else max(busy_until, end)
    return turns, sum(row[1] for row in sums.values())


def time_split(
    duration: float | None, model: float | None, tool: float | None, idle: float | None
) -> list[TimePart]:
    """Return where a duration went, in parts that add up to it; all in milliseconds.

    Empty: one of them is not known.

    Where a model and a tool ran at once, the time is the model's: it is not known when exactly, so
    the tool's part is what is left of the time in which something ran.
    """
    if duration is None or model is None or tool is None or idle is None:
        return []
    idle = min(max(idle, 0.0), duration)
    model = min(model, duration - idle)
    tool = min(tool, duration - idle - model)
    overhead = duration - idle - model - tool
    return [
        TimePart("model", model),
        TimePart("tool", tool),
        TimePart("agent overhead", overhead),
        TimePart("waiting for the user", idle),
    ]


def utc(time: datetime | None) -> datetime | None:
    """Return a time of the tables with its zone."""
    return None if time is None else time.replace(tzinfo=timezone.utc)


def json_dict(text: str | None) -> dict[str, Any]:
    """Return an object in JSON; an empty one for what is none."""
    if text is None:
        return {}
    try:
        value = loaded(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
