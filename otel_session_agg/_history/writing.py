"""Write what stored traces come to: one transaction for everything of some traces.

A trace that is there already is replaced with all that belongs to it, so that late spans correct
totals, and a second run doubles nothing.  The row of a session is written along when all of its
parts are given; else the session is noted as stale, and `recounting` adds its parts up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from otel_session_agg._history.columns import Table, literal, quoted
from otel_session_agg._history.database import Connection
from otel_session_agg._history.labels import OBJECTS, note_labels
from otel_session_agg._history.prepared import Arrays, Prepared
from otel_session_agg._history.rollup_tables import BREAKDOWN, SESSIONS, TRACES
from otel_session_agg._history.span_tables import CALLS, FEEDBACK, SPANS
from otel_session_agg._history.tables import SESSION_PARTS

_OF_TRACES = (SESSION_PARTS, TRACES, CALLS, SPANS)
"""Tables whose rows belong to one trace."""
_GIVEN = "given"
_IS_ONE = "trace_id IN (SELECT unnest(?::VARCHAR[]))"
_IS_THEN = "start_time BETWEEN make_timestamp(?) AND make_timestamp(?)"
_IS_GIVEN = "session IN (SELECT unnest(?::VARCHAR[]))"
_STATE = f"CASE WHEN {_IS_GIVEN} THEN 'open' ELSE state END AS state"
_START = [column.name for column in SPANS.stored].index("start_time")
_SLACK_MICROSECONDS = 3600 * 1_000_000
"""A call does not begin so long before all spans of its trace."""


def write(connection: Connection, given: Prepared, open_sessions: Collection[str] = ()) -> None:
    """Write everything of some traces, in the transaction that is open.

    ``open_sessions``: those that get spans, and so have not ended although their traces have.
    """
    _forget_sessions(connection, _forget(connection, given).intersection(given.sessions))
    known = _known_sessions(connection, given.sessions)
    for table in _OF_TRACES:
        _insert(connection, table, given.of_traces.get(table.name, {}))
    insert_sessions(connection, given.of_sessions, known, open_sessions)


def insert_sessions(
    connection: Connection,
    rows: Mapping[str, Arrays],
    known: Sequence[str] = (),
    open_sessions: Collection[str] = (),
) -> None:
    """Insert sessions but for those that are known, and what they are made of.

    ``open_sessions``: those that are open, whatever their rows say.
    """
    _insert(connection, SESSIONS, rows.get(SESSIONS.name, {}), known, open_sessions)
    _insert(connection, BREAKDOWN, rows.get(BREAKDOWN.name, {}), known)


def _insert(
    connection: Connection,
    table: Table,
    arrays: Arrays,
    but: Sequence[str] = (),
    open_sessions: Collection[str] = (),
) -> None:
    """Insert rows, but for those of some sessions."""
    if not arrays:
        return
    names = ", ".join(quoted(column.name) for column in table.stored)
    values = ", ".join(
        f"{column.type.value.unpacked.format(f'c{at}')} AS {quoted(column.name)}"
        for at, column in enumerate(table.stored)
    )
    rows, parameters = f"SELECT {values} FROM {_GIVEN}", list[object]()
    if open_sessions:
        rows, parameters = f"SELECT * REPLACE ({_STATE}) FROM ({rows})", [list(open_sessions)]
    if but:
        rows = f"FROM ({rows}) WHERE session NOT IN (SELECT unnest(?::VARCHAR[]))"
        parameters.append(list(but))
    connection.register(_GIVEN, arrays)
    connection.execute(f"INSERT INTO {table.name} ({names}) {rows}", parameters)
    if table in (SESSIONS, TRACES):  # calls have those of their traces
        places = (at for at, one in enumerate(table.stored) if one.name in OBJECTS)
        texts = {text for at in places for text in arrays[f"c{at}"].tolist() if text is not None}
        note_labels(connection, table.name, texts)
    connection.unregister(_GIVEN)


def note_open(connection: Connection, names: Iterable[str]) -> None:
    """Note that sessions get spans."""
    connection.execute(f"UPDATE sessions SET state = 'open' WHERE {_IS_GIVEN}", [list(names)])


def note_ended(connection: Connection, names: Iterable[str]) -> None:
    """Note that sessions get no spans any more: they end unless a root of theirs has not."""
    connection.execute(
        f"UPDATE sessions SET state = 'ended' WHERE state = 'open' AND open_roots = 0"
        f" AND {_IS_GIVEN}",
        [list(names)],
    )


def delete_sessions(connection: Connection, names: Iterable[str]) -> None:
    """Delete the rows of sessions, and what they are made of."""
    given = [list(names)]
    for table in (SESSIONS, BREAKDOWN):
        connection.execute(f"DELETE FROM {table.name} WHERE {_IS_GIVEN}", given)


def _forget(connection: Connection, given: Prepared) -> set[str]:
    """Delete traces that are there; return the sessions that they were parts of, now stale."""
    before = connection.execute(
        f"SELECT DISTINCT trace_id, session FROM internal.parts WHERE {_IS_ONE}",
        [list(given.trace_ids)],
    ).fetchall()
    there = sorted({trace_id for trace_id, _ in before})
    if not there:
        return set()
    times = _times(given)
    if times is None or not _forget_in(connection, there, times):
        for table in (TRACES, CALLS, SPANS):
            connection.execute(f"DELETE FROM {table.name} WHERE {_IS_ONE}", [there])
    connection.execute(f"DELETE FROM {SESSION_PARTS.name} WHERE {_IS_ONE}", [there])
    sessions = {session for _, session in before}
    _note_stale(connection, sessions)
    return sessions


def _times(given: Prepared) -> tuple[int, int] | None:
    """Return times around the starts of all spans that are given, in microseconds.

    ``None``: they are not known.
    """
    spans = given.of_traces.get(SPANS.name)
    if not spans:
        return None
    starts = spans[f"c{_START}"]
    first, last = int(starts.min()) - _SLACK_MICROSECONDS, int(starts.max()) + _SLACK_MICROSECONDS
    return (first, last) if first > 0 else None


def _forget_in(connection: Connection, trace_ids: Sequence[str], times: tuple[int, int]) -> bool:
    """Delete traces with spans and calls in some time; return whether these are all of them.

    Rows are mostly in the order of their times, so that most of a large table is not read.
    """
    given = [trace_ids, *times]
    of_traces = f"{_IS_ONE} AND {_IS_THEN}"
    is_feedback = f"kind IS NOT DISTINCT FROM {literal(FEEDBACK)}"  # which traces do not count
    [(number, wanted)] = connection.execute(
        f"SELECT count(*), coalesce(sum(spans), 0) FROM traces WHERE {of_traces}",
        given,
    ).fetchall()
    if number < len(trace_ids):
        return False
    connection.execute(f"DELETE FROM {SPANS.name} WHERE {of_traces} AND {is_feedback}", given)
    deleted = {
        table.name: connection.execute(
            f"DELETE FROM {table.name} WHERE {of_traces}", given
        ).fetchall()
        for table in (SPANS, CALLS, TRACES)
    }
    return deleted[SPANS.name] == [(wanted,)]


def _forget_sessions(connection: Connection, names: Iterable[str]) -> None:
    """Delete those sessions of which no part is left: the rows that are given are all of them."""
    given = [list(names)]
    if not given[0]:
        return
    left = connection.execute(
        f"SELECT DISTINCT session FROM internal.parts WHERE {_IS_GIVEN}", given
    ).fetchall()
    gone = [list(set(given[0]) - {name for (name,) in left})]
    delete_sessions(connection, gone[0])
    connection.execute(f"DELETE FROM internal.stale WHERE {_IS_GIVEN}", gone)


def _known_sessions(connection: Connection, names: Sequence[str]) -> list[str]:
    """Return the sessions of which there is something already; they become stale."""
    found = connection.execute(
        "SELECT session FROM sessions WHERE session IN (SELECT unnest($1::VARCHAR[]))"
        " UNION SELECT session FROM internal.stale WHERE session IN (SELECT unnest($1::VARCHAR[]))",
        [list(names)],
    ).fetchall()
    known = [name for (name,) in found]
    _note_stale(connection, known)
    return known


def _note_stale(connection: Connection, names: Iterable[str]) -> None:
    given = list(names)
    if given:
        connection.execute("INSERT INTO internal.stale SELECT unnest(?::VARCHAR[])", [given])
