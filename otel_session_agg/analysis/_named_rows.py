"""Sessions with how the value of a key is shown, such as a service, read once for many of them."""

from __future__ import annotations

from otel_session_agg._history.columns import ColumnType
from otel_session_agg._history.labels import Labels, labels_of
from otel_session_agg.analysis._source import NONE, OTHER, Source, named_so
from otel_session_agg.attributes import METADATA_PREFIX

__all__ = ["named_rows"]

_ALL = "main.sessions"
_LABEL = "label_shown"
"""The column that is added."""


def named_rows(sessions: Source, key: str | None, table: str = "sessions") -> tuple[str, str]:
    """Return sessions as a table, and an expression over it for how the value of a key is shown.

    Args:
        sessions: what is asked.
        key: ``user``, a dimension, or ``metadata.`` and a name; ``None``: there is one for all.
        table: those that are wanted, or a query in brackets for them.

    """
    plain = table if table == "sessions" else f"{table} AS sessions"
    if key is None:
        return plain, "''"
    if key == "user":
        return plain, _named("sessions.user")
    if key.startswith(METADATA_PREFIX):
        labels = Labels(_ALL, ("metadata",), has_few=False)
    else:
        labels = labels_of(sessions.rows, _ALL, ("dimensions",))
    table = labels.added_to(table, {_LABEL: (key, ColumnType.TEXT)})
    return f"{table} AS sessions", _named(_LABEL)


def _named(column: str) -> str:
    """Return how a value is shown, which is compared with a pattern where it has to be only."""
    may_be = f"""{column} IN ('{NONE}', '{OTHER}') OR contains({column}, '"')"""
    return f"CASE WHEN {may_be} THEN {named_so(column)} ELSE coalesce({column}, '{NONE}') END"
