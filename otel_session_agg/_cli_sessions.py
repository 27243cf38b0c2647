"""The commands ``sessions`` and ``session``: a store's sessions as a table, as CSV and as JSON.

Everything here makes text.  What is shown on a screen is kept to printable characters: ids and errors come from anybody, and
must not move somebody's cursor.  In CSV, a text that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import StringIO
from math import isfinite
from typing import NamedTuple

from otel_session_agg import environment_variables as env
from otel_session_agg._conditions import column_named, condition
from otel_session_agg._exceptions import StoreError
from otel_session_agg._report import COLUMNS, Form, Row, SessionReader, StoredSession, ordered, read_row, time_of
from otel_session_agg._store import SessionStore
from otel_session_agg.stores import MemoryStore, SqliteStore, open_store
from otel_session_agg.stores._masked import masked

IN_TABLE = ("cost", "tokens", "traces", "events", "errors", "state", "session")
"""Columns of the table; the session's id is the last, so that it is never cut whatever its length."""

_WIDTH = 80
_MAX_TEXT = 400
"""Characters of an output or an error that are shown; JSON has all of it."""
_MICRO_USD = 0.000001
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""Beginnings that spreadsheets take for a formula's; the last four are the same signs in full width."""


class Told(NamedTuple):
    """What a command has to say."""

    text: str
    """On standard output, with the ends of its lines."""
    notes: Sequence[str] = ()
    """On standard error."""
    header: str | None = None
    """A line before the text, printed bold where that can be."""


# -- stores ---------------------------------------------------------------------------------------------------------------


def store_url(url: str | None) -> str:
    """The URL that is given, or that of the environment.

    Raises:
        StoreError: there is none.

    """
    found = (url or os.environ.get(env.OTEL_PYTHON_SESSION_AGG_STORE, "")).strip()
    if not found:
        message = (
            f"no store is named: give --store URL, or set {env.OTEL_PYTHON_SESSION_AGG_STORE}, to sqlite:///file for example"
        )
        raise StoreError(message)
    return found


def existing_store(url: str) -> SessionStore:
    """The store of a URL; none is created.

    Raises:
        StoreError: there is none, or nobody but its own process can read it.

    """
    store = open_store(url)
    if isinstance(store, MemoryStore):
        message = (
            "memory:// is inside the process that uses it: only a store that processes share can be read, sqlite:// or redis://"
        )
        raise StoreError(message)
    if isinstance(store, SqliteStore):
        path = store.path
        why = (
            "does not exist"
            if not path.exists()
            else "is no file"
            if not path.is_file()
            else "is empty"
            if not path.stat().st_size
            else None
        )
        if why is not None:
            message = f"there is no store in {path}: it {why}"
            raise StoreError(message)
    return store


# -- all sessions ---------------------------------------------------------------------------------------------------------


def list_sessions(url: str, *, form: str, sort: str, where: str | None, limit: int | None) -> Told:
    """All sessions of a store that fit, as a ``table``, ``csv`` or ``json``.

    Raises:
        SessionAggError: an argument is wrong; stores may raise anything else.

    """
    fits = condition(where) if where is not None else _anything
    column = column_named(sort.removeprefix("-"))
    store = existing_store(url)
    reader = SessionReader(store)
    try:
        rows = [row for row in map(read_row, reader.all()) if fits(row)]
    finally:
        store.close()
    shown = ordered(rows, column, descends=sort.startswith("-"))[:limit]
    notes = list(_skipped(reader))
    if form == "json":
        return Told(_json([_json_row(row) for row in shown]), notes)
    if form == "csv":
        return Told(_csv(shown), notes)
    header, *lines = _table(shown)
    return Told(_text(lines), [*notes, *_remarks(shown, where)], header)


def _anything(_: Row) -> bool:
    return True


def _skipped(reader: SessionReader) -> Iterable[str]:
    if reader.num_malformed:
        yield f"{_counted(reader.num_malformed, 'entry was', 'entries were')} left out: not of this version, or damaged"


