"""Check rules about sessions that stand out from others of their segment.

A session stands out as in reports: by the modified z-score of the logarithm of its figure, of which
the median absolute deviation is the spread (see ``analysis/_outliers.py``).  What is normal is
learned from the sessions that ended in the period up to now; sessions with unpriced calls are not
among them where it is about costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from typing import NamedTuple

from otel_session_agg._alerts.columns import COSTS, Row, segment_of
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.quantities import period, shown
from otel_session_agg._alerts.reading import Window, chosen, segment_sql
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.session_rules import end_ns
from otel_session_agg._alerts.terms import unit_of
from otel_session_agg._history.columns import quoted
from otel_session_agg.analysis._numbers import grouped
from otel_session_agg.analysis._outliers import MIN_DEVIATION, NORMAL
from otel_session_agg.analysis._source import Source

_MAX_SEGMENTS = 10_000
_NORMAL = """
WITH figures AS (
    SELECT {segment} AS segment, ln({column}::DOUBLE) AS figure
    FROM sessions WHERE {where} AND {column} > 0 {whole}
),
medians AS (
    SELECT segment, median(figure) AS middle, count(*) AS size FROM figures GROUP BY segment
)
SELECT segment, any_value(middle), greatest(median(abs(figure - middle)), ?), any_value(size)
FROM figures JOIN medians USING (segment) WHERE size >= ?
GROUP BY segment ORDER BY any_value(size) DESC, segment LIMIT ?
"""


class Normal(NamedTuple):
    """What is normal in a segment; figures are logarithms."""

    middle: float
    spread: float
    sessions: int

    def score(self, value: float) -> float:
        """Return by how many spreads a figure is above the middle."""
        return NORMAL * (log(value) - self.middle) / self.spread

    def bound(self, threshold: float) -> float:
        """Return the figure at which a session begins to stand out; negative: below."""
        return exp(self.middle + threshold * self.spread / NORMAL)


def normal(rule: Rule, history: Source, now: float) -> Mapping[str, Normal]:
    """Return what is normal in each segment that has enough sessions, at a time."""
    where, parameters = chosen(rule, Window(now - rule.over_seconds, now))
    sql = _NORMAL.format(
        segment=segment_sql(rule.by),
        column=quoted(rule.column),
        where=where,
        whole="AND unpriced = 0" if rule.column in COSTS else "",
    )
    more = [MIN_DEVIATION, max(rule.min_sessions, 2), _MAX_SEGMENTS]
    return {segment: Normal(*figures) for segment, *figures in history.rows(sql, parameters + more)}


def anomaly_finding(rule: Rule, row: Row, known: Mapping[str, Normal]) -> Finding | None:
    """Return what a rule about anomalies finds in a session; ``None``: it does not stand out."""
    if rule.where is not None and not rule.where.fits(row):
        return None
    value, segment = row[rule.column], segment_of(row, rule.by)
    usual = known.get(segment)
    if usual is None or value is None or value <= 0:
        return None
    score = usual.score(float(value))
    if score <= rule.threshold:
        return None
    unit = unit_of(rule.column)
    low, high = usual.bound(-rule.threshold), usual.bound(rule.threshold)
    times = grouped(float(value) / exp(usual.middle), 1)
    reason = (
        f"{rule.column} {shown(value, unit)}, {times} times the"
        f" median of {shown(exp(usual.middle), unit)}; normal is {shown(low, unit)} to"
        f" {shown(high, unit)} ({usual.sessions:,} sessions in"
        f" {period(rule.over_seconds)})"
    )
    return Finding(
        target=row["session"],
        segment=segment,
        reason=reason,
        figures={
            rule.column: float(value),
            "score": round(score, 2),
            "normal_median": exp(usual.middle),
            "normal_low": low,
            "normal_high": high,
            "normal_sessions": usual.sessions,
        },
        sessions=(row["session"],),
        time_ns=end_ns(row),
    )
