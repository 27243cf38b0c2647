"""The commands ``sessions`` and ``session``: read a store and return text to print."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from otel_session_agg import environment_variables as env
from otel_session_agg._cli.render import as_csv, as_json, details, one_as_json, table
from otel_session_agg._cli.where import column_named, condition
from otel_session_agg._exceptions import StoreError
from otel_session_agg._sharing.stored_sessions import Row, SessionReader, ordered, read_row
from otel_session_agg._untrusted.formatting import counted, printable, short
from otel_session_agg._untrusted.masked import masked
from otel_session_agg.stores import MemoryStore, SqliteStore, open_store
from otel_session_agg.stores.base import SessionStore

_MAX_NAMES = 5
"""How many of the entries that were left out are named."""
_MAX_NAME_CHARS = 160


class Output(NamedTuple):
    """The output of a command."""

    text: str
    """For standard output, with the ends of its lines."""
    notes: Sequence[str] = ()
    """Lines for standard error."""
    header: str | None = None
    """A line before the text, printed bold on a terminal."""


# -- stores ---------------------------------------------------------------------------------------


def store_url(url: str | None) -> str:
    """Return the URL that is given, or that of the environment.

    Raises:
        StoreError: there is none.

    """
    found = (url or os.environ.get(env.OTEL_PYTHON_SESSION_AGG_STORE, "")).strip()
    if not found:
        message = (
            f"no store is named: give --store URL, or set {env.OTEL_PYTHON_SESSION_AGG_STORE},"
            " to sqlite:///file for example"
        )
        raise StoreError(message)
    return found


def existing_store(url: str) -> SessionStore:
    """Open the store of a URL without creating one.

    Raises:
        StoreError: there is none, or only its own process can read it.

    """
    store = open_store(url)
    if isinstance(store, MemoryStore):
        message = (
            "memory:// is inside the process that uses it:"
            " only a store that processes share can be read, sqlite:// or redis://"
        )
        raise StoreError(message)
    if isinstance(store, SqliteStore):
        why = _missing(store.path)
        if why is not None:
            message = f"there is no store in {store.path}: it {why}"
            raise StoreError(message)
    return store


def _missing(path: Path) -> str | None:
    """Return why there is no store in a file, which opening would create; ``None``: there is."""
    if not path.exists():
        return "does not exist"
    if not path.is_file():
        return "is no file"
    return None if path.stat().st_size else "is empty"


# -- all sessions ---------------------------------------------------------------------------------


def list_sessions(
    url: str, *, form: str, sort: str, where: str | None, limit: int | None
) -> Output:
    """Return all sessions of a store that fit, as a ``table``, ``csv`` or ``json``.

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
        return Output(as_json(shown), notes)
    if form == "csv":
        return Output(as_csv(shown), notes)
    header, *lines = table(shown)
    return Output(_text(lines), [*notes, *_remarks(shown, where)], header)


def _anything(_: Row) -> bool:
    return True


def _skipped(reader: SessionReader) -> Iterable[str]:
    if reader.num_malformed:
        entries = counted(reader.num_malformed, "entry was", "entries were")
        yield f"{entries} left out: not of this version, or damaged"
        yield from (
            f"left out: {short(name, _MAX_NAME_CHARS)}" for name in reader.malformed[:_MAX_NAMES]
        )


def _remarks(rows: Sequence[Row], where: str | None) -> Iterable[str]:
    if not rows:
        yield (
            "no session is in the store"
            if where is None
            else "no session in the store fits the condition"
        )
    unpriced = sum(bool(row["unpriced"]) for row in rows)
    if unpriced:
        one, many = (
            "session has calls without a known price: its",
            "sessions have calls without a known price: their",
        )
        sessions = counted(unpriced, one, many)
        yield f"{sessions} cost is that of the other calls, and blank if there are none"


# -- one session ----------------------------------------------------------------------------------


def show_session(url: str, session_id: str, *, form: str) -> Output:
    """Return one session, as ``json`` or as ``text``.

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
        return Output(one_as_json(session), notes)
    return Output(_text(details(session)), notes)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
