"""Why sessions stand out, for the rows of a grid: the medians of all are known once.

The rule is that of `otel_session_agg.analysis._outliers`, and so are the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, log
from typing import Any

from otel_session_agg.analysis._distributions import METRICS
from otel_session_agg.analysis._outliers import (
    MIN_DEVIATION,
    MIN_SAMPLE,
    NORMAL,
    THRESHOLD,
    Finding,
    Outlier,
)
from otel_session_agg.analysis._named_rows import named_rows
from otel_session_agg.analysis._source import BREAKDOWNS, Source

__all__ = ["Norms", "norms_of", "num_outliers", "reasons_of", "segment_of", "standing_out"]

Norms = Mapping[tuple[str, str], tuple[float, float, int]]
"""By metric and segment: the median of the logarithm, its spread, and how many sessions."""

_MAX_SEGMENTS = 20_000
_LOGARITHM = "CASE WHEN {0} > 0 THEN ln({0}) END"
_MEDIANS = """
WITH figures AS (SELECT {segment} AS segment, {logarithms} FROM {sessions}),
medians AS (
    SELECT segment, {medians} FROM figures GROUP BY segment HAVING count(*) >= ? LIMIT ?
)
SELECT segment, {found} FROM figures JOIN medians USING (segment) GROUP BY segment
"""
"""All metrics at once: sessions are read twice, however many there are."""
_FIGURES = """
SELECT session, {segment}, {columns} FROM {sessions}
WHERE session IN (SELECT unnest(?::VARCHAR[]))
"""
_STANDING_OUT = """
SELECT count(*) FROM sessions WHERE {conditions}
"""
_DEAREST = """
SELECT session FROM sessions WHERE {conditions} ORDER BY cost DESC NULLS LAST, session LIMIT ?
"""


def segment_of(by: str | None) -> str | None:
    """Return within what sessions are compared: a dimension or ``user``; ``None``: all together."""
    return None if by is None or by in BREAKDOWNS else by


def norms_of(sessions: Source, segment: str | None) -> Norms:
    """Return what is normal in each segment that has enough sessions to say so."""
    table, name = named_rows(sessions, segment)
    sql = _MEDIANS.format(
        sessions=table,
        segment=name,
        logarithms=_each(f"{_LOGARITHM} AS f{{1}}"),
        medians=_each("median(f{1}) AS m{1}"),
        found=_each("any_value(m{1}), median(abs(f{1} - m{1})), count(f{1})"),
    )
    found: dict[tuple[str, str], tuple[float, float, int]] = {}
    for of, *figures in sessions.rows(sql, [MIN_SAMPLE, _MAX_SEGMENTS]):
        for number, metric in enumerate(METRICS):
            middle, spread, size = figures[3 * number : 3 * number + 3]
            if size >= MIN_SAMPLE:
                found[metric, of] = (middle, max(spread, MIN_DEVIATION), size)
    return found


def _each(form: str) -> str:
    """Return something for each metric: ``{0}`` is its column, ``{1}`` its number."""
    columns = (f"({metric.column})" for metric in METRICS.values())
    return ", ".join(form.format(column, number) for number, column in enumerate(columns))


def reasons_of(
    sessions: Source, ids: Iterable[str], norms: Norms, segment: str | None
) -> dict[str, str]:
    """Return why those of these sessions stand out that do, by their ids."""
    table, name = named_rows(sessions, segment)
    columns = ", ".join(metric.column for metric in METRICS.values())
    sql = _FIGURES.format(segment=name, columns=columns, sessions=table)
    rows = sessions.rows(sql, [list(ids)])
    found: dict[str, str] = {}
    for session, of, *values in rows:
        findings = tuple(_findings(values, of, norms))
        if findings:
            found[session] = Outlier(session, of, findings).reason
    return found


def _findings(values: list[Any], segment: str, norms: Norms) -> Iterable[Finding]:
    for metric, value in zip(METRICS.values(), values, strict=True):
        norm = norms.get((metric.name, segment))
        if norm is None or value is None or value <= 0:
            continue
        middle, spread, size = norm
        score = NORMAL * (log(value) - middle) / spread
        if score > THRESHOLD:
            yield Finding(metric, value, exp(middle), score, size)


def num_outliers(sessions: Source, norms: Norms) -> int | None:
    """Return how many sessions stand out; ``None``: they are compared in several segments."""
    if any(segment for _, segment in norms):
        return None
    if not norms:
        return 0
    conditions, bounds = _above(norms)
    [(number,)] = sessions.rows(_STANDING_OUT.format(conditions=conditions), bounds)
    return int(number)


def standing_out(sessions: Source, norms: Norms, limit: int) -> list[str]:
    """Return the ids of sessions that stand out from all, the dearest first."""
    if not norms:
        return []
    conditions, bounds = _above(norms)
    rows = sessions.rows(_DEAREST.format(conditions=conditions), [*bounds, limit])
    return [session for (session,) in rows]


def _above(norms: Norms) -> tuple[str, list[object]]:
    """Return the condition for standing out from all, and its parameters."""
    conditions = " OR ".join(f"({METRICS[metric].column}) > ?" for metric, _ in norms)
    bounds = (exp(middle + THRESHOLD * spread / NORMAL) for middle, spread, _ in norms.values())
    return conditions, list(bounds)
