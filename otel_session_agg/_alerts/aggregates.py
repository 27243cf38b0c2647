"""Check rules about figures of many sessions: against a limit, or against the period before."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import NamedTuple

from otel_session_agg._alerts.figures import Limit
from otel_session_agg._alerts.finding import MAX_SESSIONS, Finding
from otel_session_agg._alerts.quantities import period, shown
from otel_session_agg._alerts.reading import Window, chosen, nanoseconds, segment_sql
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.terms import beyond
from otel_session_agg._untrusted.formatting import change_percent, counted
from otel_session_agg.analysis._source import Source

MAX_SEGMENTS = 10_000
"""Segments that are checked: those with the most sessions."""

MAX_ROWS = 500_000
"""Segments in all periods of a preview."""

_NS = 10**9
_CHOSEN = """
SELECT session, {segment} AS segment, unpriced, end_time, {figure} AS figure
FROM sessions WHERE {where}
"""
_FIGURES = """
SELECT segment, count(*), count(figure), count(*) FILTER ({unknown}), {value}
FROM ({chosen}) GROUP BY segment ORDER BY count(*) DESC, segment LIMIT ?
"""
_PERIODS = """
SELECT floor((epoch(end_time) - ?) / ?)::BIGINT AS period, segment,
       count(*), count(figure), count(*) FILTER ({unknown}), {value}
