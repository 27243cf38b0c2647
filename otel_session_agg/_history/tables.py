"""All tables: documentation, files and commands are made from their declarations."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from otel_session_agg._history.columns import Column, ColumnType, Table, hex_id
from otel_session_agg._history.json_texts import totals_text
from otel_session_agg._history.rollup_tables import BREAKDOWN, SESSIONS, TRACES
from otel_session_agg._history.span_tables import CALLS, SPANS

TABLES: Sequence[Table] = (SESSIONS, TRACES, CALLS, BREAKDOWN, SPANS)
"""Those of users, in the order in which they are documented."""

SESSION_PARTS = Table(
    "internal.parts",
    "what one trace adds to one session; a session is what its parts add up to",
    (
        Column("trace_id", ColumnType.TEXT, "trace id", lambda row: hex_id(row.trace_id, 32)),
        Column("session", ColumnType.TEXT, "session id", attrgetter("session_id")),
        Column("totals", ColumnType.TEXT, "encoded", lambda row: totals_text(row.totals)),
    ),
)

DETAILS = "internal.details"
"""Stands among names of tables for the columns that come from details (`OF_DETAILS`)."""

SESSIONS_ONLY = frozenset({SESSIONS.name, DETAILS})
"""The table that is always filled: others may be left empty where nobody will ask for them, and so
may columns of it."""
COUNTED = SESSIONS_ONLY.union(
    table.name for table in (*TABLES, SESSION_PARTS) if table is not SPANS
)
"""All tables of what spans come to."""
KEPT = COUNTED | {SPANS.name}
"""All tables, as in files that are kept: only there traces can be added to, or replaced."""


def tables_named(sql: str) -> frozenset[str]:
    """Return the tables that a query may read: all whose name is in its text."""
    text = sql.casefold()
    return SESSIONS_ONLY.union(name for name in KEPT if name in text)
