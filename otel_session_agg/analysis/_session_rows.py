"""The sessions that a report lists one by one, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from otel_session_agg._untrusted.formatting import UNKNOWN, duration, short, usd
from otel_session_agg.analysis._numbers import exact, many
from otel_session_agg.analysis._source import BREAKDOWNS, NONE, Source, name_of

__all__ = ["Cell", "Column", "Listed", "Parts", "columns_of", "listed_sessions", "parts_of"]

Parts = list[tuple[str, list[tuple[str, str, str, str]]]]
"""For each way to split a session: its title, and name, calls, tokens and cost of each part."""

_MAX_CHARS = 120
_MAX_MODELS = 4


class Column(NamedTuple):
    """A column of the table of sessions."""

    label: str
    is_number: bool = False
    is_sorted: bool = False
    """Whether rows are sorted by it at first, descending."""


class Cell(NamedTuple):
    """A cell: what is shown, what it is sorted by, how it looks, what is said about it."""

    text: str
    value: str = ""
    kind: str = ""
    title: str = ""


class Listed(NamedTuple):
    """A session in the table."""

    session: str
    cells: tuple[Cell, ...]


_LISTED = """
WITH dearest AS (SELECT session FROM sessions ORDER BY cost DESC NULLS LAST, session LIMIT ?)
SELECT session, {segment}, sessions.user, start_time, duration, traces, model_events, tokens,
       errors, unpriced, models, cost
FROM sessions WHERE session IN (FROM dearest) OR session IN (SELECT unnest(?::VARCHAR[]))
ORDER BY cost DESC NULLS LAST, session
"""
_PARTS = """
SELECT session, kind, coalesce(name, 'none'), calls, tokens, unpriced, cost FROM breakdown
WHERE session IN (SELECT unnest(?::VARCHAR[]))
ORDER BY cost DESC NULLS LAST, name
"""


def columns_of(segment: str | None) -> list[Column]:
    """Return the columns of the table."""
    return [
        Column("Session"),
        Column("Cost USD", is_number=True, is_sorted=True),
        Column("Flag"),
        *([Column(short(segment, 40))] if segment else []),
        Column("User"),
        Column("Started, UTC"),
        Column("Duration", is_number=True),
        Column("Traces", is_number=True),
        Column("Calls", is_number=True),
        Column("Tokens", is_number=True),
        Column("Errors", is_number=True),
        Column("Unpriced", is_number=True),
        Column("Models"),
    ]


def listed_sessions(
    sessions: Source, segment: str | None, limit: int, outliers: Mapping[str, str]
) -> list[Listed]:
    """Return the dearest sessions and the outliers, of which it is given why they are ones."""
    name, parameters = name_of(segment)
    rows = sessions.rows(_LISTED.format(segment=name), [limit, *parameters, list(outliers)])
    return [
        Listed(session, tuple(_cells(session, segment, row, outliers.get(session))))
        for session, *row in rows
    ]


def _cells(
    session: str, segment: str | None, row: Sequence[Any], reason: str | None
) -> Iterator[Cell]:
    of_segment, user, start, ms, *counts, models, cost = row
    unpriced = counts[-1]
    flag = "outlier" if reason else ""
    yield _text(session)
    yield _cost(cost, unpriced, is_dear=reason is not None)
    yield Cell(flag, flag, "dear", reason or "")
    if segment:
        yield _text(of_segment)
    yield _text(user)
    yield Cell(f"{start:%Y-%m-%d %H:%M}" if start else "", str(start or ""), "time")
    yield Cell(duration(ms) if ms is not None else UNKNOWN, _value(ms), "num")
    yield from map(_count, counts)
    yield _models(models)


def _text(value: object) -> Cell:
    shown = short(str(value), _MAX_CHARS) if value is not None else ""
    return Cell(shown, shown, "name", shown)


def _count(number: object) -> Cell:
    return Cell(f"{number:,}" if number else "0", _value(number), "num" if number else "num dim")


def _models(models: Sequence[str] | None) -> Cell:
    names = ", ".join(short(name, 60) for name in (models or [])[:_MAX_MODELS])
    more = len(models or []) - _MAX_MODELS
    return _text(f"{names} and {more} more" if more > 0 else names)


def _cost(cost: Decimal | None, unpriced: int, *, is_dear: bool) -> Cell:
    kind = "num dear" if is_dear else "num"
    if cost is None:
        return Cell(UNKNOWN, "", "num dim", f"{many(unpriced, 'call')} without a price")
    about = f"{exact(cost)} USD"
    if unpriced:
        about += f", and what {many(unpriced, 'call')} of unknown cost came to"
    return Cell(_known(cost, unpriced), str(cost), kind, about)


def _known(cost: Decimal | None, unpriced: int) -> str:
    """Return a cost; a plus: what is unknown comes on top."""
    if cost is None:
        return UNKNOWN
    return usd(float(cost)) + (" +" if unpriced else "")


def _value(number: object) -> str:
    return "" if number is None else str(number)


def parts_of(sessions: Source, names: Sequence[str]) -> dict[str, Parts]:
    """Return what these sessions are made of, by model, agent and tool."""
    found: dict[str, dict[str, list[tuple[str, str, str, str]]]] = {name: {} for name in names}
    for session, kind, name, calls, tokens, unpriced, cost in sessions.rows(_PARTS, [list(names)]):
        shown = _known(cost, unpriced)
        line = (short(name, _MAX_CHARS), f"{calls or 0:,}", f"{tokens or 0:,}", shown)
        found[session].setdefault(kind, []).append(line)
    return {
        session: [(kind, kinds[kind]) for kind in BREAKDOWNS if _says_more(kinds.get(kind, []))]
        for session, kinds in found.items()
    }


def _says_more(lines: Sequence[tuple[str, str, str, str]]) -> bool:
    """Return whether there is a name among the lines."""
    return any(name != NONE for name, *_ in lines)
