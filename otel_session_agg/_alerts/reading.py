"""Read what rules need from the tables of sessions, by the times in their spans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from otel_session_agg._alerts.columns import LABELS, READ, Row
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.terms import Sql
from otel_session_agg._history.columns import quoted
from otel_session_agg._history.labels import label_text
from otel_session_agg.analysis._source import Source, named_so

_COLUMNS = ", ".join(map(quoted, READ))
_BATCH = 1000
"""Sessions that are read at once: some milliseconds."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST = datetime(9999, 1, 1, tzinfo=timezone.utc)


class Window(NamedTuple):
    """A period of event time, seconds since the Unix epoch: from the first on, before the second.

    A session is in it when its last span ended in it.
    """

    since: float
    until: float

    @property
    def before(self) -> Window:
        """The period before, as long as this one."""
        return Window(2 * self.since - self.until, self.since)


def moment(seconds: float) -> datetime:
    """Return a time as the tables have it: in UTC, without saying so."""
    try:
        time = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        time = _EPOCH if seconds < 0 else _LATEST
    return time.replace(tzinfo=None)


def nanoseconds(time: datetime | None) -> int:
    """Return a time of the tables in nanoseconds since the Unix epoch; 0: it is not known."""
    if time is None:
        return 0
    since = time.replace(tzinfo=timezone.utc) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def segment_sql(key: str | None) -> str:
    """Return the expression for the segment of a session."""
    if key is None:
        return "''"
    value = quoted("user") if key == "user" else label_text(list(LABELS), key)
    return named_so(value)


def chosen(rule: Rule, window: Window) -> Sql:
    """Return the condition for the sessions that a rule is about, in a period."""
    sql = "end_time >= ? AND end_time < ?"
    parameters: list[object] = [moment(window.since), moment(window.until)]
    if rule.where is None:
        return sql, parameters
    more, values = rule.where.sql()
    return f"{sql} AND {more}", parameters + values


def changed_rows(history: Source, ids: Iterable[str], since: float) -> Iterator[Row]:
    """Return the rows of sessions that ended after a time, by their ids."""
    waiting = list(ids)
    for at in range(0, len(waiting), _BATCH):
        sql = (
            f"SELECT {_COLUMNS} FROM sessions"
            " WHERE session IN (SELECT unnest(?::VARCHAR[])) AND end_time >= ?"
        )
        batch = waiting[at : at + _BATCH]
        yield from _rows(history.rows(sql, [batch, moment(since)]))


def rows_since(history: Source, since: float, limit: int) -> Iterator[Row]:
    """Return the rows of the sessions that ended after a time; the latest, if there are more."""
    sql = f"SELECT {_COLUMNS} FROM sessions WHERE end_time >= ? ORDER BY end_time DESC LIMIT ?"
    yield from _rows(history.rows(sql, [moment(since), limit]))


def rows_that(history: Source, where: Sql, limit: int) -> Iterator[Row]:
    """Return the rows of the sessions that meet a condition in SQL, the latest first."""
    sql = f"SELECT {_COLUMNS} FROM sessions WHERE {where[0]} ORDER BY end_time DESC LIMIT ?"
    yield from _rows(history.rows(sql, [*where[1], limit]))


def _rows(found: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    for values in found:
        yield dict(zip(READ, values, strict=True))
