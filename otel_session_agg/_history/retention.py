"""Forget sessions that are over."""

from __future__ import annotations

from datetime import datetime

from otel_session_agg._history.columns import naive
from otel_session_agg._history.database import Connection
from otel_session_agg._history.rollup_tables import TRACES
from otel_session_agg._history.span_tables import CALLS, SPANS
from otel_session_agg._history.tables import SESSION_PARTS

_OLD = "SELECT session FROM sessions WHERE end_time < ?"


def forget_before(connection: Connection, time: datetime) -> int:
    """Delete the sessions that ended before a time, and their traces; return how many there were.

    A trace stays as long as one of its sessions does, with all that it came to; its calls go with
    their session.
    """
    before = [naive(time)]
    [(number,)] = connection.execute(f"SELECT count(*) FROM ({_OLD})", before).fetchall()
    connection.execute(f"DELETE FROM {SESSION_PARTS.name} WHERE session IN ({_OLD})", before)
    for table in (TRACES, CALLS, SPANS):
        connection.execute(
            f"DELETE FROM {table.name}"
            f" WHERE trace_id NOT IN (SELECT trace_id FROM {SESSION_PARTS.name})"
        )
    for name in ("breakdown", CALLS.name):  # calls are in one session, traces may be in several
        connection.execute(f"DELETE FROM {name} WHERE session IN ({_OLD})", before)
    connection.execute("DELETE FROM sessions WHERE end_time < ?", before)
    return int(number)
