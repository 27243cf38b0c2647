"""What the columns of tables are made of: types, names, meanings, and how they are read.

Values are handed to DuckDB in arrays of numpy, one for each column: four times as fast as in lists,
ten times as fast as row by row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from enum import Enum
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from otel_session_agg._untrusted.values import encodable

T = TypeVar("T")

_MAX_INT = 2**63 - 1
_NO_INT, _NO_FLAG = -(2**63), -1
"""What stands for an unknown value in arrays that cannot hold one; no value is one of these."""
_MAX_DECIMAL = 10**38 - 1


def quoted(name: str) -> str:
    """Return an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def of_rows(table: str, condition: str) -> str:
    """Return a condition that the same rows of a table meet, without reading the others as a whole.

    DuckDB reads all columns of a row before it looks for one of them among given values, a text of
    megabytes too; those whose row ids it has found before are read alone.
    """
    return f"rowid IN (SELECT rowid FROM {table} WHERE {condition})"


# -- types -----------------------------------------------------------------------------------------


def _texts(values: Sequence[Any]) -> Sequence[Any]:
    if "".join(filter(None, values)).isascii():
        return values
    return [value if value is None else encodable(value) for value in values]


def _lists_of_texts(values: Sequence[Any]) -> list[Any]:
    return [value if value is None else json.dumps(_texts(list(value))) for value in values]


def _whole(values: Sequence[Any]) -> Sequence[int]:
    if None in values:
        values = [_NO_INT if value is None else value for value in values]
    if max(values, default=0) <= _MAX_INT and min(values, default=0) >= _NO_INT:
        return values
    return [_NO_INT if abs(value) > _MAX_INT else value for value in values]


def _flags(values: Sequence[Any]) -> list[int]:
    return [_NO_FLAG if value is None else int(value) for value in values]


def _picodollars(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None or abs(value) > _MAX_DECIMAL else str(value) for value in values]


class Form(NamedTuple):
    """How values of a type get into a column."""

    sql: str
    """The type of the column."""
    array: str
    """The type of the array of numpy in which they are handed over."""
    packed: Callable[[Sequence[Any]], Sequence[Any]]
    """Returns what is in the array; what the type cannot hold is unknown."""
    unpacked: str
    """The expression that makes the value of an element of the array."""


class ColumnType(Enum):
    """The types that columns have."""

    TEXT = Form("VARCHAR", "object", _texts, "{}")
    TEXTS = Form("VARCHAR[]", "object", _lists_of_texts, """from_json({}, '["VARCHAR"]')""")
    OBJECT = Form("JSON", "object", _texts, "{}::JSON")
    """An object in JSON."""
    COUNT = Form("BIGINT", "int64", _whole, f"nullif({{}}, {_NO_INT})")
    NUMBER = Form("DOUBLE", "float64", list, "{}")
    FLAG = Form("BOOLEAN", "int8", _flags, f"nullif({{}}, {_NO_FLAG})::BOOLEAN")
    TIME = Form("TIMESTAMP", "int64", _whole, f"make_timestamp(nullif({{}}, {_NO_INT}))")
    """UTC; read as whole microseconds since the Unix epoch."""
    USD = Form(
        "DECIMAL(38, 12)",
        "object",
        _picodollars,
        "({}::DECIMAL(38, 0) * 0.000000000001::DECIMAL(13, 12))::DECIMAL(38, 12)",
    )
    """Read as whole picodollars: no digit is ever rounded."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: ColumnType
    meaning: str
    """With the unit, and what an unknown value means."""
    read: Callable[[Any], Any]
    """Reads it from a value of the table, ``None``: it is not known; or from all of them at once,
    where `Table.transposed` says so."""
    derived: str = ""
    """The SQL expression that it always is; it is not read then."""

    def values(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return what is handed to DuckDB for these rows."""
        return self.type.value.packed(list(map(self.read, rows)))


