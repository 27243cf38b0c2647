"""What conditions of rules may name: the documented columns of sessions, and labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.columns import Column, ColumnType
from otel_session_agg._history.rollup_tables import SESSIONS
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._sharing.stored_sessions import StoredSession
from otel_session_agg._untrusted.formatting import proposal, short
from otel_session_agg._untrusted.values import PUSD_PER_USD
from otel_session_agg.analysis._source import named_text
from otel_session_agg.attributes import METADATA_PREFIX, SESSION_ID, USER_ID

Row = Mapping[str, Any]
"""Values of a session by column: money as ``Decimal`` in USD, durations in milliseconds."""

_ALLOWED_TYPES = frozenset(
    {
        ColumnType.TEXT,
        ColumnType.TEXTS,
        ColumnType.COUNT,
        ColumnType.NUMBER,
        ColumnType.USD,
        ColumnType.FLAG,
    }
)
COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in SESSIONS.columns
    if column.type in _ALLOWED_TYPES and not column.derived
}
"""By name."""

ALIASES: Mapping[str, str] = {
    SESSION_ID: "session",
    USER_ID: "user",
    "total_tokens": "tokens",
    "num_errors": "errors",
    "num_events": "events",
    "num_model_events": "model_events",
    "num_tool_events": "tool_events",
    "num_traces": "traces",
    "num_turns": "turns",
    "num_unpriced_events": "unpriced",
    "has_feedback": "feedback",
}
"""Names that roots and records have for columns."""

DURATIONS = frozenset(
    {"duration", "model_duration", "tool_duration", "idle_duration", "avg_trace_latency"}
)
"""Columns in milliseconds."""

COSTS = frozenset({"cost", "average_turn_cost"})
"""Columns that are only a part of what is asked where calls are unpriced: a lower bound."""

NUMBERS = frozenset(
    name
    for name, column in COLUMNS.items()
    if column.type in {ColumnType.COUNT, ColumnType.NUMBER, ColumnType.USD}
)
"""Columns that can be added up."""

LABELS = ("dimensions", "metadata")
"""Columns that have labels; of a name in both, the first one counts."""

READ = (*COLUMNS, *LABELS, "end_time")
"""What is read of a session to check it."""

_MAX_NAME = 60


def is_label(name: str) -> bool:
    """Return whether a name is that of a dimension or of metadata."""
    return "." in name and name not in COLUMNS


def column_named(name: str, among: frozenset[str] | None = None) -> str:
    """Return the name of a column.

    Raises:
        SettingsError: there is none; the text has those that there are.

    """
    found = ALIASES.get(name, name)
    allowed = COLUMNS.keys() if among is None else among
    if found not in allowed:
        names = ", ".join(one for one in COLUMNS if one in allowed)
        more = ", a dimension such as service.name, or metadata.NAME" if among is None else ""
        meant = proposal(name, [*sorted(allowed), *ALIASES])
        message = f"there is no column {short(name, _MAX_NAME)!r}{meant}: use one of {names}{more}"
        raise SettingsError(message)
    return found


def key_named(name: str) -> str:
    """Return what sessions can be divided by: a user, a dimension or an entry of metadata.

    Raises:
        SettingsError: it is none of these.

    """
    found = ALIASES.get(name, name)
    if found != "user" and not is_label(found):
        message = (
            f"sessions cannot be divided by {short(name, _MAX_NAME)!r}: use user, a dimension"
            " such as service.name, or metadata.NAME"
        )
        raise SettingsError(message)
    return found


def row_of(record: SessionRecord) -> Row:
    """Return the columns of a session that has ended."""
    stored = StoredSession(
        record.session_id,
        record.totals,
        has_ended=True,
        revision=record.revision,
        end_reason=record.end_reason,
    )
    row = {name: SESSIONS.by_name[name].read(stored) for name in READ}
    if row["cost"] is not None:
        row["cost"] = Decimal(row["cost"]) / PUSD_PER_USD
    return row


def label_of(row: Row, name: str) -> str | None:
    """Return the value of a label as a text; ``None``: the session has none."""
    key = name.removeprefix(METADATA_PREFIX)
    for column in LABELS:
        value = json.loads(row[column]).get(key) if row[column] else None
        if value is not None:
            return value if isinstance(value, str) else json.dumps(value)
    return None


def segment_of(row: Row, key: str | None) -> str:
    """Return the segment of a session: the value of a key, as it is shown."""
    if key is None:
        return ""
    value = row["user"] if key == "user" else label_of(row, key)
    return named_text(value)
