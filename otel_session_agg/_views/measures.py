"""What charts can show: the scopes, their metrics, the aggregations, and the keys of groups.

A metric is an expression over one row that is NULL where it is not known, so that an unknown cost
is never taken for 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.columns import literal, quoted
from otel_session_agg._history.labels import OBJECTS
from otel_session_agg._untrusted.formatting import short

__all__ = ["AGGREGATIONS", "PARTS", "SCOPES", "Aggregation", "Metric", "Scope", "key_of"]

USD, TOKENS, MS, COUNT, SHARE = "USD", "tokens", "ms", "", "%"
"""Units of metrics."""

PARTS = ("model", "agent", "tool")
"""Keys that split a session into parts."""


class Metric(NamedTuple):
    """A figure that each row of a scope has."""

    title: str
    sql: str
    unit: str
    is_partial: str = "false"
    """Whether a known figure of a row is not all of it, as an expression."""


class Scope(NamedTuple):
    """What the rows of a chart are."""

    title: str
    one: str
    """One of them, in words."""
    by: str
    """A source that can be selected: see `otel_session_agg._history.sources`."""
    table: str
    """It without what only conditions and keys need."""
    metrics: Mapping[str, Metric]
    rows: str = "true"
    """Which of its rows there are."""
    columns: tuple[str, ...] = ()
    """Columns that are keys of groups."""
    has_dimensions: bool = True
    """Whether its rows have dimensions, and so a user."""
    is_large: bool = False
    """Whether quantiles are those of a sample where there are many rows."""


def _cost(sql: str = "cost") -> Metric:
    return Metric("cost", sql, USD, "unpriced > 0")


def _time(of: str) -> Metric:
    """Return the time in models or tools: it is 0, not unknown, where none was called."""
    known = f"CASE WHEN {of}_events = 0 THEN coalesce({of}_duration, 0) ELSE {of}_duration END"
    return Metric(f"time in {of}s", known, MS)


_CALL_COST = "CASE WHEN unpriced THEN NULL ELSE coalesce(cost, 0) END"
_CACHED = "100.0 * cache_read_tokens / nullif(prompt_tokens, 0)"
_TOKENS: Mapping[str, Metric] = {
    "tokens": Metric("tokens", "tokens", TOKENS),
    "prompt_tokens": Metric("prompt tokens", "prompt_tokens", TOKENS),
    "completion_tokens": Metric("completion tokens", "completion_tokens", TOKENS),
    "cache_read_tokens": Metric("tokens read from a cache", "cache_read_tokens", TOKENS),
    "cache_share": Metric("share of cached prompt tokens", _CACHED, SHARE),
}
_OF_BOTH: Mapping[str, Metric] = {
    "cost": _cost(),
    **_TOKENS,
    "duration": Metric("duration", "duration", MS),
    "model_duration": _time("model"),
    "tool_duration": _time("tool"),
    "model_events": Metric("model calls", "model_events", COUNT),
    "tool_events": Metric("tool calls", "tool_events", COUNT),
    "errors": Metric("errors", "errors", COUNT),
    "failed": Metric("failure rate", "100.0 * (errors > 0)::INTEGER", SHARE),
    "feedback": Metric("share with feedback", "100.0 * feedback::INTEGER", SHARE),
    "unpriced": Metric("calls of unknown cost", "unpriced", COUNT),
}
SCOPES: Mapping[str, Scope] = MappingProxyType(
    {
        "sessions": Scope(
            "sessions",
            "a session",
            "session",
            "main.sessions",
            {
                **_OF_BOTH,
                "idle_duration": Metric("waiting for the user", "idle_duration", MS),
                "traces": Metric("traces", "traces", COUNT),
                "turns": Metric("turns", "turns", COUNT),
            },
            columns=("user", "state", "end_reason", "error"),
        ),
        "traces": Scope(
            "traces",
            "a trace",
            "trace",
            "main.traces",
            {**_OF_BOTH, "spans": Metric("spans", "spans", COUNT)},
            columns=("user", "name", "error", "partial"),
        ),
        "calls": Scope(
            "model calls",
            "a model call",
            "call",
            "main.calls",
            {
                "cost": Metric("cost", _CALL_COST, USD),
                **_TOKENS,
                "duration": Metric("duration", "duration", MS),
                "failed": Metric("failure rate", "100.0 * failed::INTEGER", SHARE),
                "unpriced": Metric("calls of unknown cost", "unpriced::INTEGER", COUNT),
            },
            rows="counts",
            columns=("model", "provider", "agent", "tool", "name", "user"),
            is_large=True,
        ),
        "events": Scope(
            "all events",
            "an event",
            "span",
            "main.spans",
            {
                "duration": Metric("duration", "duration", MS),
                "failed": Metric("failure rate", "100.0 * failed::INTEGER", SHARE),
            },
            columns=("kind", "name", "scope", "span_kind"),
            has_dimensions=False,
            is_large=True,
        ),
    }
)
"""By name."""

OF_PARTS: Mapping[str, Metric] = {
    "cost": Metric(
        "cost",
        "CASE WHEN unpriced > 0 AND priced = 0 THEN NULL ELSE coalesce(cost, 0) END",
        USD,
        "unpriced > 0",
    ),
    **_TOKENS,
    "duration": Metric("duration", "duration", MS),
    "model_events": Metric("calls", "calls", COUNT),
    "errors": Metric("errors", "errors", COUNT),
    "unpriced": Metric("calls of unknown cost", "unpriced", COUNT),
}
"""Of a model, agent or tool in a session."""


class Aggregation(NamedTuple):
    """How the figures of many rows become one."""

    title: str
    figure: str
    """What it makes of a figure, at the beginning of a title."""
    sql: str
    """Over ``value``."""
    folded: str | None = None
    """Over the ``folds`` of groups of rows; ``None``: it needs all rows."""
    is_additive: bool = False
    """Whether those of parts add up to that of the whole, and nothing is 0."""


def _quantile(name: str, share: float) -> Aggregation:
    return Aggregation(
        name, {"median": "Median"}.get(name, name), f"quantile_cont(value::DOUBLE, {share})"
    )


FOLDS = "sum(value) AS s, count(value) AS c, min(value) AS low, max(value) AS high"
"""What is kept of the rows of a group for aggregations that can be put together."""
REFOLDS = "sum(s) AS s, sum(c) AS c, min(low) AS low, max(high) AS high"
"""The same of groups that are put together."""
AGGREGATIONS: Mapping[str, Aggregation] = MappingProxyType(
    {
        "sum": Aggregation("sum", "Total", "sum(value)", "sum(s)", is_additive=True),
        "average": Aggregation(
            "average",
            "Average",
            "sum(value)::DOUBLE / count(value)",
            "sum(s)::DOUBLE / nullif(sum(c), 0)",
        ),
        "median": _quantile("median", 0.5),
        "min": Aggregation("minimum", "Smallest", "min(value)", "min(low)"),
        "max": Aggregation("maximum", "Largest", "max(value)", "max(high)"),
        "p90": _quantile("p90", 0.9),
        "p95": _quantile("p95", 0.95),
        "p99": _quantile("p99", 0.99),
        "count": Aggregation("number", "Number of", "count(*)", "sum(n)", is_additive=True),
    }
)
"""By name; of an even number of rows, quantiles are between two of them, as spreadsheets do."""


def key_of(scope: Scope, name: str) -> str:
    """Return the expression for a key of groups, as a text that is NULL where there is none.

    ``name``: a column of the scope, else the name of a dimension or of an entry of the metadata; of
    one in both, the dimension counts, as in selections.
    """
    if name in scope.columns:
        return f"{quoted(name)}::VARCHAR"
    if not scope.has_dimensions:
        message = f"{scope.title} cannot be grouped by {short(name, 60)}"
        raise SettingsError(message)
    is_metadata = name.startswith("metadata.")
    if is_metadata and scope.by != "session":
        message = f"only sessions can be grouped by {short(name, 60)}"
        raise SettingsError(message)
    key = name.removeprefix("metadata.")
    pointer = literal("/" + key.replace("~", "~0").replace("/", "~1"))
    columns = OBJECTS if scope.by == "session" else OBJECTS[:1]
    values = ", ".join(f"json_extract_string({column}, {pointer})" for column in columns)
    return f"coalesce({values}, NULL)"