class Table(NamedTuple):
    """A table: what a row is, and its columns."""

    name: str
    meaning: str
    columns: Sequence[Column]
    transposed: Callable[[Sequence[Any]], Any] | None = None
    """Returns one value with all values of each field in place of that field: columns are read from
    it at once, which takes a third of the time.  ``None``: they are read row by row."""

    def values(self, rows: Sequence[Any]) -> list[Sequence[Any]]:
        """Return what is handed to DuckDB for some rows, for each column that is stored."""
        if self.transposed is None:
            return [column.values(rows) for column in self.stored]
        fields = self.transposed(rows)
        return [column.type.value.packed(column.read(fields)) for column in self.stored]

    @property
    def stored(self) -> list[Column]:
        """The columns that are written; the others are derived from them."""
        return [column for column in self.columns if not column.derived]

    @property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}


# -- readers that several tables share -------------------------------------------------------------


def in_milliseconds(ns: int | None) -> int | None:
    """Return a time in nanoseconds as microseconds, to the millisecond."""
    return None if ns is None else ns // 1_000_000 * 1000


def naive(time: datetime) -> datetime:
    """Return a time as DuckDB has it: in UTC, without saying so."""
    return time if time.tzinfo is None else time.astimezone(timezone.utc).replace(tzinfo=None)


_HEX = {16: "%016x", 32: "%032x"}


def hex_id(number: int | None, digits: int) -> str | None:
    """Return a trace id (32 digits) or span id (16) as OpenTelemetry writes it."""
    return None if number is None else _HEX[digits] % number


def each_once(read: Callable[[Any], T], objects: Sequence[Any]) -> list[T]:
    """Return what is read of objects, of which many are the same: each of these is read once."""
    found = {key: read(one) for key, one in {id(one): one for one in objects}.items()}
    return [found[id(one)] for one in objects]


def hex_ids(numbers: Sequence[int | None], digits: int) -> list[str | None]:
    """Return many of them, of which some are alike."""
    texts = {number: hex_id(number, digits) for number in set(numbers)}
    return [texts[number] for number in numbers]


def microseconds(times_ns: Iterable[int]) -> list[int]:
    """Return times in nanoseconds as columns of times have them."""
    return [time_ns // 1000 for time_ns in times_ns]


def durations(starts_ns: Iterable[int], ends_ns: Iterable[int]) -> list[float]:
    """Return the milliseconds between times."""
    return [(end - start) / 1e6 for start, end in zip(starts_ns, ends_ns, strict=True)]


def known_pusd(cost_pusd: int, num_priced: int, num_unpriced: int) -> int | None:
    """Return a cost; ``None``: all that it would be the cost of is unpriced."""
    return None if num_unpriced and not num_priced else cost_pusd


TOKENS: Mapping[str, str] = {
    "tokens": "tokens, all kinds",
    "prompt_tokens": "prompt tokens, with those read from and written to caches",
    "completion_tokens": "completion tokens, with those of reasoning",
    "cache_read_tokens": "prompt tokens read from a cache",
    "cache_write_tokens": "prompt tokens written to a cache",
    "reasoning_tokens": "completion tokens of reasoning",
}
"""The columns of tokens, with their meanings."""


def token_columns(of: str) -> tuple[Column, ...]:
    """Return the columns of tokens, read from the attribute of this name, such as ``usage``."""
    return tuple(
        Column(
            name,
            ColumnType.COUNT,
            meaning,
            attrgetter(f"{of}.{'total_tokens' if name == 'tokens' else name}"),
        )
        for name, meaning in TOKENS.items()
    )


def _derived(name: str, meaning: str, form: str) -> Column:
    return Column(
        name,
        ColumnType.TEXT,
        f"{meaning} in which it began, UTC",
        lambda _: None,
        f"strftime(start_time, {literal(form)})",
    )


PERIODS = (
    _derived("day", "day (2026-01-31)", "%Y-%m-%d"),
    _derived("hour", "hour (2026-01-31T12:00Z)", "%Y-%m-%dT%H:00Z"),
    _derived("month", "month (2026-01)", "%Y-%m"),
)
"""The time in which something began; for tables with a ``start_time``."""
