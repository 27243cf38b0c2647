"""What is written of some traces, made ready: nothing is left to compute where it is written.

It can be made in other processes than the one that writes: it is pickled as arrays of numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from otel_session_agg._extras import needed
from otel_session_agg._history.breakdown import parts_of_session
from otel_session_agg._history.columns import Table
from otel_session_agg._history.rollup_tables import BREAKDOWN, SESSIONS, TRACES
from otel_session_agg._history.span_tables import CALLS, SPANS, StoredCall, StoredSpan
from otel_session_agg._history.tables import KEPT, SESSION_PARTS
from otel_session_agg._model.replayed import ReplayedCall, ReplayedTrace, SessionPart
from otel_session_agg._model.session_sums import sum_of_totals
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.stored_sessions import StoredSession
from otel_session_agg._untrusted.values import encodable

Arrays = Mapping[str, Any]
"""Arrays of numpy, ``c0``, ``c1`` and so on: one for each column that is stored; all as long."""


class Prepared(NamedTuple):
    """Everything of some traces."""

    trace_ids: Sequence[str]
    of_traces: Mapping[str, Arrays]
    """By the names of tables, the rows that belong to one trace."""
    sessions: Sequence[str]
    of_sessions: Mapping[str, Arrays]
    """By the names of tables, the rows of these sessions as far as these traces are their parts."""


def prepared(
    parts: Iterable[SessionPart],
    traces: Iterable[ReplayedTrace],
    calls: Iterable[ReplayedCall],
    spans: Iterable[StoredSpan] = (),
    *,
    tables: frozenset[str] = KEPT,
) -> Prepared:
    """Return everything of some traces, ready to be written.

    ``tables``: the names of those that are filled.  Without ``internal.parts``, what these traces
    add to a session is one part of it, and they cannot be replaced.
    """
    parts, traces = list(parts), list(traces)
    ids = {part.trace_id for part in parts}.union(trace.trace_id for trace in traces)
    by_session: dict[str, list[SessionTotals]] = {}
    for part in parts:
        by_session.setdefault(encodable(part.session_id), []).append(part.totals)
    sessions = [session_of(name, sum_of_totals(totals)) for name, totals in by_session.items()]
    if SESSION_PARTS.name not in tables:
        ids, parts = set(), [SessionPart(0, one.session_id, one.totals) for one in sessions]
    of_traces: Sequence[tuple[Table, Sequence[Any]]] = (
        (SESSION_PARTS, parts),
        (TRACES, traces),
        (CALLS, _with_traces(calls, traces)),
        (SPANS, list(spans)),
    )
    return Prepared(
        [f"{trace_id:032x}" for trace_id in ids],
        {
            table.name: arrays_of(table, rows)
            for table, rows in of_traces
            if table.name in tables or table is SESSION_PARTS
        },
        list(by_session),
        arrays_of_sessions(sessions, tables),
    )


def _with_traces(
    calls: Iterable[ReplayedCall], traces: Iterable[ReplayedTrace]
) -> list[StoredCall]:
    of_traces = {trace.trace_id: (trace.user_id, trace.dimensions) for trace in traces}
    return [StoredCall(call, *of_traces.get(call.trace_id, (None, None))) for call in calls]


def session_of(session_id: str, totals: SessionTotals) -> StoredSession:
    """Return a session of stored traces: it has ended unless one of its roots has not."""
    return StoredSession(session_id, totals, has_ended=not totals.num_open, revision=0)


def arrays_of_sessions(
    sessions: Sequence[StoredSession], tables: frozenset[str] = KEPT
) -> Mapping[str, Arrays]:
    """Return the rows of sessions, and of what they are made of, by the names of tables."""
    found = {SESSIONS.name: arrays_of(SESSIONS, sessions)}
    if BREAKDOWN.name in tables:
        rows = [row for one in sessions for row in parts_of_session(one)]
        found[BREAKDOWN.name] = arrays_of(BREAKDOWN, rows)
    return found


def arrays_of(table: Table, rows: Sequence[Any]) -> Arrays:
    """Return the columns for some values."""
    if not rows:
        return {}
    array = needed("numpy", "replay").array
    columns = zip(table.stored, table.values(rows), strict=True)
    return {
        f"c{at}": array(values, dtype=column.type.value.array)
        for at, (column, values) in enumerate(columns)
    }
