"""How a session compares with those like it: times the median, and whether it stands out.

Among the sessions that a view shows, it compares as the grid of that view says, which is worked out
by `outlier_flags.context_among`.  Where no view selects it, like it are the sessions of its segment
that began within a week of it, or within a quarter where these are few.  It stands out by the rule
of `analysis._outliers`: a modified z-score of the logarithm, with the same bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from math import log
from typing import Any, NamedTuple

from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._outliers import MIN_DEVIATION, MIN_SAMPLE, NORMAL, THRESHOLD

__all__ = ["Context", "Typical", "context_of"]

DAYS = (7, 90)
"""Days before the session and after it in which those like it began; more where these are few."""
ENOUGH = 200
"""Sessions of whose median nobody asks whether it is chance."""
SERVICE = "service.name"

_METRICS = ("cost", "tokens", "duration")
_FIGURES = ", ".join(
    f"count({name}), count({name}) FILTER ({name} > 0), median({name}),"
    f" median(ln({name})) FILTER ({name} > 0), mad(ln({name})) FILTER ({name} > 0)"
    for name in _METRICS
)
_LIKE_IT = f"""
SELECT count(*), {_FIGURES} FROM (
    SELECT cost::DOUBLE AS cost, tokens::DOUBLE AS tokens, duration FROM sessions
    WHERE start_time BETWEEN ? AND ? AND {{segment}}
)
"""


class Typical(NamedTuple):
    """A figure of a session beside the median of those like it."""

    metric: str
    value: float
    median: float
    times: float | None
    """How many times the median it is; ``None``: the median is 0."""
    score: float | None
    """The modified z-score of its logarithm; ``None``: it is 0, or too few are not."""
    sessions: int
    """Those with a known figure."""

    @property
    def is_outlier(self) -> bool:
        """Whether the session stands out by it."""
        return self.score is not None and self.score > THRESHOLD


class Context(NamedTuple):
    """How a session compares with those like it."""

    segment: str | None
    """The dimension; ``None``: all sessions are like it."""
    value: str | None
    """What its sessions have for it."""
    days: int | None
    """They began within so many days of it; ``None``: they are those that a view shows."""
    by_metric: Mapping[str, Typical]
    """``cost``, ``tokens`` and ``duration``, those that are known."""

    @property
    def outliers(self) -> list[Typical]:
        """The figures by which it stands out."""
        return [one for one in self.by_metric.values() if one.is_outlier]


def context_of(history: Reads, row: Mapping[str, Any], segment: str | None) -> Context | None:
    """Return how a session, a row of the table with ``start``, compares; ``None``: too few do."""
    if row["start"] is None:
        return None
    start = row["start"].replace(tzinfo=None)
    name = segment or SERVICE
    given = row["dimensions"].get(name)
    condition, parameters = "true", []
    if given is not None:
        condition = "json_extract_string(dimensions, ?) = ?"
        parameters = ["/" + name.replace("~", "~0").replace("/", "~1"), _as_text(given)]
    number, figures = 0, []
    for days in map(timedelta, DAYS):
        [(number, *figures)] = history.rows(
            _LIKE_IT.format(segment=condition), [start - days, start + days, *parameters]
        )
        if number >= ENOUGH:
            break
    if number < MIN_SAMPLE:
        return None
    found = {}
    for at, metric in enumerate(_METRICS):
        known, positive, median, middle, spread = figures[at * 5 : at * 5 + 5]
        value = row[metric]
        if value is None or known < MIN_SAMPLE:
            continue
        score = None
        if value > 0 and positive >= MIN_SAMPLE:
            score = NORMAL * (log(float(value)) - middle) / max(spread, MIN_DEVIATION)
        times = float(value) / median if median else None
        found[metric] = Typical(metric, float(value), median, times, score, known)
    if given is None:
        return Context(None, None, days.days, found)
    return Context(name, _as_text(given), days.days, found)


def _as_text(value: object) -> str:
    """Return a value as ``json_extract_string`` has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
