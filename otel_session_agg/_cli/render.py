"""Render sessions as a table, CSV or JSON, and one session as lines.

In CSV, a text that a spreadsheet would take for a formula begins with an apostrophe, and so does
what follows a semicolon and would be one in a cell of its own where semicolons separate cells.
Control characters (tabs, ends of lines) and characters that change the direction of writing are
written as escape sequences.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import StringIO

from otel_session_agg._sharing.stored_sessions import (
    COLUMNS,
    Form,
    Row,
    StoredSession,
    read_row,
    time_of,
)
from otel_session_agg._untrusted.formatting import exact_usd, milliseconds, printable, short, usd

IN_TABLE = ("cost", "tokens", "traces", "events", "errors", "state", "session")
"""Columns of the table; the session's id is the last, so that it is never cut."""

_WIDTH = 80
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Control characters, ends of lines and paragraphs, and those that change the text's direction."""
_FORMULA = re.compile(r"""(^|;)(?=[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where a cell begins that spreadsheets take for a formula; the last four are the same signs in
full width."""


# -- all sessions ---------------------------------------------------------------------------------


def table(rows: Sequence[Row]) -> list[str]:
    """Return aligned lines, with two blanks between columns if they fit into 80 characters."""
    cells = [IN_TABLE, *(tuple(shown(name, row[name]) for name in IN_TABLE) for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(IN_TABLE))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= _WIDTH else " "
    return [
        gap.join(_aligned(*cell) for cell in zip(IN_TABLE, line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _aligned(name: str, text: str, width: int) -> str:
    return text.rjust(width) if COLUMNS[name].form is Form.NUMBER else text.ljust(width)


def as_csv(rows: Iterable[Row]) -> str:
    """Return CSV with a header and a record for each row, with all columns."""
    text = StringIO(newline="")
    writer = csv.writer(text)  # the dialect of RFC 4180: quotes where needed, CR LF
    writer.writerow(COLUMNS)
    writer.writerows([_csv_cell(name, row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue()


def _csv_cell(name: str, value: object) -> str:
    if name == "cost" and isinstance(value, float):
        return exact_usd(value)
    if isinstance(value, str):
        return _FORMULA.sub(r"\1'", _UNSEEN.sub(lambda found: printable(found[0]), value))
    if isinstance(value, tuple):
        return _csv_cell("", ";".join(value))
    return _plain(value)


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return _iso(value) if isinstance(value, datetime) else str(value)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(rows: Iterable[Row]) -> str:
    """Return a JSON array of objects."""
    return _json([_json_row(row) for row in rows])


def _json(value: object) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _json_value(value: object) -> object:
    return _iso(value) if isinstance(value, datetime) else value


def _json_row(row: Row) -> dict[str, object]:
    return {
        name: json.loads(value)
        if name == "metadata" and isinstance(value, str)
        else _json_value(value)
        for name, value in row.items()
    }


# -- one session ----------------------------------------------------------------------------------


def one_as_json(session: StoredSession) -> str:
    """Return a JSON object."""
    return _json(_json_session(session))


def _json_session(session: StoredSession) -> dict[str, object]:
    totals, rollup = session.totals, session.rollup
    return {
        **_json_row(read_row(session)),
        "metadata": dict(sorted(totals.metadata_as_json().items())),
        "error": rollup.error.value if rollup.error is not None else None,
        "output": rollup.output.value if rollup.output is not None else None,
        "members": [
            {
                "trace_id": f"{member.trace_id:032x}",
                "span_id": f"{member.span_id:016x}",
                "start_time": _json_value(time_of(member.start_ns)),
            }
            for member in totals.members
        ],
        "trace_ids": [f"{trace_id:032x}" for trace_id in sorted(totals.traces)],
    }


def details(session: StoredSession) -> list[str]:
    """Return lines of text with all that is known of a session."""
    totals, rollup = session.totals, session.rollup
    values: dict[str, str] = {
        name: shown(name, value) + _UNITS.get(name, "") * (value is not None)
        for name, value in read_row(session).items()
    }
    del values["metadata"]
    values.update(
        {
            f"metadata.{name}": short(str(label.value))
            for name, label in sorted(totals.metadata.items())
        }
    )
    values.update(
        {
            name: short(at.value)
            for name, at in (("error", rollup.error), ("output", rollup.output))
            if at is not None
        }
    )
    values = {printable(name): text for name, text in values.items()}
    width = max(map(len, values))
    lines = [f"{name:<{width}}  {text}".rstrip() for name, text in values.items()]
    num_roots = max(len(totals.members), totals.num_roots + totals.num_parts)
    lines.append(f"roots ({len(totals.members)} of {num_roots}):")
    return lines + [
        f"  trace {member.trace_id:032x}  span {member.span_id:016x}" for member in totals.members
    ]


_UNITS: Mapping[str, str] = {"cost": " USD", "duration": " ms", "avg_trace_latency": " ms"}


# -- values on a screen ---------------------------------------------------------------------------


def shown(name: str, value: object) -> str:
    """Return a column's value as it is shown on a screen."""
    if name == "cost" and isinstance(value, float):
        return usd(value)
    if isinstance(value, float):
        return milliseconds(value)
    if isinstance(value, tuple):
        return printable(", ".join(value))
    return printable(_plain(value))
