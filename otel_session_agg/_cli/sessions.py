"""The commands ``sessions`` and ``session``: they read a store and make text; nothing is printed here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from otel_session_agg import environment_variables as env
from otel_session_agg._cli.render import as_csv, as_json, details, one_as_json, table
from otel_session_agg._cli.where import column_named, condition
from otel_session_agg._exceptions import StoreError
from otel_session_agg._formatting import counted, printable, short
from otel_session_agg._masked import masked
from otel_session_agg._sharing.stored_sessions import Row, SessionReader, ordered, read_row
from otel_session_agg.stores import MemoryStore, SqliteStore, open_store
from otel_session_agg.stores.base import SessionStore

_MAX_NAMES = 5
"""Entries that were left out and are named."""
_MAX_NAME_CHARS = 160


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
        message = f"no store is named: give --store URL, or set {env.OTEL_PYTHON_SESSION_AGG_STORE}, to sqlite:///file for example"
        raise StoreError(message)
    return found


def existing_store(url: str) -> SessionStore:
    """The store of a URL; none is created.

    Raises:
        StoreError: there is none, or nobody but its own process can read it.

    """
    store = open_store(url)
    if isinstance(store, MemoryStore):
        message = "memory:// is inside the process that uses it: only a store that processes share can be read, sqlite:// or redis://"
        raise StoreError(message)
    if isinstance(store, SqliteStore):
        why = _missing(store.path)
        if why is not None:
            message = f"there is no store in {store.path}: it {why}"
            raise StoreError(message)
    return store


def _missing(path: Path) -> str | None:
    """Why there is no store in a file; opening it would create one."""
    if not path.exists():
        return "does not exist"
    if not path.is_file():
        return "is no file"
    return None if path.stat().st_size else "is empty"


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
        return Told(as_json(shown), notes)
    if form == "csv":
        return Told(as_csv(shown), notes)
    header, *lines = table(shown)
    return Told(_text(lines), [*notes, *_remarks(shown, where)], header)


def _anything(_: Row) -> bool:
    return True


def _skipped(reader: SessionReader) -> Iterable[str]:
    if reader.num_malformed:
        yield f"{counted(reader.num_malformed, 'entry was', 'entries were')} left out: not of this version, or damaged"
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
        yield f"{counted(unpriced, one, many)} cost is that of the other calls, and blank if there are none"


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
        return Told(one_as_json(session), notes)
    return Told(_text(details(session)), notes)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
