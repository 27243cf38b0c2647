"""Which sessions stand out from others of their segment, and why.

A session stands out when its cost, tokens or duration is far above the median of its segment.  Such
figures are spread over powers of ten, so what is compared is their logarithm; and because outliers
must not hide each other, its spread is the median absolute deviation, not the standard deviation.
The score is the modified z-score of Iglewicz and Hoaglin (1993), and so is its threshold.

A segment with few sessions is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from otel_session_agg._untrusted.formatting import duration, short
from otel_session_agg.analysis._distributions import METRICS, Metric
from otel_session_agg.analysis._named_rows import named_rows
from otel_session_agg.analysis._numbers import grouped, significant
from otel_session_agg.analysis._source import NONE, Source, check_key, name_of

__all__ = [
    "MIN_DEVIATION",
    "MIN_SAMPLE",
    "NORMAL",
    "THRESHOLD",
    "Finding",
    "Outlier",
    "find_outliers",
    "not_judged",
    "times_text",
]

THRESHOLD = 3.5
"""The score from which on a session stands out."""

MIN_SAMPLE = 20
"""Sessions with a known figure that a segment needs: with fewer, the median is chance."""

NORMAL = 0.6745
"""The median absolute deviation of the normal distribution, in standard deviations."""
MIN_DEVIATION = 0.1
"""Of the logarithm: where most sessions are alike to a tenth, that is taken for the spread."""

_WHOLE_FROM = 100
"""Multiples of the median that are shown without decimals."""

_FIND = """
WITH figures AS (
    SELECT session, {segment} AS segment, ln({column}) AS figure FROM {sessions} WHERE {column} > 0
),
medians AS (
    SELECT segment, median(figure) AS middle, count(*) AS size FROM figures GROUP BY segment
),
spreads AS (
    SELECT segment, greatest(median(abs(figure - middle)), ?) AS spread
    FROM figures JOIN medians USING (segment) GROUP BY segment
)
SELECT session, segment, exp(figure), exp(middle), ? * (figure - middle) / spread AS score, size
FROM figures JOIN medians USING (segment) JOIN spreads USING (segment)
WHERE size >= ? AND score > ? ORDER BY score DESC, session LIMIT ?
"""
_NOT_JUDGED = """
SELECT coalesce(sum(size), 0)::BIGINT
FROM (SELECT {segment} AS segment, count(*) AS size FROM sessions GROUP BY segment) WHERE size < ?
"""


class Finding(NamedTuple):
    """By which figure a session stands out."""

    metric: Metric
    value: float
    """In the unit of the metric."""
    median: float
    """Of the segment."""
    score: float
    sessions: int
    """Of the segment, with a known figure."""
    is_sample: bool = False
    """Whether these are some of the segment only."""

    @property
    def times(self) -> str:
        """How many times the median it is, as text."""
        return times_text(self.value / self.median)


class Outlier(NamedTuple):
    """A session that stands out."""

    session: str
    segment: str
    findings: tuple[Finding, ...]
    """The cost first."""

    @property
    def score(self) -> float:
        """The highest score."""
        return max(finding.score for finding in self.findings)

    @property
    def reason(self) -> str:
        """Why it stands out, in words."""
        found = "; ".join(
            f"{one.metric.name} {_amount(one.metric, one.value)}, {one.times} the median of"
            f" {_amount(one.metric, one.median)}"
            for one in self.findings
        )
        segment = f" of {short(self.segment, 60)}" if self.segment not in {"", NONE} else ""
        first = self.findings[0]
        sample = "a sample of " if first.is_sample else ""
        return f"{found} (of {sample}{first.sessions:,} sessions{segment})"


def times_text(times: float) -> str:
    """Return how many times something another thing is, as text."""
    decimals = 1 if times < _WHOLE_FROM else 0
    return f"{grouped(times, decimals)} \N{MULTIPLICATION SIGN}"


def _amount(metric: Metric, value: float) -> str:
    return _AMOUNTS[metric.name](value)


_AMOUNTS: Mapping[str, Callable[[float], str]] = {
    "cost": lambda usd: f"{significant(usd)} USD",
    "tokens": grouped,
    "duration": lambda seconds: duration(seconds * 1000),
}


def find_outliers(
    sessions: Source, segment: str | None, limit: int, metrics: tuple[str, ...] = tuple(METRICS)
) -> list[Outlier]:
    """Return the sessions that stand out, those with the highest score first.

    They are compared within each value of the segment: ``user`` or a dimension, else all together.
    """
    if segment is not None:
        check_key(sessions, segment)
    found: dict[tuple[str, str], list[Finding]] = {}
    table, name = named_rows(sessions, segment)
    for metric in (METRICS[one] for one in metrics):
        sql = _FIND.format(segment=name, column=f"({metric.column})", sessions=table)
        bounds = [MIN_DEVIATION, NORMAL, MIN_SAMPLE, THRESHOLD, limit]
        for session, value, *figures in sessions.rows(sql, bounds):
            found.setdefault((session, value), []).append(Finding(metric, *figures))
    outliers = [Outlier(*key, tuple(findings)) for key, findings in found.items()]
    return sorted(outliers, key=lambda one: (-one.score, one.session))[:limit]


def not_judged(sessions: Source, segment: str | None) -> int:
    """Return how many sessions are in segments that are too small."""
    name, parameters = name_of(segment)
    [(number,)] = sessions.rows(_NOT_JUDGED.format(segment=name), [*parameters, MIN_SAMPLE])
    return int(number)
