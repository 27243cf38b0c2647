"""What can be selected, what is wanted of it, and what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg._history import figures
from otel_session_agg._history.breakdown import PARTS
from otel_session_agg._history.columns import Column, naive
from otel_session_agg._history.rollup_tables import BREAKDOWN, OF_DETAILS, SESSIONS, TRACES
from otel_session_agg._history.span_tables import CALLS, SPANS
from otel_session_agg._history.tables import DETAILS, tables_named

Value = str | bool | int | float | Decimal | datetime | tuple[str, ...] | None
"""A value of a result; ``None``: it is not known."""


class Source(NamedTuple):
    """What can be selected."""

    sql: str
    columns: Sequence[Column]
    figures: Mapping[str, str]
    order: str
    """The column by which rows are sorted, with a minus before it descending."""
    ids: Sequence[str]
    """Columns that decide between equal rows."""
    labels_of: str | None = None
    """The table that has all labels of its rows; ``None``: they have none."""


SOURCES: Mapping[str, Source] = {
    "session": Source(
        "main.sessions",
        SESSIONS.columns,
        figures.OF_SESSIONS,
        "-end_time",
        ["session"],
        SESSIONS.name,
    ),
    "trace": Source(
        "main.traces", TRACES.columns, figures.OF_TRACES, "-end_time", ["trace_id"], TRACES.name
    ),
    "root": Source(
        "(SELECT * FROM main.traces WHERE root_id IS NOT NULL)",
        TRACES.columns,
        figures.OF_TRACES,
        "-end_time",
        ["trace_id"],
        TRACES.name,
    ),
    "call": Source(
        "main.calls",
        CALLS.columns,
        figures.OF_CALLS,
        "start_time",
        ["trace_id", "span_id"],
        TRACES.name,
    ),
    "span": Source(
        "(SELECT *, NULL::DECIMAL(38, 12) AS cost FROM main.spans)",
        SPANS.columns,
        figures.OF_SPANS,
        "start_time",
        ["trace_id", "span_id"],
    ),
}
"""By what ``--by`` is; tables have their schema, so that a query can call a part of itself so."""


class Selection(NamedTuple):
    """What is wanted."""

    by: str = "session"
    """A key of ``SOURCES``."""
    where: str | Sequence[str] | None = None
    """A condition, in SQL or without quotes: see `conditions`; several: all are to be met."""
    group_by: Sequence[str] = ()
    """Columns of text, labels, and at most one of model, agent and tool."""
    columns: Sequence[str] | None = None
    """Columns and labels, or the figures of groups; ``None``: all."""
    sort: str | None = None
    """A column, key or figure, with a minus before it descending; unknown values come last."""
    limit: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    """What began from then on, and before then."""
    labels: Sequence[str] = ()
    """Labels that may be named although no session has them."""

    @property
    def conditions(self) -> Sequence[str]:
        """All conditions."""
        return _conditions(self.where)

    @property
    def is_everything(self) -> bool:
        """Return whether nothing is left out."""
        given = (self.limit, self.since, self.until)
        return not self.conditions and given == (None, None, None)

    def narrowed(
        self,
        where: str | Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Selection:
        """Return a selection of what meets further conditions, too, and began in both times."""
        return self._replace(
            where=(*self.conditions, *_conditions(where)) or None,
            since=max(_times(self.since, since), default=None),
            until=min(_times(self.until, until), default=None),
        )


def _conditions(where: str | Sequence[str] | None) -> Sequence[str]:
    return [where] if isinstance(where, str) else where or ()


def _times(*given: datetime | None) -> list[datetime]:
    return [naive(time) for time in given if time is not None]


class Filtered(NamedTuple):
    """What meets a selection."""

    sql: str
    """A sub-query, in brackets, with the columns of its source."""
    parameters: list[datetime]


def tables_of(selection: Selection) -> frozenset[str]:
    """Return the names of the tables that a selection is made from."""
    source = SOURCES.get(selection.by)
    is_split = not PARTS.keys().isdisjoint(selection.group_by)
    found = tables_named("" if source is None else source.sql)
    labels_of = {source.labels_of} if source is not None and source.labels_of else set()
    found = found.union(labels_of, {BREAKDOWN.name} if is_split else ())
    return found if _reads_details(selection) else found - {DETAILS}


def _reads_details(selection: Selection) -> bool:
    """Return whether a selection may read columns that come from details."""
    if selection.by != "session" or selection.group_by or selection.columns is None:
        return True
    named = (*selection.columns, *selection.conditions, selection.sort or "")
    return any(name in text.casefold() for text in named for name in OF_DETAILS)


class Result(NamedTuple):
    """What was found."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Value, ...]]
    """Read as they are asked for."""
    total: Mapping[str, Value]
    """Figures over all that was found, whatever the limit, by name."""
