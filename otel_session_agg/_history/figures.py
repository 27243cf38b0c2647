"""The figures of groups: sums over sessions, traces or calls, exact to the picodollar."""

from __future__ import annotations

from collections.abc import Mapping

_SUM, _COUNT = "sum({0})", "coalesce(sum({0}), 0)::HUGEINT"
_COUNTED = "sum({0}) FILTER (counts)"
_AVERAGE = "sum({0})::DOUBLE / nullif(count({0}), 0)"


def _sums(of: str, names: Mapping[str, str]) -> dict[str, str]:
    return {name: of.format(column) for name, column in names.items()}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_TOKENS = ("tokens", "prompt_tokens", "completion_tokens")
AVERAGE = "average_cost"
"""The figure that is worked out of a sum and a number of rows, and rounded once."""

OF_SESSIONS: Mapping[str, str] = {
    "sessions": "count(*)",
    **_sums(_COUNT, _same("turns", "traces", "events", "model_events")),
    **_sums(_SUM, _same(*_TOKENS)),
    **_sums(_COUNT, _same("cache_read_tokens")),
    "cost": "sum(cost)",
    **_sums(_COUNT, _same("unpriced", "errors")),
    AVERAGE: _AVERAGE.format("cost"),
}
OF_TRACES: Mapping[str, str] = {
    "traces": "count(*)",
    **_sums(_COUNT, _same("spans", "events", "model_events", "tool_events")),
    **_sums(_SUM, _same(*_TOKENS)),
    **_sums(_COUNT, _same("cache_read_tokens")),
    "cost": "sum(cost)",
    **_sums(_COUNT, _same("unpriced", "errors")),
    AVERAGE: _AVERAGE.format("cost"),
}
OF_CALLS: Mapping[str, str] = {
    "calls": "count(*) FILTER (counts)",
    **_sums(_COUNTED, _same(*_TOKENS, "cache_read_tokens")),
    "cost": "sum(cost)",
    "unpriced": "count(*) FILTER (unpriced)",
    "errors": "count(*) FILTER (counts AND failed)",
    AVERAGE: _AVERAGE.format("cost"),
}
OF_SPANS: Mapping[str, str] = {
    "spans": "count(*)",
    "duration": "sum(duration)",
    "errors": "count(*) FILTER (failed)",
}
OF_PARTS: Mapping[str, str] = {
    "sessions": "count(*)",
    **_sums(
        _COUNT,
        {
            "calls": "part_calls",
            **{name: f"part_{name}" for name in (*_TOKENS, "cache_read_tokens")},
        },
    ),
    "cost": (
        "CASE WHEN sum(part_unpriced) <> 0 AND sum(part_priced) = 0 THEN NULL"
        " ELSE coalesce(sum(part_cost), 0) END"
    ),
    **_sums(_COUNT, {"unpriced": "part_unpriced", "errors": "part_errors"}),
    AVERAGE: "coalesce(sum(part_cost), 0)::DOUBLE / nullif(count(part_known), 0)",
}
"""By name, in the order in which they are shown, the expressions.

``average_cost`` is for each row of whose cost something is known.  Parts are rows of `split`.
"""

AVERAGED: Mapping[bool, tuple[str, str]] = {
    False: ("sum(cost)", "count(cost)"),
    True: ("coalesce(sum(part_cost), 0)", "count(part_known)"),
}
"""What an average is worked out of; ``True``: of parts, of which sessions may have none."""

_PART_COLUMNS = (
    "calls", *_TOKENS, "cache_read_tokens", "cost", "priced", "unpriced", "errors",
)  # fmt: skip


def split(source: str, kind: str) -> str:
    """Return the query for sessions, a row for each model, agent or tool of each."""
    columns = ", ".join(f"breakdown.{name} AS part_{name}" for name in _PART_COLUMNS)
    rows = (
        f"SELECT found.*, breakdown.name AS part_name, {columns}"
        f" FROM {source} AS found JOIN breakdown USING (session) WHERE kind = '{kind}'"
    )
    return _with_known(rows)


def whole(source: str, kind: str) -> str:
    """Return the query for sessions, each with the sum over all its models, agents or tools."""
    sums = ", ".join(f"coalesce(sum({name}), 0) AS part_{name}" for name in _PART_COLUMNS)
    rows = (
        f"SELECT found.*, parts.* EXCLUDE (session) FROM {source} AS found LEFT JOIN"
        f" (SELECT session, {sums} FROM breakdown WHERE kind = '{kind}' GROUP BY session) AS parts"
        " USING (session)"
    )
    return _with_known(rows)


def _with_known(rows: str) -> str:
    """Add a column that is not NULL where something of the cost is known."""
    known = "coalesce(part_priced, 0) <> 0 OR coalesce(part_unpriced, 0) = 0"
    return f"SELECT *, CASE WHEN {known} THEN 1 END AS part_known FROM ({rows})"
