"""Why sessions stand out, for the rows of a grid: the medians of all are known once.

The rule is that of `otel_session_agg.analysis._outliers`, and so are the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log
from typing import Any, NamedTuple

from otel_session_agg._views.session_context import SERVICE, Context, Typical
from otel_session_agg.analysis._distributions import METRICS
from otel_session_agg.analysis._named_rows import named_rows
from otel_session_agg.analysis._outliers import (
    MIN_DEVIATION,
    MIN_SAMPLE,
    NORMAL,
    THRESHOLD,
    Finding,
    Outlier,
)
from otel_session_agg.analysis._source import BREAKDOWNS, NONE, Source

__all__ = [
    "Norms",
    "Standing",
    "context_among",
    "judged_rows",
    "norms_of",
    "num_outliers",
    "reasons_of",
    "segment_of",
    "standing_out",
]


class Norm(NamedTuple):
    """What is normal of a metric in a segment."""

    middle: float
    """The median of the logarithm."""
    spread: float
    """Its median absolute deviation."""
    sessions: int
    """Those that it is worked out of."""
    is_sample: bool


Norms = Mapping[tuple[str, str], Norm]
"""By metric and segment."""

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
_MAX_EXACT = 400_000
"""Sessions of which medians are exact; of more, of a sample of about `_SAMPLE`, the same for the
same sessions: medians of it are right to some tenths of a percent."""
_SAMPLE = 200_000
_SAMPLED = "(SELECT * FROM {sessions} WHERE hash(session) % {of} = 0) AS sessions"
_JUDGED = "session, {segment} AS segment, {columns}"
_FIGURES = "SELECT {judged} FROM {sessions} WHERE session = ?"
_STANDING_OUT = """
WITH norms AS (SELECT {norms})
SELECT {shown} FROM {sessions} JOIN norms ON {segment} = norms.of
WHERE ({of_any}) AND ({conditions})
"""
"""``of_any``: of what is below the bounds of all segments, nobody needs to know the segment."""
_ORDER = " ORDER BY cost DESC NULLS LAST, session LIMIT ?"


class Standing(NamedTuple):
    """A session that stands out."""

    session: str
    cost: float | None
    """USD; ``None``: it is not known."""
    duration: float | None
    """Seconds."""
    reason: str


def segment_of(by: str | None) -> str:
    """Return within what sessions are compared: what they are grouped by, else their service.

    Figures of an assistant and of a batch job are not alike, so that in both together neither has
    outliers.
    """
    return SERVICE if by is None or by in BREAKDOWNS else by


def norms_of(sessions: Source, segment: str | None) -> Norms:
    """Return what is normal in each segment that has enough sessions to say so.

    Segments can be small, so that a sample is taken only of all together and of services.
    """
    table, name = named_rows(sessions, segment)
    [(number,)] = sessions.rows("SELECT count(*) FROM sessions")
    is_sample = segment in {None, SERVICE} and number > _MAX_EXACT
    if is_sample:
        table = _SAMPLED.format(sessions=table, of=number // _SAMPLE)
    sql = _MEDIANS.format(
        sessions=table,
        segment=name,
        logarithms=_each(f"{_LOGARITHM} AS f{{1}}"),
        medians=_each("median(f{1}) AS m{1}"),
        found=_each("any_value(m{1}), median(abs(f{1} - m{1})), count(f{1})"),
    )
    found: dict[tuple[str, str], Norm] = {}
    for of, *figures in sessions.rows(sql, [MIN_SAMPLE, _MAX_SEGMENTS]):
        for number, metric in enumerate(METRICS):
            middle, spread, size = figures[3 * number : 3 * number + 3]
            if size >= MIN_SAMPLE:
                spread = max(spread, MIN_DEVIATION)
                found[metric, of] = Norm(middle, spread, size, is_sample)
    return found


_NUMBERED = tuple(enumerate(METRICS.values()))


def _each(form: str) -> str:
    """Return something for each metric: ``{0}`` is its column, ``{1}`` its number."""
    return ", ".join(form.format(f"({metric.column})", number) for number, metric in _NUMBERED)


def judged_rows(sessions: Source, segment: str | None, table: str) -> tuple[str, str]:
    """Return sessions as a table, and the columns over it that `reasons_of` takes.

    Args:
        sessions: what is asked.
        segment: within what sessions are compared.
        table: those that are wanted, or a query in brackets for them.

    """
    table, name = named_rows(sessions, segment, table)
    return table, _JUDGED.format(segment=name, columns=_each("{0}"))


def reasons_of(rows: Iterable[Sequence[Any]], norms: Norms) -> dict[str, str]:
    """Return why those of some sessions stand out that do, by their ids.

    ``rows``: of each its id, its segment and its figures: the columns of `judged_rows`.
    """
    found: dict[str, str] = {}
    for session, of, *values in rows:
        findings = tuple(_findings(values, of, norms))
        if findings:
            found[session] = Outlier(session, of, findings).reason
    return found


def context_among(
    sessions: Source, session: str, norms: Norms, segment: str | None
) -> Context | None:
    """Return how a session compares with those that norms are of; ``None``: it is none of them.

    It stands out where its row in a grid says so, and by as much.
    """
    table, judged = judged_rows(sessions, segment, "sessions")
    rows = sessions.rows(_FIGURES.format(judged=judged, sessions=table), [session])
    if not rows:
        return None
    [(_, of, *values)] = rows
    found = {}
    for metric, value in zip(METRICS, values, strict=True):
        norm = norms.get((metric, of))
        if norm is not None and value is not None:
            median = exp(norm.middle)
            score = _score(value, norm) if value > 0 else None
            found[metric] = Typical(
                metric, float(value), median, float(value) / median, score, norm.sessions
            )
    is_all = segment is None or of == NONE
    return Context(None if is_all else segment, None if is_all else of, None, found)


def _score(value: float, norm: Norm) -> float:
    return NORMAL * (log(value) - norm.middle) / norm.spread


def _findings(values: Sequence[Any], segment: str, norms: Norms) -> Iterable[Finding]:
    for metric, value in zip(METRICS.values(), values, strict=True):
        norm = norms.get((metric.name, segment))
        if norm is None or value is None or value <= 0:
            continue
        score = _score(value, norm)
        if score > THRESHOLD:
            middle = exp(norm.middle)
            yield Finding(metric, value, middle, score, norm.sessions, norm.is_sample)


def num_outliers(sessions: Source, norms: Norms, segment: str | None) -> int:
    """Return how many sessions stand out from others of their segment."""
    sql, bounds = _above(sessions, norms, segment, "count(*)")
    [(number,)] = sessions.rows(sql, bounds)
    return int(number)


def standing_out(sessions: Source, norms: Norms, segment: str | None, limit: int) -> list[Standing]:
    """Return sessions that stand out from others of their segment, the dearest first."""
    shown = _JUDGED.format(segment=named_rows(sessions, segment)[1], columns=_each("{0}"))
    sql, bounds = _above(sessions, norms, segment, shown)
    found = []
    for session, of, *values in sessions.rows(sql + _ORDER, [*bounds, limit]):
        findings = tuple(_findings(values, of, norms))
        if findings:
            cost, _, duration = values
            reason = Outlier(session, of, findings).reason
            found.append(Standing(session, cost, duration, reason))
    return found


def _above(
    sessions: Source, norms: Norms, segment: str | None, shown: str
) -> tuple[str, list[object]]:
    """Return what asks for the sessions that stand out, and its parameters."""
    segments = sorted({of for _, of in norms})
    table, name = named_rows(sessions, segment)
    sql = _STANDING_OUT.format(
        norms=_each("unnest(?::DOUBLE[]) AS bound{1}") + ", unnest(?::VARCHAR[]) AS of",
        shown=shown,
        sessions=table,
        segment=name,
        of_any=" OR ".join(f"({one.column}) > ?" for one in METRICS.values()),
        conditions=" OR ".join(f"({one.column}) > bound{at}" for at, one in _NUMBERED),
    )
    bounds = [[_bound(norms.get((metric, of))) for of in segments] for metric in METRICS]
    lowest = [min((one for one in each if one is not None), default=None) for each in bounds]
    return sql, [*bounds, segments, *lowest]


def _bound(norm: Norm | None) -> float | None:
    """Return above what a figure stands out; ``None``: it is not known what is normal."""
    if norm is None:
        return None
    return exp(norm.middle + THRESHOLD * norm.spread / NORMAL)
