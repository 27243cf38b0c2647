"""What the API answers with: models of the tables of the history, and of what views return.

Names of figures are those of columns, which conditions use, too; each says its unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field, PlainSerializer, create_model

from otel_session_agg._history.columns import Column, ColumnType
from otel_session_agg._views.listing import columns_of

__all__ = [
    "PAGES", "ChartFigures", "Group", "Groups", "Names", "Problem", "SessionFigures", "Status",
    "Totals", "Usd",
]  # fmt: skip

Usd = Annotated[Decimal, PlainSerializer(float, return_type=float)]
"""USD, as a number."""

_TYPES: Mapping[ColumnType, Any] = {
    ColumnType.TEXT: str | None,
    ColumnType.TEXTS: list[str] | None,
    ColumnType.OBJECT: dict[str, Any] | None,
    ColumnType.COUNT: int | None,
    ColumnType.NUMBER: float | None,
    ColumnType.FLAG: bool | None,
    ColumnType.TIME: datetime | None,
    ColumnType.USD: Usd | None,
}


def _row(name: str, columns: Iterable[Column]) -> type[BaseModel]:
    """Return the model of a row with some columns."""
    fields: dict[str, Any] = {
        column.name: (_TYPES[column.type], Field(None, description=column.meaning))
        for column in columns
    }
    return create_model(name, __doc__="One row; null: unknown.", **fields)


def _page(row: type[BaseModel]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "items": (Sequence[row], Field(description="its rows")),  # type: ignore[valid-type]
        "next_cursor": (str | None, Field(description="begins the next page; null: there is none")),
    }
    return create_model(f"{row.__name__}Page", __doc__="A page of a list.", **fields)


_ROWS = {by: _row(by.title(), columns_of(by)) for by in ("session", "trace", "call")}
_SessionRow = _ROWS["session"]
PAGES: Mapping[str, type[BaseModel]] = {by: _page(row) for by, row in _ROWS.items()}
"""By what is listed: ``session``, ``trace`` or ``call``."""


class Problem(BaseModel):
    """What is wrong (RFC 9457)."""

    title: str
    status: int
    detail: str


class Totals(BaseModel):
    """Figures over the sessions that are selected; null: unknown."""

    sessions: int
    running: int = Field(description="sessions that are open")
    cost: Usd | None = Field(description="known cost, USD")
    sessions_priced: int = Field(description="sessions with a known cost, or a part of it")
    average_cost: Usd | None = Field(description="USD, for each of these")
    unpriced: int = Field(description="calls whose cost is unknown and not in the cost")
    sessions_unpriced: int = Field(description="sessions with such calls")
    tokens: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cache_read_tokens: int
    traces: int
    model_calls: int
    tool_calls: int
    errors: int = Field(description="events that failed")
    sessions_failed: int = Field(description="sessions with errors")
    sessions_with_feedback: int
    p50_duration: float | None = Field(description="milliseconds, median of sessions")
    p95_duration: float | None = Field(description="milliseconds")
    p99_duration: float | None = Field(description="milliseconds")


class Group(BaseModel):
    """Figures over the rows that have the keys alike; null: unknown."""

    keys: dict[str, str | None]
    figures: dict[str, Any] = Field(description="by name; costs are USD")


class Groups(BaseModel):
    """Figures by keys."""

    groups: list[Group]
    total: dict[str, Any] = Field(description="over all groups, those beyond the limit too")


class Point(BaseModel):
    """The figure of one time."""

    start: datetime | None = Field(description="null: of all time")
    value: float | None = Field(description="null: unknown, or of nothing")
    rows: int
    unknown: int = Field(description="rows whose figure is unknown and not in it")
    partial: int = Field(description="rows of whose figure only a part is known, and in it")


class Series(BaseModel):
    """The figures of one group."""

    name: str | None = Field(description="null: what has no such value, or all others")
    is_other: bool
    points: list[Point]
    whole: Point


class ChartFigures(BaseModel):
    """A figure by group and over time, as a chart of the page shows it."""

    title: str
    unit: str = Field(description="USD, tokens, ms, % or empty")
    period: str | None = Field(description="in which times are put together")
    series: list[Series]
    total: Series
    groups: int = Field(description="how many there are, those in the others too")
    percent: float | None = Field(description="of the rows that quantiles are of; null: all")


class Names(BaseModel):
    """What conditions and groups may name."""

    columns: list[str] = Field(description="as they are written in a condition")
    groups: list[str]


class Turn(BaseModel):
    """A trace, as far as it belongs to the session."""

    number: int
    trace_id: str
    name: str | None
    start: datetime
    duration_ms: float
    waited_ms: float | None = Field(description="since what ran before it; null: it overlaps")
    spans: int
    calls: int
    merged: int = Field(description="reports of calls that do not count")
    tokens: int | None
    cost: Usd | None = Field(description="known cost, USD")
    unpriced: int
    failed: int = Field(description="failed spans")
    partial: str | None = Field(description="why something is missing")


class TimePart(BaseModel):
    """A part of the duration; the parts add up to it."""

    name: str
    ms: float


class Typical(BaseModel):
    """A figure beside the median of sessions like this one."""

    metric: str
    value: float
    median: float
    times: float | None = Field(description="how many times the median it is")
    score: float | None = Field(description="modified z-score of its logarithm")
    sessions: int
    is_outlier: bool


class CostLine(BaseModel):
    """A kind of token, or of charge, of calls that are priced alike."""

    model: str | None
    part: str
    number: int | None = Field(description="tokens, or how often it was charged")
    rate: Usd | None = Field(description="USD for a million tokens, or for each")
    calls: int
    cost: Usd | None = Field(description="USD")
    origin: str = Field(description="the entry of the price list, or why the cost is unknown")
    is_each: bool = Field(description="whether it is charged for each, not by tokens")


class LeftOut(BaseModel):
    """Reports of calls that are not in the cost, for one reason."""

    why: str
    number: int
    names: list[str] = Field(description="of the first spans")


class WhyCost(BaseModel):
    """Why the session costs what it costs; the lines add up to it."""

    lines: list[CostLine]
    left_out: list[LeftOut]
    cost: Usd | None = Field(description="USD")
    unpriced: int
    has_prices: bool = Field(description="whether spans were read again for the prices")


class SessionFigures(BaseModel):
    """A session, and what its totals are made of."""

    session: _SessionRow  # type: ignore[valid-type]
    merged: int = Field(description="reports of calls that do not count")
    split: list[TimePart] = Field(description="where the duration went")
    compared: list[Typical] = Field(description="with sessions like it; empty: there are too few")
    turns: list[Turn]
    why_cost: WhyCost | None


class Status(BaseModel):
    """How the server does."""

    version: str
    spans_accepted: int
    spans_rejected: int
    requests_refused: int = Field(description="requests that have to come again later")
    spans_counted: int
    spans_per_second: float
    backlog_bytes: int = Field(description="of requests that are accepted and not counted yet")
    fault: str | None = Field(description="what is wrong now")
    last_fault: str | None
    alerts_fault: str | None = Field(None, description="why rules cannot be checked now")
    requests_aside: int = Field(
        description="requests that end the process that counts, and so are not counted"
    )
    last_aside: str | None = Field(None, description="the file with the last of them")
    history_bytes: int
    open_sessions: int = Field(description="sessions that got spans lately")
