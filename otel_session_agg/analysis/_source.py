"""Ask the tables of sessions, whoever holds them, and split sessions by a key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict, runtime_checkable

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._explain.explanation import Explanation
from otel_session_agg._history.sources import Filtered, Selection

if TYPE_CHECKING:
    from typing_extensions import Unpack
from otel_session_agg._untrusted.formatting import short

__all__ = [
    "BREAKDOWNS",
    "NONE",
    "OTHER",
    "USER_ID",
    "Explains",
    "Narrowed",
    "Only",
    "Rows",
    "Source",
    "Stored",
    "check_key",
    "default_segment",
    "dimension_names",
    "name_of",
    "named_so",
    "named_text",
    "parts_by",
    "selected",
    "selection_of",
    "value_named",
    "words_of",
]


Rows = list[tuple[Any, ...]]

NONE = "none"
"""What sessions without a value are called; breakdowns call it so."""

OTHER = "other"
"""What all further names are called together; breakdowns call it so."""

BREAKDOWNS = ("model", "agent", "tool")
"""Keys by which a session is split into parts."""

USER_ID = "user.id"
"""The dimension that says the same as the user of a session."""

_RESERVED = f'"*(?:{NONE}|{OTHER})"*'
"""Values that are shown with quotes around them, so that no row is of two things."""
_HAS_VALUE = "SELECT 1 FROM sessions WHERE {value} IS NOT NULL LIMIT 1"
_METADATA_NAMES = """
SELECT DISTINCT unnest(json_keys(metadata)) AS name FROM sessions ORDER BY name LIMIT ?
"""
_SERVICE = "service.name"
_METADATA = "metadata."
"""Before the name of an entry of the metadata."""
_MAX_DIMENSIONS = 16
_MAX_SEGMENTS = 12
"""Segments of a default: more would be names of users or versions."""
_NUM_SEGMENTS = "SELECT count(DISTINCT {name}) FROM sessions"
_PARTS = """
parts AS (
    SELECT session, {table}.start_time, {name} AS name, {calls} AS calls,
           {table}.tokens, {table}.unpriced, {table}.cost
    FROM {source}
)"""
"""What each session came to under each of its names; the parts of a session add up to it."""


@runtime_checkable
class Explains(Protocol):
    """Sessions with spans."""

    def explain(self, *, session_id: str) -> Explanation:
        """Explain the totals of a session by its spans."""


class Source(Protocol):
    """Sessions in tables."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        """Return the rows that a query selects."""


class Stored(Source, Protocol):
    """Sessions of which some can be selected: what a replay returns, or a history."""

    def filtered(self, selection: Selection) -> Filtered:
        """Return a part of a query for those that are selected."""


@runtime_checkable
class Narrowed(Protocol):
    """Sessions of which some are selected."""

    @property
    def selection(self) -> Selection:
        """What is selected."""


class Only(TypedDict, total=False):
    """Which sessions a figure is about; all, when nothing is said."""

    where: str | Sequence[str] | None
    """A condition in SQL over the columns of sessions, dimensions and metadata; several: all are
    to be met.
    """
    since: datetime | None
    until: datetime | None
    """Those that began from then on, and before then; UTC when it has no zone."""


class _Selected(NamedTuple):
    """Some of the sessions, as the tables that a query sees."""

    source: Source
    found: Filtered

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        """Return the rows that a query selects, which may begin with ``WITH``."""
        tables = [f"sessions AS {self.found.sql}"]
        if "breakdown" in sql:
            tables.append(_THEIR_PARTS)
        before, more, query = sql.partition("WITH ")
        if more and not before.strip():
            sql = f", {query}"
        parameters = [*self.found.parameters, *parameters]
        return self.source.rows(f"WITH {', '.join(tables)} {sql}", parameters)


_THEIR_PARTS = """
breakdown AS (SELECT * FROM main.breakdown WHERE session IN (SELECT session FROM sessions))
"""


def selection_of(sessions: Stored, **only: Unpack[Only]) -> Selection:
    """Return what is selected, by the sessions themselves and by what else is to be met.

    Raises:
        SessionAggError: they are no sessions, but calls or traces.

    """
    own = sessions.selection if isinstance(sessions, Narrowed) else Selection()
    if own.by != "session":
        message = f"figures are about sessions: they cannot be about what is selected by {own.by}"
        raise SessionAggError(message)
    return own.narrowed(**only)


def words_of(selection: Selection) -> list[str]:
    """Return what is selected, in words, which are foreign."""
    times = (("from", selection.since), ("before", selection.until))
    limit = selection.limit
    return [
        *selection.conditions,
        *(f"{word} {time:%Y-%m-%d %H:%M} UTC" for word, time in times if time is not None),
        *([] if limit is None else [f"the first {limit:,} by {selection.sort or '-end_time'}"]),
    ]


def selected(sessions: Stored, **only: Unpack[Only]) -> Source:
    """Return the sessions that are selected: queries see these only.

    Raises:
        SessionAggError: a condition is not understood, or selects something else than sessions.

    """
    selection = selection_of(sessions, **only)
    if selection.is_everything:
        return sessions
    return _Selected(sessions, sessions.filtered(selection))


def dimension_names(sessions: Source) -> list[str]:
    """Return the names of the dimensions that sessions have."""
    rows = sessions.rows(
        "SELECT DISTINCT unnest(json_keys(dimensions)) AS name FROM sessions ORDER BY name LIMIT ?",
        [_MAX_DIMENSIONS],
    )
    return [name for (name,) in rows]


def parts_by(key: str) -> tuple[str, list[object]]:
    """Return the table ``parts`` as SQL, for ``WITH``, and its parameters.

    The key is ``model``, ``agent``, ``tool``, ``user``, the name of a dimension, or that of an
    entry of the metadata after ``metadata.``.
    """
    if key in BREAKDOWNS:
        source = f"breakdown WHERE kind = '{key}'"
        return _PARTS.format(
            name=f"coalesce(breakdown.name, '{NONE}')",
            calls="breakdown.calls",
            table="breakdown",
            source=source,
        ), []
    name, parameters = name_of(key)
    sql = _PARTS.format(name=name, calls="model_events", table="sessions", source="sessions")
    return sql, parameters


def name_of(key: str | None) -> tuple[str, list[object]]:
    """Return an expression for how the value of a key is shown, and its parameters."""
    if key is None:
        return "''", []
    value, parameters = value_of(key)
    return named_so(value), parameters


def value_of(key: str) -> tuple[str, list[object]]:
    """Return an expression for the value that a session has for a key, and its parameters.

    It is NULL for a session without one.
    """
    if key == "user":
        return "sessions.user", []
    is_metadata = key.startswith(_METADATA)
    name = key[len(_METADATA) :] if is_metadata else key
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    column = "metadata" if is_metadata else "dimensions"
    return f"json_extract_string({column}, ?)", [pointer]


def named_so(value: str) -> str:
    """Return the expression for how a value is shown: ``none`` where there is none.

    A value that would be taken for that, or for ``other``, is in quotes.
    """
    return f"""coalesce(regexp_replace({value}, '^{_RESERVED}$', '"\\0"'), '{NONE}')"""


def named_text(value: str | None) -> str:
    """Return how `named_so` shows a value."""
    if value is None:
        return NONE
    return f'"{value}"' if re.fullmatch(_RESERVED, value) else value


def value_named(name: str) -> str | None:
    """Return the value that is shown so; ``None``: there is none."""
    if name == NONE:
        return None
    return name[1:-1] if name.startswith('"') and re.fullmatch(_RESERVED, name) else name


def check_key(sessions: Source, key: str, *more: str) -> None:
    """Raise `SessionAggError` if no session has a value for a key, nor it is one of some more."""
    if key in ("user", *more):
        return
    names = dimension_names(sessions)
    if key.startswith(_METADATA):
        value, parameters = value_of(key)
        if sessions.rows(_HAS_VALUE.format(value=value), parameters):
            return
        found = sessions.rows(_METADATA_NAMES, [_MAX_DIMENSIONS])
        names += [_METADATA + name for (name,) in found]
    elif key in names:
        return
    known = ", ".join(short(name) for name in (*more, "user", *names))
    message = f"no session has a value for {short(key)}; there are: {known}"
    raise SessionAggError(message)


def default_segment(sessions: Source) -> str | None:
    """Return a dimension that divides sessions into a few segments; ``None``: none does.

    The service if it does, else the first one by name that is not the user.
    """
    names = [name for name in dimension_names(sessions) if name != USER_ID]
    for name in sorted(names, key=lambda name: name != _SERVICE):
        value, parameters = name_of(name)
        [(number,)] = sessions.rows(_NUM_SEGMENTS.format(name=value), parameters)
        if 1 < number <= _MAX_SEGMENTS:
            return name
    return None
