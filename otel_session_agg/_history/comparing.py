"""Compare the calls of two histories: a table with a row for each, and its reason.

Calls are the same when trace and span are.  The difference of a call is what it costs after less
what it costs before, as far as that is known, and has exactly one reason; so reasons add up to the
difference of the totals, to the picodollar.  A cost that is not known is never taken for 0: it has
no part in sums, and its calls are counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.columns import PERIODS, quoted
from otel_session_agg._history.database import Bounds, Connection, connect, described
from otel_session_agg._history.history import MEMORY_LIMIT, History
from otel_session_agg._history.interruptible import interruptible
from otel_session_agg._history.sources import Result
from otel_session_agg._history.temporary import TemporaryFolder

REASONS: Mapping[str, str] = {
    "price": "another price for the same tokens",
    "recorded": "recorded on one side, or other amounts recorded",
    "tokens": "other tokens",
    "priced_after": "the price is known only after",
    "priced_before": "the price is known only before",
    "only_after": "counts only after",
    "only_before": "counts only before",
}
"""Why a call costs something else, in words."""

KEYS: Mapping[str, Sequence[str]] = {
    **{
        name: (name,)
        for name in ("model", "session", "user", "agent", "tool", "provider", "reason")
    },
    **{column.name: (column.name,) for column in PERIODS},
    "call": ("trace_id", "span_id", "reason", "model", "session"),
    "total": (),
}
"""What differences are added up by, and the columns of that."""

_DIFFERENCE = "coalesce(cost_after, 0) - coalesce(cost_before, 0)"
FIGURES: Mapping[str, str] = {
    "calls": "count(*)",
    "cost_before": "sum(cost_before)",
    "cost_after": "sum(cost_after)",
    "difference": (
        f"CASE WHEN count(cost_before) + count(cost_after) > 0 THEN sum({_DIFFERENCE}) END"
    ),
    "percent": (
        f"round(100 * sum({_DIFFERENCE})::DOUBLE / nullif(sum(cost_before), 0)::DOUBLE, 4)"
    ),
    "calls_before": "count(*) FILTER (counts_before)",
    "calls_after": "count(*) FILTER (counts_after)",
    "unpriced_before": "count(*) FILTER (unpriced_before)",
    "unpriced_after": "count(*) FILTER (unpriced_after)",
    **{name: f"coalesce(sum({_DIFFERENCE}) FILTER (reason = '{name}'), 0)" for name in REASONS},
}
"""The figures of each row, and the expressions for them; the last are the parts of the difference,
by their reasons."""

_OF_CALL = ("session", '"user"', "model", "provider", "agent", "tool", "start_time")
_TOKENS = (
    "tokens", "prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens",
)  # fmt: skip
_CALLS = "SELECT * FROM {0}.calls WHERE counts"
_COMPARED = f"""
CREATE TABLE compared AS
SELECT
    trace_id, span_id,
    {", ".join(f"coalesce(a.{name}, b.{name}) AS {name}" for name in _OF_CALL)},
    b.cost AS cost_before, a.cost AS cost_after,
    b.counts IS NOT NULL AS counts_before, a.counts IS NOT NULL AS counts_after,
    coalesce(b.unpriced, false) AS unpriced_before, coalesce(a.unpriced, false) AS unpriced_after,
    CASE
        WHEN a.cost IS NOT DISTINCT FROM b.cost THEN NULL
        WHEN b.cost IS NULL AND unpriced_before THEN 'priced_after'
        WHEN b.cost IS NULL THEN 'only_after'
        WHEN a.cost IS NULL AND unpriced_after THEN 'priced_before'
        WHEN a.cost IS NULL THEN 'only_before'
        WHEN 'recorded' IN (a.cost_source, b.cost_source) THEN 'recorded'
        WHEN {" OR ".join(f"a.{name} IS DISTINCT FROM b.{name}" for name in _TOKENS)} THEN 'tokens'
        ELSE 'price'
    END AS reason
FROM ({_CALLS.format("before")}) AS b FULL JOIN ({_CALLS.format("after")}) AS a
    USING (trace_id, span_id)
"""
_DERIVED = ", ".join(f"{column.derived} AS {column.name}" for column in PERIODS)
_ROWS = f"(SELECT *, {_DERIVED} FROM compared)"
_FETCHED = 1_000


class Comparison:
    """The calls of two histories side by side, in a temporary file; use it as a context manager.

    Args:
        before: One history.
        after: The other one.

    Raises:
        SessionAggError: a file cannot be read, or what is temporary not be written.

    """

    def __init__(self, before: History, after: History) -> None:
        self._exit = ExitStack()
        with ExitStack() as undo:
            undo.callback(self.close)
            temporary = TemporaryFolder()
            self._exit.callback(temporary.close)
            folder = temporary.path
            self._connection: Connection = connect(
                folder / "compared.duckdb",
                Bounds(MEMORY_LIMIT, os.cpu_count() or 1, folder / "spill"),
                beside={"before": before.let_go(), "after": after.let_go()},
            )
            self._exit.callback(self._connection.close)
            with described("the calls cannot be compared"), interruptible(self._connection):
                self._connection.execute(_COMPARED)
                self._connection.execute("DETACH before")
                self._connection.execute("DETACH after")
            undo.pop_all()

    def close(self) -> None:
        """Delete what is temporary."""
        self._exit.close()

    def select(
        self, by: Sequence[str] = ("model",), sort: str | None = None, limit: int | None = None
    ) -> Result:
        """Return the differences, added up.

        Args:
            by: Names of ``KEYS``; those of ``call`` are not added up.
            sort: A column, with a minus before it descending; ``None``: what differs most is
                first.  What is not known comes last.
            limit: How many rows; ``None``: all.

        Raises:
            SessionAggError: a name is none of these.

        """
        keys = _keys(by)
        columns = (*keys, *FIGURES)
        shown = ", ".join(
            [*map(quoted, keys), *(f"{sql} AS {name}" for name, sql in FIGURES.items())]
        )
        groups = f" GROUP BY {', '.join(map(quoted, keys))}" if keys else ""
        last = ", ".join(f"{quoted(key)} NULLS LAST" for key in keys)
        order = ", ".join(filter(None, [_order(sort, columns), last]))
        sql = f"SELECT {shown} FROM {_ROWS}{groups} ORDER BY {order} LIMIT ?"
        totals = ", ".join(FIGURES.values())
        total = dict(zip(FIGURES, self.rows(f"SELECT {totals} FROM {_ROWS}")[0], strict=True))
        return Result(columns, self._read(sql, [limit]), total)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query over the table ``compared``."""
        return list(self._read(sql, parameters))

    def _read(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        with described("the calls cannot be compared"):
            cursor = self._connection.cursor()
            with interruptible(cursor):
                cursor.execute(sql, parameters)
            while rows := cursor.fetchmany(_FETCHED):
                yield from rows


def _keys(by: Sequence[str]) -> tuple[str, ...]:
    for name in by:
        if name not in KEYS:
            message = f"differences are not known by {name[:40]!r}: use one of {', '.join(KEYS)}"
            raise SettingsError(message)
    return tuple(dict.fromkeys(column for name in by for column in KEYS[name]))


def _order(sort: str | None, columns: Sequence[str]) -> str:
    if sort is None:
        return "abs(difference) DESC NULLS LAST"
    name = sort.removeprefix("-")
    if name not in columns:
        message = f"there is no column {name[:40]!r}: use one of {', '.join(columns)}"
        raise SettingsError(message)
    return f"{quoted(name)} {'DESC' if sort.startswith('-') else 'ASC'} NULLS LAST"
