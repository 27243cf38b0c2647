"""Add up the parts of sessions: those that are stale, or those that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter

from otel_session_agg._history.columns import of_rows
from otel_session_agg._history.database import Connection, HistoryError, transaction
from otel_session_agg._history.growing_sums import GrowingSums
from otel_session_agg._history.prepared import Arrays, Prepared, arrays_of_sessions, session_of
from otel_session_agg._history.writing import delete_sessions, insert_sessions, write
from otel_session_agg._model.session_sums import sum_of_totals
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.decoding import MalformedError, decode
from otel_session_agg._sharing.encoding import encode
from otel_session_agg._untrusted.values import encodable

_AT_ONCE = 50_000
"""Parts of the sessions that are recounted in one transaction: some 100 MB."""
_ROWS = 1000
"""Parts that are read, or added up, at once."""
_MAX_BYTES = 256 * 1024 * 1024
"""Bytes of a part: names and texts in files may be long."""

_IS_OF_SESSION = of_rows("internal.parts", "session IN (SELECT unnest(?::VARCHAR[]))")

Parts = Sequence[tuple[str, Sequence[str]]]
"""Sessions by name, each with all of its parts."""
Counted = Mapping[str, Arrays]
"""Rows of sessions, by the names of tables."""
Run = Callable[[Callable[[Parts], Counted], Iterable[Parts]], Iterable[Counted]]
"""Calls a function for each value and returns the results, as ``map`` does."""


def recount(
    connection: Connection,
    run: Run = map,
    open_sessions: Collection[str] = (),
    sums: GrowingSums | None = None,
) -> int:
    """Recount all stale sessions, some in each transaction; return how many there were.

    ``run`` may call the function in other processes; ``open_sessions`` are those that get spans;
    ``sums`` knows what was summed up before, of sessions that grow.
    """
    number = 0
    while names := _stale(connection):
        cursor = connection.cursor()  # reads while the other one writes
        with transaction(connection):
            delete_sessions(connection, names)
            still_open = [name for name in names if name in open_sessions]
            if sums is None:
                found = run(counted, _chunks(_parts_of(cursor, names)))
            else:
                found = _growing(sums, cursor, names)
            for rows in found:
                insert_sessions(connection, rows, open_sessions=still_open)
            connection.execute(
                "DELETE FROM internal.stale WHERE session IN (SELECT unnest(?::VARCHAR[]))",
                [names],
            )
        cursor.close()
        number += len(names)
    return number


def write_counted(
    connection: Connection, given: Prepared, still_open: Collection[str], sums: GrowingSums
) -> None:
    """Write everything of some traces, and the sessions that change by it, in one transaction.

    ``still_open``: sessions that get spans beside those that are given.
    """
    with transaction(connection):
        write(connection, given, given.sessions)
        stale = connection.execute("SELECT DISTINCT session FROM internal.stale").fetchall()
        names = [name for (name,) in stale]
        if not names:
            return
        found = list(sums.totals(connection, names, decoded))  # before anything else is asked
        delete_sessions(connection, names)
        own = set(given.sessions)
        are_open = [name for name in names if name in still_open or name in own]
        for at in range(0, len(found), _ROWS):
            some = [session_of(*one) for one in found[at : at + _ROWS]]
            insert_sessions(connection, arrays_of_sessions(some), open_sessions=are_open)
        connection.execute("DELETE FROM internal.stale")


def counted(parts: Parts) -> Counted:
    """Return the rows of some sessions."""
    return arrays_of_sessions(
        [session_of(name, _sum(map(decoded, texts))) for name, texts in parts]
    )


def _growing(sums: GrowingSums, connection: Connection, names: Sequence[str]) -> Iterator[Counted]:
    """Return the rows of some sessions, of which most parts were summed up before."""
    totals = sums.totals(connection, names, decoded)
    while some := [session_of(*one) for one in islice(totals, _ROWS)]:
        yield arrays_of_sessions(some)


def session_totals(connection: Connection, session_id: str) -> SessionTotals | None:
    """Return the totals of a session; ``None``: there is no such session."""
    parts = _parts_of(connection, [encodable(session_id)])
    return next((totals for _, totals in _summed(parts)), None)


def all_totals(connection: Connection) -> Iterator[tuple[str, SessionTotals]]:
    """Return all sessions with their totals, sorted by name."""
    return _summed(
        connection.execute("SELECT session, totals FROM internal.parts ORDER BY session")
    )


def traces_of(connection: Connection, session_id: str) -> list[int]:
    """Return the ids of the traces that have a part in a session."""
    rows = connection.execute(
        "SELECT DISTINCT trace_id FROM internal.parts WHERE session = ? ORDER BY trace_id",
        [encodable(session_id)],
    ).fetchall()
    return [int(trace_id, 16) for (trace_id,) in rows]


def _stale(connection: Connection) -> list[str]:
    """Return stale sessions, one at least and not more than have so many parts."""
    rows = connection.execute(
        "SELECT session FROM (SELECT session, sum(n) OVER (ORDER BY session) - n AS before FROM"
        " (SELECT stale.session, count(parts.session) AS n"
        " FROM (SELECT DISTINCT session FROM internal.stale) AS stale"
        " LEFT JOIN internal.parts AS parts USING (session) GROUP BY stale.session))"
        " WHERE before < ?",
        [_AT_ONCE],
    ).fetchall()
    return [name for (name,) in rows]


def _parts_of(connection: Connection, names: Sequence[str]) -> Connection:
    return connection.execute(
        f"SELECT session, totals FROM internal.parts WHERE {_IS_OF_SESSION} ORDER BY session",
        [names],
    )


def _by_session(rows: Connection) -> Iterator[tuple[str, Iterator[str]]]:
    """Return sessions by name with their parts, which are read as they are asked for."""
    found = chain.from_iterable(iter(lambda: rows.fetchmany(_ROWS), []))
    for name, parts in groupby(found, itemgetter(0)):
        yield name, map(itemgetter(1), parts)


def _summed(rows: Connection) -> Iterator[tuple[str, SessionTotals]]:
    for name, texts in _by_session(rows):
        yield name, _sum(map(decoded, texts))


def _chunks(rows: Connection) -> Iterator[Parts]:
    """Return sessions with their parts, about as many parts at a time as are added up at once."""
    chunk: list[tuple[str, Sequence[str]]] = []
    number = 0
    for name, texts in _by_session(rows):
        some = list(islice(texts, _ROWS))
        if len(some) == _ROWS:  # more than are passed on
            some = [encode(_sum(map(decoded, chain(some, texts)))).decode()]
        chunk.append((name, some))
        number += len(some)
        if number >= _ROWS:
            yield chunk
            chunk, number = [], 0
    if chunk:
        yield chunk


def decoded(text: str) -> SessionTotals:
    """Return the totals of a part."""
    try:
        return decode(text.encode(), max_bytes=_MAX_BYTES)
    except MalformedError:
        message = "the history is damaged: a part of a session cannot be read"
        raise HistoryError(message) from None


def _sum(parts: Iterator[SessionTotals]) -> SessionTotals:
    """Return the sum of parts, of which some are in memory at a time."""
    sums: list[SessionTotals] = []
    while some := list(islice(parts, _ROWS)):
        sums.append(sum_of_totals(some))
    return sum_of_totals(sums)
