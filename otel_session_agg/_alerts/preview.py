"""What a rule would have found: on the sessions of a history, as they are known now.

Rules about many sessions are asked for periods one after the other, as long as theirs; a running
server asks every few seconds, and so finds what lies across two of them, too.  Cool-downs are as
they would have been, paused or muted rules are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from typing import Any, NamedTuple

from otel_session_agg._alerts import aggregates, anomalies
from otel_session_agg._alerts.aggregates import Judged
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.reading import Window, chosen, rows_that
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.session_rules import session_finding
from otel_session_agg._history.columns import quoted
from otel_session_agg.analysis._source import Source

_MAX_STEPS = 60
_MIN_STEP_SECONDS = 60.0
_STEPS_IN_PERIOD = 6
_MAX_SESSIONS = 10_000
_MAX_LISTED = 50
_SECOND_NS = 10**9


class _Would(NamedTuple):
    """An episode that would have begun."""

    at: float
    finding: Finding


def preview(rule: Rule, history: Source, since: float, until: float) -> dict[str, Any]:
    """Return what a rule would have found in a period, as plain values.

    ``fired`` are the latest episodes, the last first; ``would_fire`` is how many there would have
    been, and ``would_notify`` how many of them no cool-down would have held back.
    """
    window = Window(since, until)
    found = list(_FIND[rule.kind](rule, history, window))
    notified = _notified(rule, found)
    return {
        "since": since,
        "until": until,
        "would_fire": len(found),
        "would_notify": sum(notified),
        "is_complete": len(found) < _MAX_SESSIONS,
        "fired": [
            {
                "at": one.at,
                **one.finding.to_dict(),
                "is_notified": is_notified,
                "kind": rule.kind,
                "by": rule.by or "",
            }
            for one, is_notified in reversed(list(zip(found, notified, strict=True))[-_MAX_LISTED:])
        ],
    }


def _notified(rule: Rule, found: Iterable[_Would]) -> list[bool]:
    """Return of each whether a notification would have been sent."""
    last: dict[str, float] = {}
    notified = []
    for at, finding in found:
        key = "" if rule.is_of_sessions else finding.target
        notified.append(key not in last or at - last[key] >= rule.cooldown_seconds)
        if notified[-1]:
            last[key] = at
    return notified


def _sessions(rule: Rule, history: Source, window: Window) -> Iterator[_Would]:
    if rule.holds is None:
        return
    where, parameters = chosen(rule, window)
    more, values = rule.holds.sql()
    rows = rows_that(history, (f"{where} AND {more}", parameters + values), _MAX_SESSIONS)
    found = [session_finding(rule, row) for row in rows]
    for finding in reversed(found):
        if finding is not None:
            yield _Would(finding.time_ns / _SECOND_NS, finding)


def _steps(rule: Rule, window: Window) -> Iterator[float]:
    """Return the times at which the rule is asked, the first first."""
    length = window.until - window.since
    step = max(rule.over_seconds / _STEPS_IN_PERIOD, length / _MAX_STEPS, _MIN_STEP_SECONDS)
    number = int(length / step)
    return (window.until - step * (number - at) for at in range(number + 1))


def _segments(rule: Rule, history: Source, window: Window) -> Iterator[_Would]:
    found: list[tuple[Window, Judged]] = []
    for period, held in _held(rule, history, window):
        found += [(period, one) for one in held]
    for number, (period, one) in enumerate(found, start=1):
        if len(found) - number < _MAX_LISTED:
            yield _Would(period.until, aggregates.finding_of(rule, history, period, one))
        else:  # it is counted, and not shown
            until_ns = int(period.until * _SECOND_NS)
            finding = Finding(one.segment, one.segment, one.reason, one.figures, (), until_ns)
            yield _Would(period.until, finding)


def _held(rule: Rule, history: Source, window: Window) -> Iterator[tuple[Window, list[Judged]]]:
    """Return the periods with the segments for which it began to hold then."""
    is_drift = rule.kind == "drift"
    since = window.since - rule.over_seconds if is_drift else window.since
    measured = aggregates.periods(rule, history, Window(since, window.until))
    first = aggregates.first_end(history) if is_drift else 0.0
    going_on: set[str] = set()
    for at in range(int(is_drift), len(measured)):
        period, later = measured[at]
        earlier = measured[at - 1][1] if is_drift else None
        is_known = not (
            is_drift and aggregates.is_all_needed(rule) and first >= period.before.since
        )
        held = aggregates.judged(rule, later, earlier) if is_known else []
        yield period, [one for one in held if one.segment not in going_on]
        going_on = {one.segment for one in held}


def _anomalies(rule: Rule, history: Source, window: Window) -> Iterator[_Would]:
    before = window.since
    for at in _steps(rule, window):
        if at <= before:
            continue
        normal = anomalies.normal(rule, history, at)
        where, parameters = chosen(rule, Window(before, at))
        least = min((one.bound(rule.threshold) for one in normal.values()), default=inf)
        above = (f"{where} AND {quoted(rule.column)} > ?", [*parameters, least])
        for row in reversed(list(rows_that(history, above, _MAX_SESSIONS))):
            finding = anomalies.anomaly_finding(rule, row, normal)
            if finding is not None:
                yield _Would(finding.time_ns / _SECOND_NS, finding)
        before = at


_FIND = {
    "session": _sessions,
    "aggregate": _segments,
    "drift": _segments,
    "anomaly": _anomalies,
}