def _remarks(rows: Sequence[Row], where: str | None) -> Iterable[str]:
    if not rows:
        yield "no session is in the store" if where is None else "no session in the store fits the condition"
    unpriced = sum(bool(row["unpriced"]) for row in rows)
    if unpriced:
        one, many = "session has calls without a known price: its", "sessions have calls without a known price: their"
        yield f"{_counted(unpriced, one, many)} cost is that of the other calls, and blank if there are none"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _table(rows: Sequence[Row]) -> list[str]:
    """Aligned lines; two blanks between columns if 80 characters are enough for that, else one."""
    cells = [IN_TABLE, *(tuple(_shown(name, row[name]) for name in IN_TABLE) for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(IN_TABLE))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= _WIDTH else " "
    return [gap.join(_aligned(*cell) for cell in zip(IN_TABLE, line, widths, strict=True)).rstrip() for line in cells]


def _aligned(name: str, text: str, width: int) -> str:
    return text.rjust(width) if COLUMNS[name].form is Form.NUMBER else text.ljust(width)


def _csv(rows: Sequence[Row]) -> str:
    text = StringIO(newline="")
    writer = csv.writer(text)  # the dialect of RFC 4180: quotes where needed, CR LF
    writer.writerow(COLUMNS)
    writer.writerows([_csv_cell(name, row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue()


def _csv_cell(name: str, value: object) -> str:
    if name == "cost" and isinstance(value, float):
        return _decimal(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, tuple):
        return _csv_cell("", ";".join(value))
    return _plain(value)


def _decimal(usd: float) -> str:
    """All digits of a sum of picodollars, without an exponent."""
    return f"{usd:.12f}".rstrip("0").rstrip(".")


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return _iso(value) if isinstance(value, datetime) else str(value)


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: object) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _json_value(value: object) -> object:
    return _iso(value) if isinstance(value, datetime) else value


def _json_row(row: Row) -> dict[str, object]:
    return {name: _json_value(value) for name, value in row.items()}


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


# -- one session ----------------------------------------------------------------------------------------------------------


def show_session(url: str, session_id: str, *, form: str) -> Told:
    """One session, as ``json`` or for people.

    Raises:
        StoreError: it is not in the store, or there is no store; stores may raise anything else.

    """
    store = existing_store(url)
    reader = SessionReader(store)
    try:
        session = reader.get(session_id)
    finally:
        store.close()
    notes = list(_skipped(reader))
    if session is None:
        why = f": {notes[0]}" if notes else ""
        message = f"there is no session {printable(session_id)} in {masked(url)}{why}"
        raise StoreError(message)
    if form == "json":
        return Told(_json(_json_session(session)), notes)
    return Told(_text(_lines(session)), notes)


def _json_session(session: StoredSession) -> dict[str, object]:
    totals, rollup = session.totals, session.rollup
    return {
        **_json_row(read_row(session)),
        "metadata": {name: _json_label(label.value) for name, label in totals.metadata.items()},
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


def _json_label(value: str | float) -> str | float | None:
    return value if not isinstance(value, float) or isfinite(value) else None


def _lines(session: StoredSession) -> list[str]:
    totals, rollup = session.totals, session.rollup
    said: dict[str, str] = {
        name: _shown(name, value) + _UNITS.get(name, "") * (value is not None) for name, value in read_row(session).items()
    }
    said.update({f"metadata.{name}": _short(str(label.value)) for name, label in sorted(totals.metadata.items())})
    said.update({name: _short(at.value) for name, at in (("error", rollup.error), ("output", rollup.output)) if at is not None})
    said = {printable(name): text for name, text in said.items()}
    width = max(map(len, said))
    lines = [f"{name:<{width}}  {text}".rstrip() for name, text in said.items()]
    lines += [f"roots ({len(totals.members)} of {max(len(totals.members), totals.num_roots + totals.num_parts)}):"]
    return lines + [f"  trace {member.trace_id:032x}  span {member.span_id:016x}" for member in totals.members]


_UNITS: Mapping[str, str] = {"cost": " USD", "duration": " ms", "avg_trace_latency": " ms"}


# -- values for people ----------------------------------------------------------------------------------------------------


def _shown(name: str, value: object) -> str:
    if name == "cost" and isinstance(value, float):
        return f"{value:.6f}" if not 0 < value < _MICRO_USD / 2 else f"<{_MICRO_USD:.6f}"
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, tuple):
        return printable(", ".join(value))
    return printable(_plain(value))


def _short(text: str) -> str:
    line = printable(text)
    return line if len(line) <= _MAX_TEXT else f"{line[: _MAX_TEXT - 3]}..."


def printable(text: str) -> str:
    """The text with everything that is no printable character written as an escape sequence."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
