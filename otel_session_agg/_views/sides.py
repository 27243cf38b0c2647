"""Which two selections of sessions an address compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.columns import literal
from otel_session_agg._history.sources import Filtered, Selection
from otel_session_agg._untrusted.formatting import short
from otel_session_agg._views.address import State
from otel_session_agg._views.chart_queries import check_key, keyed_rows
from otel_session_agg._views.measures import SCOPES
from otel_session_agg._views.ranges import Shown, bounds, covered_share, is_covered, shown
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.two_sides import both_of

__all__ = ["MODES", "Sides", "segment_values", "sides_of"]

MODES: Mapping[str, str] = MappingProxyType(
    {"period": "Periods", "segment": "Segments, versions", "filter": "Filters"}
)
"""How the sides are stated, with titles."""
DEFAULT_KEY = "service.version"
_ENOUGH = 0.5
"""The share of the period before that a history must have to be compared with it."""
_WHOLE = 10 / 9
"""By how much more than a history has of it a time is still taken as a whole."""
_INSTANT = timedelta(microseconds=1)
_MAX_VALUES = 100
_MAX_CHARS = 60


Values = Callable[[str], Sequence[str]]
"""Returns the most frequent values that the sessions of an address have for a key."""


class Sides(NamedTuple):
    """Two selections, and what they are called."""

    both: Filtered
    """The sessions of both, as `both_of` returns them."""
    name_a: str
    name_b: str
    lacks: tuple[str, ...] = ()
    """Which of them are periods of which the history has a part only."""
    begins: datetime | None = None
    """When the history begins, where that is why the halves of the time are compared."""


def sides_of(state: State, history: Reads, now: datetime, values: Values | None = None) -> Sides:
    """Return what an address compares: ``b`` with ``a``.

    ``values``: returns the most frequent values of a key; ``None``: the history is asked.

    Raises:
        SettingsError: it does not say what; the text says how it could.

    """
    mode = state.more.get("mode", "period")
    if mode not in MODES:
        message = f"there is no comparison of {short(mode, _MAX_CHARS)!r}: use {', '.join(MODES)}"
        raise SettingsError(message)
    found = shown(state, history, now)
    if mode == "segment":
        ask = values or partial(segment_values, history, found.selection)
        return _segments(state, history, found.selection, ask)
    if mode == "filter":
        a, b = (state.more.get(name, "").strip() for name in ("a", "b"))
        if not a and not b:
            message = "write a condition for one side, or for both: user = ada"
            raise SettingsError(message)
        names = [short(one, _MAX_CHARS) or "all sessions" for one in (a, b)]
        of_a, of_b = (history.filtered(_narrowed(found.selection, one)) for one in (a, b))
        return Sides(both_of(of_a, of_b), names[0], names[1])
    return _periods(found, history, now)


def _periods(found: Shown, history: Reads, now: datetime) -> Sides:
    """Return the time that is shown and the one before, or its halves if that is hardly there."""
    before, this = found.before, found.selection
    begins = None
    if before is None or covered_share(history, before) < _ENOUGH:
        begins, before, this = _halves(this, history, now)
    of_a, of_b = map(history.filtered, (before, this))
    name_a, name_b = (_period(one, now) for one in (before, this))
    lacks = () if begins or is_covered(history, before) else (name_a,)
    return Sides(both_of(of_a, of_b), name_a, name_b, lacks, begins)


def _halves(
    selection: Selection, history: Reads, now: datetime
) -> tuple[datetime, Selection, Selection]:
    """Return when a history begins, and both halves of a time, as far as the history has it."""
    first, last = bounds(history)
    if first is None or last is None:
        message = "there are no sessions to compare"
        raise SettingsError(message)
    until = min(selection.until or now, last + _INSTANT)
    since = max(selection.since or first, first)
    if selection.since is not None and until - selection.since < _WHOLE * (until - since):
        since = selection.since
    if since >= until:
        message = "there are no sessions in this time to compare"
        raise SettingsError(message)
    middle = since + (until - since) / 2
    return (
        first,
        selection._replace(since=since, until=middle),
        selection._replace(since=middle, until=selection.until and until),
    )


def _segments(
    state: State,
    history: Reads,
    selection: Selection,
    values: Values,
) -> Sides:
    """Return the sessions with one value of a key, and with another."""
    key = state.more.get("key", DEFAULT_KEY)
    if "key" in state.more:
        check_key(history, SCOPES["sessions"], key)
    a, b = _chosen(state, key, values)
    found, value = _with_value(history, selection, key)
    sides = [
        Filtered(f"(SELECT * FROM {found.sql} WHERE {value} = {literal(one)})", found.parameters)
        for one in (a, b)
    ]
    return Sides(both_of(*sides), short(a, _MAX_CHARS), short(b, _MAX_CHARS))


def _period(selection: Selection, now: datetime) -> str:
    since, until = selection.since, selection.until or now
    return f"{since:%d %b %H:%M} to {until:%d %b %H:%M}" if since else f"until {until:%d %b}"


def _narrowed(selection: Selection, condition: str) -> Selection:
    more = [condition] if condition else []
    return selection._replace(where=[*selection.conditions, *more])


def _chosen(state: State, key: str, values: Values) -> tuple[str, str]:
    """Return the values of both sides: those of the address, else the two most frequent ones."""
    a, b = state.more.get("a"), state.more.get("b")
    if a is None or b is None:
        free = [value for value in values(key) if value not in {a, b}]
        a = free.pop(0) if a is None and free else a
        b = free.pop(0) if b is None and free else b
    if a is None or b is None:
        message = f"there are no two values of {short(key, _MAX_CHARS)!r} to compare"
        raise SettingsError(message)
    return a, b


def segment_values(history: Reads, selection: Selection, key: str) -> list[str]:
    """Return the most frequent values that sessions have for a key."""
    found, value = _with_value(history, selection, key)
    rows = history.rows(
        f"SELECT {value} AS value, count(*) FROM {found.sql}"
        " GROUP BY value HAVING value IS NOT NULL ORDER BY count(*) DESC, value"
        f" LIMIT {_MAX_VALUES}",
        found.parameters,
    )
    return [value for value, _ in rows]


def _with_value(history: Reads, selection: Selection, key: str) -> tuple[Filtered, str]:
    """Return the sessions of a selection, and the expression for their value of a key."""
    found = history.filtered(selection)
    source, value = keyed_rows(history, SCOPES["sessions"], found.sql, key)
    return found._replace(sql=source), value
