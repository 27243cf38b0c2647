"""Print rows as a table, CSV or JSON, while they are read: the whole of them may not fit in memory.

Cells are escaped as in `render`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, TextIO

from otel_session_agg._cli.render import OBJECTS, TOTAL, csv_cell
from otel_session_agg._untrusted.formatting import (
    change_percent,
    change_usd,
    milliseconds,
    printable,
    short,
    usd,
)
from otel_session_agg._untrusted.json_text import loaded

Row = Sequence[Any]

_OBJECTS = OBJECTS | {"attributes", "events", "resource"}
"""Columns whose texts are JSON."""

MAX_TABLE_ROWS = 1_000
"""Rows of a table: more are a file's."""

_MAX_CELL = 60
_COSTS = ("cost", "average_cost", "average_turn_cost", "recorded_cost", "cost_before", "cost_after")
_SIGNED: Mapping[str, Callable[[float], str]] = {
    "difference": change_usd,
    "percent": change_percent,
}
"""How changes are shown."""
_WIDTH = 80


def write_table(
    out: TextIO, columns: Sequence[str], rows: Iterable[Row], total: Mapping[str, Any] | None
) -> int:
    """Write aligned lines, with a row of totals; return how many rows there were.

    At most ``MAX_TABLE_ROWS`` are written.
    """
    rows = iter(rows)
    first = list(islice(rows, MAX_TABLE_ROWS))
    more = sum(1 for _ in rows)
    cells = [
        [_shown(name, value) for name, value in zip(columns, row, strict=True)] for row in first
    ]
    if total is not None:
        cells.append(_total_cells(columns, total, [_shown(n, total.get(n)) for n in columns]))
    header = [printable(name) for name in columns]
    lines = [header, *cells]
    widths = [max(len(line[number]) for line in lines) for number in range(len(header))]
    right = [_is_number(columns, number, first) for number in range(len(header))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= _WIDTH else " "
    for line in lines:
        parts = [
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        ]
        out.write(gap.join(parts).rstrip() + "\n")
    return len(first) + more


def _total_cells(columns: Sequence[str], total: Mapping[str, Any], cells: list[str]) -> list[str]:
    """Return the row of totals; the first column that has none says what it is."""
    at = next((at for at, name in enumerate(columns) if name not in total), None)
    return [TOTAL if number == at else text for number, text in enumerate(cells)]


def _is_number(columns: Sequence[str], number: int, rows: Sequence[Row]) -> bool:
    """Return whether a column is set to the right: all that is known in it are numbers."""
    values = [row[number] for row in rows if row[number] is not None]
    is_cost = columns[number] in _COSTS
    return is_cost or (bool(values) and all(_is_figure(value) for value in values))


def _is_figure(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _shown(name: str, value: object) -> str:
    if value is None:
        return ""
    if name in _COSTS and isinstance(value, (float, Decimal)):
        return usd(float(value))
    if name in _SIGNED and isinstance(value, (float, Decimal)):
        return _SIGNED[name](float(value))
    if isinstance(value, float):
        return milliseconds(value)
    if isinstance(value, (list, tuple)):
        return short(", ".join(map(str, value)), _MAX_CELL)
    return short(_text(value), _MAX_CELL) if name != "session" else printable(_text(value))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    return str(value)


def write_csv(
    out: TextIO, columns: Sequence[str], rows: Iterable[Row], total: Mapping[str, Any] | None
) -> int:
    """Write CSV with a header, a record for each row, and one of totals; return how many rows."""
    writer = csv.writer(out)  # the dialect of RFC 4180: quotes where needed, CR LF
    writer.writerow([csv_cell("", name) for name in columns])
    number = 0
    for number, row in enumerate(rows, 1):  # noqa: B007 -- counts
        writer.writerow([csv_cell(name, _flat(v)) for name, v in zip(columns, row, strict=True)])
    if total is not None:
        cells = [csv_cell(name, _flat(total.get(name))) for name in columns]
        writer.writerow(_total_cells(columns, total, cells))
    return number


def _flat(value: object) -> object:
    if isinstance(value, datetime):
        return _text(value)
    return tuple(map(str, value)) if isinstance(value, list) else value


def write_json(
    out: TextIO,
    columns: Sequence[str],
    rows: Iterable[Row],
    total: Mapping[str, Any] | None,
    more: Mapping[str, Any] | None = None,
) -> int:
    """Write a JSON array of objects; with totals, an object with both; return how many rows.

    Amounts are numbers.  ``more``: what else is in that object.
    """
    number = 0
    head, gap = ("[", "\n  ") if total is None else ('{\n  "groups": [', "\n    ")
    out.write(head)
    for number, row in enumerate(rows, 1):
        values = dict(zip(columns, row, strict=True))
        out.write((gap if number == 1 else "," + gap) + _json(values))
    end = "\n]" if total is None else "\n  ]"
    out.write(end if number else end.strip())
    if total is not None:
        shown = {name: total[name] for name in columns if name in total}
        out.write(f',\n  "{TOTAL}": {_json(shown)}')
        out.writelines(f",\n  {_json({name: value})[1:-1]}" for name, value in (more or {}).items())
        out.write("\n}")
    out.write("\n")
    return number


def _json(values: Mapping[str, Any]) -> str:
    cells = [f"{json.dumps(name)}: {_json_value(name, value)}" for name, value in values.items()]
    return f"{{{', '.join(cells)}}}"


def _json_value(name: str, value: object) -> str:
    if name in _OBJECTS and isinstance(value, str):
        try:
            return json.dumps(loaded(value), allow_nan=False)
        except ValueError:
            pass
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (datetime, date)):
        return _text(value)
    return value


WRITERS = {"table": write_table, "csv": write_csv, "json": write_json}
"""By the form that a command prints."""