FROM ({chosen}) GROUP BY period, segment ORDER BY period, segment LIMIT ?
"""
_SESSIONS = """
SELECT session FROM ({chosen}) WHERE segment = ? AND figure IS NOT NULL {only}
ORDER BY {order}, session LIMIT ?
"""
_ADDED_UP = frozenset({"sum", "count"})
"""Figures that are less where a part of a period is not there."""


class Measured(NamedTuple):
    """A figure of one segment in one period."""

    sessions: int
    known: int
    """Sessions that are in the figure."""
    unknown: int
    """Sessions of which it is not known what they add, or not all of that."""
    value: float | None


NONE = Measured(0, 0, 0, None)


class Judged(NamedTuple):
    """A segment for which a rule holds."""

    segment: str
    reason: str
    figures: Mapping[str, float | int | None]


def findings(rule: Rule, history: Source, now: float) -> list[Finding]:
    """Return the segments for which a rule holds at a time, seconds since the Unix epoch."""
    window, earlier = Window(now - rule.over_seconds, now), None
    if rule.kind == "drift":
        if is_all_needed(rule) and first_end(history) >= window.before.since:
            return []
        earlier = measured(rule, history, window.before)
    held = judged(rule, measured(rule, history, window), earlier)
    return [finding_of(rule, history, window, one) for one in held]


def finding_of(rule: Rule, history: Source, window: Window, one: Judged) -> Finding:
    """Return a finding, with the sessions that did most of it."""
    return Finding(
        target=one.segment,
        segment=one.segment if rule.by else "",
        reason=one.reason,
        figures=one.figures,
        sessions=_sessions(rule, history, window, one.segment),
        time_ns=int(window.until * _NS),
        ended=window,
        where="" if rule.where is None else rule.where.text,
    )


def _limit_of(rule: Rule) -> Limit:
    if rule.limit is None:
        message = f"a rule of kind {rule.kind} has no limit"
        raise ValueError(message)
    return rule.limit


def measured(rule: Rule, history: Source, window: Window) -> Mapping[str, Measured]:
    """Return the figure of a rule for each segment in a period."""
    figure = _limit_of(rule).figure
    inner, parameters = _chosen(rule, window)
    sql = _FIGURES.format(unknown=figure.unknown(), value=figure.over_all(), chosen=inner)
    rows = history.rows(sql, [*parameters, MAX_SEGMENTS])
    found = {segment: Measured(*figures) for segment, *figures in rows}
    if rule.by is None and not found:
        found[""] = NONE._replace(value=0.0) if figure.function == "count" else NONE
    return found


def periods(
    rule: Rule, history: Source, window: Window
) -> list[tuple[Window, Mapping[str, Measured]]]:
    """Return the same for periods one after the other, the last of which ends with the window."""
    length = rule.over_seconds
    number = max(1, ceil((window.until - window.since) / length))
    since = window.until - number * length
    figure = _limit_of(rule).figure
    inner, parameters = _chosen(rule, Window(since, window.until))
    sql = _PERIODS.format(unknown=figure.unknown(), value=figure.over_all(), chosen=inner)
    rows = history.rows(sql, [since, length, *parameters, MAX_ROWS])
    found: dict[int, dict[str, Measured]] = {}
    for at, segment, *figures in rows:
        found.setdefault(at, {})[segment] = Measured(*figures)
    nothing = NONE._replace(value=0.0) if figure.function == "count" else NONE
    empty = {"": nothing} if rule.by is None else {}
    return [
        (Window(since + at * length, since + (at + 1) * length), found.get(at, empty))
        for at in range(number)
    ]


def _chosen(rule: Rule, window: Window) -> tuple[str, list[object]]:
    figure, figure_parameters = _limit_of(rule).figure.of_session()
    where, where_parameters = chosen(rule, window)
    sql = _CHOSEN.format(segment=segment_sql(rule.by), figure=figure, where=where)
    return sql, figure_parameters + where_parameters


def _is_enough(rule: Rule, found: Measured) -> bool:
    return (found.sessions if is_all_needed(rule) else found.known) >= rule.min_sessions


def _can_decide(limit: Limit, found: Measured, *, upwards: bool) -> bool:
    """Return whether a figure is known well enough to be found beyond a limit on this side."""
    is_bound = limit.figure.is_lower_bound and found.unknown > 0
    return found.value is not None and (upwards or not is_bound)


def judged(
    rule: Rule, later: Mapping[str, Measured], earlier: Mapping[str, Measured] | None
) -> list[Judged]:
    """Return the segments for which a rule holds; ``earlier``: of a drift, the period before."""
    if earlier is None:
        found = [_crossed(rule, segment, one) for segment, one in later.items()]
    else:
        nothing = NONE._replace(value=0.0) if _counts(_limit_of(rule)) else NONE
        found = [
            _drifted(rule, segment, before, later.get(segment, nothing))
            for segment, before in earlier.items()
        ]
    return [one for one in found if one is not None]


def _crossed(rule: Rule, segment: str, one: Measured) -> Judged | None:
    limit = _limit_of(rule)
    can_decide = _is_enough(rule, one) and _can_decide(limit, one, upwards=limit.is_upwards)
    if not can_decide or one.value is None or not limit.is_crossed(one.value):
        return None
    said = beyond(limit.operator, shown(limit.value, limit.figure.unit))
    reason = f"{limit.figure.text} {_amount(limit, one.value)} ({said}) {_period(rule, one)}"
    figures = {"value": one.value, "sessions": one.sessions, "unknown": one.unknown}
    return Judged(segment, reason, figures)


def _drifted(rule: Rule, segment: str, before: Measured, after: Measured) -> Judged | None:
    limit, percent = _limit_of(rule), _change(rule, before, after)
    if percent is None or not limit.is_crossed(percent):
        return None
    reason = (
        f"{limit.figure.text} {change_percent(percent)}"
        f" ({beyond(limit.operator, change_percent(float(limit.value)))}):"
        f" {_amount(limit, after.value)}"
        f" {_period(rule, after)}, {_amount(limit, before.value)} before"
        f" ({counted(before.sessions, 'session')})"
    )
    figures = {
        "change_percent": percent,
        "value": after.value,
        "before": before.value,
        "sessions": after.sessions,
        "sessions_before": before.sessions,
        "unknown": after.unknown,
        "unknown_before": before.unknown,
    }
    return Judged(segment, reason, figures)


def _counts(limit: Limit) -> bool:
    return limit.figure.function == "count"


def _change(rule: Rule, before: Measured, after: Measured) -> float | None:
    """Return a change in percent; ``None``: it cannot be known."""
    limit = _limit_of(rule)
    is_enough = _is_enough(rule, before) and (_counts(limit) or _is_enough(rule, after))
    is_known = _can_decide(limit, after, upwards=limit.is_upwards) and _can_decide(
        limit, before, upwards=not limit.is_upwards
    )
    if not is_enough or not is_known or not before.value or after.value is None:
        return None
    return (after.value - before.value) / before.value * 100


def is_all_needed(rule: Rule) -> bool:
    """Return whether a figure is less where a part of a period is not there."""
    return _limit_of(rule).figure.function in _ADDED_UP


def first_end(history: Source) -> float:
    """Return when the first session of a history ended, seconds since the Unix epoch."""
    [(first,)] = history.rows("SELECT min(end_time) FROM sessions")
    return nanoseconds(first) / _NS if first is not None else float("inf")


def _sessions(rule: Rule, history: Source, window: Window, segment: str) -> tuple[str, ...]:
    """Return the sessions that did most of it."""
    limit = _limit_of(rule)
    inner, parameters = _chosen(rule, window)
    order = "end_time DESC" if _counts(limit) else "figure DESC"
    if not limit.is_upwards and not _counts(limit):
        order = "figure"
    only = "AND figure = 1" if limit.figure.function == "share" else ""
    sql = _SESSIONS.format(chosen=inner, only=only, order=order)
    rows = history.rows(sql, [*parameters, segment, MAX_SESSIONS])
    return tuple(session for (session,) in rows)


def _amount(limit: Limit, value: float | None) -> str:
    return shown(value, limit.figure.unit)


def _period(rule: Rule, found: Measured) -> str:
    unknown = f", of {found.unknown} not all is known" if found.unknown else ""
    sessions = counted(found.sessions, "session")
    return f"in {period(rule.over_seconds)} ({sessions}{unknown})"
