"""The details of totals in a store: plain lists of whole numbers, as short as JSON allows.

=============  ===================================================================
breakdowns     ``{name: [a number for each field of a row]}``, without zeros at the end
coverages      ``[steps, settled, since, gap, is exact, first]``, without defaults at the end
latencies      ``[bucket, count, bucket, count ...]``
=============  ===================================================================

Of steps and buckets each is written as the difference to the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from otel_session_agg._model.breakdown import (
    MAX_NAME_CHARS,
    MAX_ROWS,
    ROWS,
    Breakdown,
    BreakdownRow,
)
from otel_session_agg._model.by_dimension import DIMENSION_ROWS, ByDimension
from otel_session_agg._model.coverage import MAX_STEPS, MOMENTS, Coverage
from otel_session_agg._model.details import DETAIL_RULES, NO_DETAILS, Details, FirstToken, values
from otel_session_agg._model.latencies import (
    BUCKETS,
    MAX_BUCKET,
    MIN_BUCKET,
    Latencies,
)
from otel_session_agg._model.merges import FIRST, MIN, Rule
from otel_session_agg._setting_rules import MAX_DIMENSIONS
from otel_session_agg._untrusted.values import MAX_WHOLE

_MAX_NUMBER = 10**30
"""No process writes larger numbers; see `decoding`."""


def details_out(details: Details) -> dict[str, Any]:
    """Return details as plain values for JSON."""
    return {
        name: write(value)
        for value, (name, write, default) in zip(values(details), _WRITERS, strict=True)
        if value is not default and value != default  # what nothing was added to is that itself
    }


def details_in(row: object) -> Details:
    """Return details from plain values.

    Raises:
        ValueError: they are not what `details_out` returns; so do the other errors of wrong types.

    """
    if not isinstance(row, dict) or not row.keys() <= DETAIL_RULES.keys():
        message = f"no details: {row!r:.40}"
        raise ValueError(message)
    if not row:
        return NO_DETAILS
    return Details(**{name: _FORMS[DETAIL_RULES[name]][1](value) for name, value in row.items()})


def _numbers(value: object, at_most: int, low: int = -_MAX_NUMBER) -> list[int]:
    """Return a list of whole numbers within bounds."""
    if type(value) is not list or len(value) > at_most:
        message = f"no list of at most {at_most} numbers: {value!r:.40}"
        raise ValueError(message)
    for number in value:
        if type(number) is not int or not low <= number <= _MAX_NUMBER:
            message = f"no whole number: {number!r:.40}"
            raise ValueError(message)
    return value


def _without(numbers: Iterable[int], defaults: Sequence[int]) -> list[int]:
    """Return numbers without the defaults at their end."""
    found = list(numbers)
    while found and found[-1] == defaults[len(found) - 1]:
        found.pop()
    return found


def _pairs_out(pairs: Iterable[tuple[int, int]]) -> list[int]:
    found: list[int] = []
    before = 0
    for at, number in pairs:
        found += (at - before, number)
        before = at
    return found


def _pairs_in(value: object, at_most: int, low: int, high: int) -> tuple[tuple[int, int], ...]:
    numbers = _numbers(value, 2 * at_most)
    found: list[tuple[int, int]] = []
    at = 0
    for step, number in zip(numbers[::2], numbers[1::2], strict=True):
        at += step
        if not low <= at <= high or (found and step <= 0) or not number:
            message = f"out of order or bounds: {at}"
            raise ValueError(message)
        found.append((at, number))
    return tuple(found)


def _rows_out(rows: Breakdown) -> dict[str, list[int]]:
    return {name: _without(row, _NO_ROW) for name, row in rows.items()}


def _rows_in(value: object) -> Breakdown:
    if not isinstance(value, dict) or len(value) > MAX_ROWS + 2:
        message = f"no rows: {value!r:.40}"
        raise ValueError(message)
    if any(len(name) > MAX_NAME_CHARS for name in value):
        message = "a name that is too long"
        raise ValueError(message)
    return Breakdown(
        {name: BreakdownRow(*_numbers(row, len(_NO_ROW))) for name, row in value.items()}
    )


def _dimensions_out(dimensions: ByDimension) -> dict[str, Any]:
    return {name: _rows_out(rows) for name, rows in dimensions.items()}


def _dimensions_in(value: object) -> ByDimension:
    if not isinstance(value, dict) or len(value) > MAX_DIMENSIONS:
        message = f"no dimensions: {value!r:.40}"
        raise ValueError(message)
    if any(len(name) > MAX_NAME_CHARS for name in value):
        message = "a name that is too long"
        raise ValueError(message)
    return ByDimension({name: _rows_in(rows) for name, rows in value.items()})


def _coverage_out(time: Coverage) -> list[Any]:
    more = (
        time.settled_ns, time.since_ns, time.settled_gap_ns, int(time.is_exact), time.first_ns,
    )  # fmt: skip
    return [_pairs_out(time.steps), *_without(more, _NOTHING_SETTLED)]


def _coverage_in(value: Any) -> Coverage:
    steps, *more = value
    numbers = _numbers(more, len(_NOTHING_SETTLED))
    settled_ns, since_ns, gap_ns, is_exact, first_ns = [*numbers, *_NOTHING_SETTLED[len(numbers) :]]
    times = (since_ns, gap_ns, first_ns)
    if min(times) < 0 or max(times) > MAX_WHOLE:
        message = f"no times: {times}"
        raise ValueError(message)
    found = _pairs_in(steps, 2 * MAX_STEPS, 0, MAX_WHOLE)
    return Coverage.by_steps(found, settled_ns, since_ns, gap_ns, bool(is_exact), first_ns)


def _latencies_out(latencies: Latencies) -> list[int]:
    return _pairs_out(latencies.counts)


def _latencies_in(value: object) -> Latencies:
    return Latencies(_pairs_in(value, MAX_BUCKET - MIN_BUCKET + 1, MIN_BUCKET, MAX_BUCKET))


def _first_in(value: object) -> FirstToken:
    return FirstToken(*_numbers(value, len(FirstToken._fields), 0))


def _time_in(value: object) -> int:
    return _numbers([value], 1, 0)[0]


_NO_ROW = BreakdownRow()
_NOTHING_SETTLED = (0, 0, 0, 1, 0)
_FORMS: Mapping[Rule, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    ROWS: (_rows_out, _rows_in),
    DIMENSION_ROWS: (_dimensions_out, _dimensions_in),
    MOMENTS: (_coverage_out, _coverage_in),
    BUCKETS: (_latencies_out, _latencies_in),
    FIRST: (list, _first_in),
    MIN: (int, _time_in),
}
"""How a field is written and read, by the way it is merged."""

_WRITERS = tuple(
    (name, _FORMS[rule][0], default)
    for (name, rule), default in zip(DETAIL_RULES.items(), values(NO_DETAILS), strict=True)
)
"""What writes each field, and its default, in the order of ``values``."""
