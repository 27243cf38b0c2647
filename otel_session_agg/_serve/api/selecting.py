"""The arguments that select sessions, traces and calls."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator

from otel_session_agg._history.sources import Selection

__all__ = ["Cursor", "Limit", "Names", "Selected", "Sort", "names_in"]

_MAX_CHARS = 10_000
_MAX_CONDITIONS = 10


def _utc(time: datetime) -> datetime:
    """Return a time in UTC, which it is in if it does not say another zone."""
    try:
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except OverflowError:
        message = "it is out of range"
        raise ValueError(message) from None


def _in_words(given: object) -> object:
    """Refuse a number, which would be read as seconds since 1970: 2026 as well as 20260501."""
    try:
        float(str(given))
    except ValueError:
        return given
    message = "it is a date and time in ISO 8601, such as 2026-05-01T12:00Z"
    raise ValueError(message)


_Time = Annotated[datetime, BeforeValidator(_in_words), AfterValidator(_utc)]
Where = Annotated[
    list[Annotated[str, Query(max_length=_MAX_CHARS)]] | None,
    Query(
        max_length=_MAX_CONDITIONS,
        description="A condition on columns and dimensions, in SQL: cost > 0.10 and user = 'ada'."
        " Several: all are to be met.",
    ),
]
Since = Annotated[_Time | None, Query(description="What began then or later; UTC by default.")]
Until = Annotated[_Time | None, Query(description="What began before then.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows at most.")]
Cursor = Annotated[
    str | None, Query(max_length=20_000, description="``next_cursor`` of the page before.")
]
Sort = Annotated[
    str | None, Query(max_length=200, description="A column; with a minus before it, descending.")
]
Names = Annotated[
    str | None, Query(max_length=_MAX_CHARS, description="These columns only, by commas.")
]


def _selection(where: Where = None, since: Since = None, until: Until = None) -> Selection:
    return Selection(where=where or None, since=since, until=until)


Selected = Annotated[Selection, Depends(_selection)]
"""What is selected, of whatever kind."""


def names_in(text: str | None) -> tuple[str, ...] | None:
    """Return names that stand with commas between them; ``None``: there are none."""
    if text is None:
        return None
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip())) or None
