"""Sessions that are known as a whole, in groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import Any, NamedTuple

from otel_session_agg._cli.selected import write_selected
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._sharing.stored_sessions import StoredSession


class Groups(NamedTuple):
    """All groups, and the figures over all of them."""

    rows: Sequence[Mapping[str, Any]]
    total: Mapping[str, Any]


def history_of_sessions(sessions: Iterable[StoredSession]) -> History:
    """Sessions in tables; each has an id of its own."""
    history = History()
    history.add_sessions([replace(one, session_id=f"{one.session_id}-{place}") for place, one in enumerate(sessions)])
    return history


def grouped(sessions: Iterable[StoredSession], keys: Sequence[str], sort: str | None = None) -> Groups:
    """Group sessions by keys."""
    with history_of_sessions(sessions) as history:
        result = history.select(Selection(group_by=keys, sort=sort))
        return Groups([dict(zip(result.columns, row, strict=True)) for row in result.rows], result.total)


def printed(sessions: Iterable[StoredSession], selection: Selection, form: str) -> str:
    """What is printed of them."""
    out = StringIO(newline="")
    with history_of_sessions(sessions) as history:
        write_selected(out, form, history.select, selection, ["session"], has_total=False)
    return out.getvalue()
