"""Spans as a table in memory: of pandas, polars or pyarrow.

A table has the columns of an export with a row for each record, under any of the names that
``exports.py`` and ``rows.py`` know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from typing import Any

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._otlp.batches import Report, SpanBatch
from otel_session_agg._otlp.exports import NO_COLUMNS, export_of
from otel_session_agg._otlp.records import Row, batches

_ROWS = 1000
"""Rows that are converted at a time."""
_MAX_DEPTH = 20
"""Of objects and lists in a cell; what is deeper stays as it is."""
_MISSING = frozenset({"NaTType", "NAType"})
"""Names of pandas' classes for what a table does not have."""

Slices = Iterator[list[dict[str, Any]]]


def is_table(value: object) -> bool:
    """Return whether something is a table that ``batches_of_table`` reads."""
    return _slicer(value) is not None


def batches_of_table(table: Any, report: Report) -> Iterator[SpanBatch]:
    """Read the spans of a table.

    Args:
        table: A ``DataFrame`` of pandas or polars, or a ``Table`` or ``RecordBatch`` of pyarrow.
        report: Gets what cannot be read, with the number of its row.

    Raises:
        SessionAggError: it has not the columns of any export.

    """
    rows = _rows(table)
    first = next(rows, None)
    if first is None:
        return
    export = export_of(first)
    if export is None:
        message = f"the table has {NO_COLUMNS}"
        raise SessionAggError(message)
    yield from batches(
        found
        for number, row in enumerate(_all(first, rows), 1)
        for found in export.read(row, report, f"row {number}")
    )


def _all(first: Row, others: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from others


def _rows(table: Any) -> Iterator[Row]:
    slicer = _slicer(table)
    if slicer is None:
        message = f"{type(table).__name__} is no table of pandas, polars or pyarrow"
        raise SessionAggError(message)
    for rows in slicer(table):
        for row in rows:
            yield {str(column): _plain(cell, _MAX_DEPTH) for column, cell in row.items()}


def _slicer(table: object) -> Callable[[Any], Slices] | None:
    classes = type(table).__mro__
    return next(
        (
            slicer
            for one in classes
            if (slicer := _SLICERS.get((one.__module__.partition(".")[0], one.__name__)))
        ),
        None,
    )


def _of_pandas(table: Any) -> Slices:
    if any(name is not None and name not in table.columns for name in table.index.names):
        table = table.reset_index()  # Phoenix's has the ids of spans
    table = table.loc[:, ~table.columns.duplicated()]
    for start in range(0, len(table), _ROWS):
        yield table.iloc[start : start + _ROWS].to_dict("records")


def _of_polars(table: Any) -> Slices:
    polars = import_module("polars")
    # to Python's own times nanoseconds would be lost
    numbered = table.with_columns(polars.col(polars.Datetime).dt.epoch("ns"))
    for part in numbered.iter_slices(_ROWS):
        yield part.to_dicts()


def _of_pyarrow(table: Any) -> Slices:
    pyarrow = import_module("pyarrow")
    # to Python's own times nanoseconds cannot be converted
    fields = [field.with_type(_with_numbers(field.type, pyarrow)) for field in table.schema]
    numbered = table.cast(pyarrow.schema(fields))
    for start in range(0, len(numbered), _ROWS):
        yield numbered.slice(start, _ROWS).to_pylist()


def _with_numbers(type_: Any, pyarrow: Any) -> Any:
    """Return the type with numbers in place of times."""
    if pyarrow.types.is_timestamp(type_):
        return pyarrow.int64()
    if pyarrow.types.is_list(type_) and pyarrow.types.is_timestamp(type_.value_type):
        return pyarrow.list_(pyarrow.int64())
    return type_


_SLICERS: Mapping[tuple[str, str], Callable[[Any], Slices]] = {
    ("pandas", "DataFrame"): _of_pandas,
    ("polars", "DataFrame"): _of_polars,
    ("pyarrow", "Table"): _of_pyarrow,
    ("pyarrow", "RecordBatch"): _of_pyarrow,
}
"""By library and class."""


def _plain(cell: Any, depth: int) -> Any:
    """Return a cell as plain values; ``None``: there is nothing in it."""
    if isinstance(cell, (str, int)) or cell is None or depth == 0:
        return cell
    if isinstance(cell, float):
        return None if cell != cell else cell  # noqa: PLR0124 -- NaN
    if isinstance(cell, dict):
        return {str(key): _plain(inner, depth - 1) for key, inner in cell.items()}
    if isinstance(cell, (list, tuple)):
        return [_plain(inner, depth - 1) for inner in cell]
    if isinstance(cell, Decimal):  # amounts
        return str(cell)
    if type(cell).__name__ in _MISSING:
        return None
    of_numpy = getattr(cell, "tolist", None)
    return cell if of_numpy is None else _plain(of_numpy(), depth - 1)
