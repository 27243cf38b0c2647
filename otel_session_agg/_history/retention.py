"""Forget sessions that are over.

Rules
-----
* A session is forgotten as a whole, by the time of its last end.
* A history remembers the time that it is given (`note_forgotten`).  Late spans are counted without
  what was deleted: a session that ended before that time is deleted again, so that no part of it is
  taken for all of it.  What ends later is kept: a session that goes on begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from otel_session_agg._extras import needed
from otel_session_agg._history.columns import naive, of_rows, quoted
from otel_session_agg._history.database import Connection
from otel_session_agg._history.labels import note_all_labels
from otel_session_agg._history.recounting import decoded
from otel_session_agg._history.rollup_tables import OF_ROLLUPS, TRACES
from otel_session_agg._history.span_tables import CALLS, SPANS
from otel_session_agg._history.tables import SESSION_PARTS
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_sums import sum_of_totals

CREATE_FORGOTTEN = "CREATE TABLE IF NOT EXISTS internal.forgotten (before TIMESTAMP)"
"""At most one row."""
_OLD = "SELECT session FROM sessions WHERE end_time < ?"
_SHARED = f"""
SELECT DISTINCT trace_id FROM {SESSION_PARTS.name} WHERE session IN ({_OLD})
AND trace_id IN (SELECT trace_id FROM {SESSION_PARTS.name} WHERE session NOT IN ({_OLD}))
"""
"""Traces that lose a session, and stay."""
_PARTS = f"""
SELECT trace_id, totals FROM {SESSION_PARTS.name}
WHERE {of_rows(SESSION_PARTS.name, "trace_id IN (SELECT unnest(?::VARCHAR[]))")} ORDER BY trace_id
"""
_AT_ONCE = 1000
"""Traces that are summed up anew at once."""
_SUMS = [column for column in TRACES.columns if column.name in OF_ROLLUPS]
"""What a trace has of its calls and events."""


class _Left(NamedTuple):
    """What is left of a trace."""

    rollup: Rollup


def note_forgotten(connection: Connection, time: datetime) -> None:
    """Remember that sessions that ended before a time are forgotten, whatever was noted before."""
    connection.execute("DELETE FROM internal.forgotten")
    connection.execute("INSERT INTO internal.forgotten VALUES (?)", [naive(time)])


def forgotten_before(connection: Connection) -> datetime | None:
    """Return the time that was noted, in UTC; ``None``: nothing is forgotten."""
    [(time,)] = connection.execute("SELECT max(before) FROM internal.forgotten").fetchall()
    return None if time is None else time.replace(tzinfo=timezone.utc)


def ended_before(connection: Connection, time: datetime, names: Iterable[str]) -> list[str]:
    """Return those of some sessions that `forget_before` would delete."""
    given = [naive(time), list(names)]
    found = connection.execute(f"{_OLD} AND session IN (SELECT unnest(?::VARCHAR[]))", given)
    return [session for (session,) in found.fetchall()]


def forget_before(connection: Connection, time: datetime) -> int:
    """Delete the sessions that ended before a time, and their traces; return how many there were.

    A trace stays as long as one of its sessions does, with what those come to that stay, and all
    of its spans; its calls go with their session.
    """
    before = [naive(time)]
    [(number,)] = connection.execute(f"SELECT count(*) FROM ({_OLD})", before).fetchall()
    shared = [trace_id for (trace_id,) in connection.execute(_SHARED, before * 2).fetchall()]
    connection.execute(f"DELETE FROM {SESSION_PARTS.name} WHERE session IN ({_OLD})", before)
    for table in (TRACES, CALLS, SPANS):
        connection.execute(
            f"DELETE FROM {table.name}"
            f" WHERE trace_id NOT IN (SELECT trace_id FROM {SESSION_PARTS.name})"
        )
    for name in ("breakdown", CALLS.name):  # calls are in one session, traces may be in several
        connection.execute(f"DELETE FROM {name} WHERE session IN ({_OLD})", before)
    connection.execute("DELETE FROM sessions WHERE end_time < ?", before)
    for at in range(0, len(shared), _AT_ONCE):
        _sum_up(connection, shared[at : at + _AT_ONCE])
    if number:
        note_all_labels(connection)
    return int(number)


def _sum_up(connection: Connection, trace_ids: Sequence[str]) -> None:
    """Set what traces come to: the sum of the parts that are left of them."""
    rows = connection.execute(_PARTS, [trace_ids]).fetchall()
    left = {
        trace_id: _Left(sum_of_totals([decoded(text) for _, text in parts]).rollup)
        for trace_id, parts in groupby(rows, itemgetter(0))
    }
    array = needed("numpy", "replay").array
    given = {"id": array(list(left), dtype="object")}
    for at, column in enumerate(_SUMS):
        values = column.values(list(left.values()))
        given[f"c{at}"] = array(values, dtype=column.type.value.array)
    changes = ", ".join(
        f"{quoted(column.name)} = {column.type.value.unpacked.format(f'c{at}')}"
        for at, column in enumerate(_SUMS)
    )
    connection.register("remaining", given)
    connection.execute(f"UPDATE traces SET {changes} FROM remaining WHERE trace_id = remaining.id")
    connection.unregister("remaining")
