"""Check rules about single sessions."""

from __future__ import annotations

from datetime import datetime

from otel_session_agg._alerts.columns import Row
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.quantities import Unit
from otel_session_agg._alerts.reading import nanoseconds
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.terms import unit_of
from otel_session_agg._untrusted.formatting import counted
from otel_session_agg._untrusted.values import encodable

_MICROSECOND_NS = 1000


def end_ns(row: Row) -> int:
    """Return when a session last ended, nanoseconds since the Unix epoch; 0: not known."""
    time = row["end_time"]
    if isinstance(time, int):  # of a record: microseconds
        return time * _MICROSECOND_NS
    return nanoseconds(time if isinstance(time, datetime) else None)


def session_finding(rule: Rule, row: Row) -> Finding | None:
    """Return what a rule about each session finds in one; ``None``: it does not hold."""
    holds = rule.holds
    if holds is None or (rule.where is not None and not rule.where.fits(row)):
        return None
    if not holds.fits(row):
        return None
    figures = {term.name: row[term.name] for term in holds.terms if term.is_number}
    unpriced = row["unpriced"] or 0
    is_bound = unpriced and any(unit_of(name) is Unit.USD for name in figures)
    reason = holds.figures(row) or "it is as the rule says"
    if is_bound:
        reason += f", or more: {counted(unpriced, 'call is', 'calls are')} unpriced"
    return Finding(
        target=encodable(row["session"]),
        segment="",
        reason=reason,
        figures={
            name: value if value is None or isinstance(value, int) else float(value)
            for name, value in figures.items()
        },
        sessions=(encodable(row["session"]),),
        time_ns=end_ns(row),
    )
