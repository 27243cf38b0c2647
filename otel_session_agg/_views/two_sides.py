"""Two selections of sessions as one source, so that what is asked of both is asked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otel_session_agg._history.sources import Filtered
from otel_session_agg._views.reads import Reads

__all__ = ["both_of", "quantiles_by_side", "rows_by_side"]


def both_of(a: Filtered, b: Filtered) -> Filtered:
    """Return the sessions of ``a`` and of ``b``, with ``side``: 0 or 1.

    What is in both is there twice.
    """
    sql = f"(SELECT 0 AS side, * FROM {a.sql} UNION ALL BY NAME SELECT 1 AS side, * FROM {b.sql})"
    return Filtered(sql, [*a.parameters, *b.parameters])


def rows_by_side(history: Reads, both: Filtered, columns: str) -> Mapping[int, Sequence[Any]]:
    """Return aggregates of each side; one without sessions has none."""
    sql = f"SELECT side, {columns} FROM {both.sql} GROUP BY side"
    return {side: row for side, *row in history.rows(sql, both.parameters)}


def quantiles_by_side(
    history: Reads, both: Filtered, wanted: Iterable[tuple[str, float]]
) -> list[dict[tuple[str, float], Any]]:
    """Return quantiles of each side, by expression and share; ``None``: nothing is known.

    The values of an expression are put in order once for all of its shares.
    """
    shares: dict[str, list[float]] = {}
    for sql, share in dict.fromkeys(wanted):
        shares.setdefault(sql, []).append(share)
    columns = ", ".join(f"quantile_cont({sql}, {given!r})" for sql, given in shares.items())
    rows = rows_by_side(history, both, columns)
    nothing = [None] * len(shares)
    return [
        {
            (sql, share): value
            for (sql, given), values in zip(shares.items(), rows.get(side, nothing), strict=True)
            for share, value in zip(given, values or [None] * len(given), strict=True)
        }
        for side in (0, 1)
    ]
