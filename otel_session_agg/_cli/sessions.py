"""The commands ``sessions`` and ``session``: read a store and return text to print."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from otel_session_agg import environment_variables as env
from otel_session_agg._cli.render import details, one_as_json
from otel_session_agg._cli.selected import write_selected
from otel_session_agg._exceptions import StoreError
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._settings import Settings, given_variables
from otel_session_agg._sharing.stored_sessions import SessionReader
from otel_session_agg._untrusted.formatting import counted, printable, short
from otel_session_agg._untrusted.masked import masked
from otel_session_agg.stores import MemoryStore, SqliteStore, open_store
from otel_session_agg.stores.base import SessionStore

IN_TABLE = ("cost", "tokens", "traces", "events", "errors", "state", "session")
"""Columns of the table; the session's id is the last, so that it is never cut."""
_SESSIONS = 5000
"""Sessions that are read from a store before they are put into tables."""
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


def list_sessions(url: str, form: str, selection: Selection) -> Output:
    """Return the sessions of a store that are selected, or groups of them.

    ``form``: ``table``, ``csv`` or ``json``.

    Raises:
        SessionAggError: an argument is wrong; stores may raise anything else.

    """
    selection = selection._replace(labels=_configured_dimensions())
    text = StringIO(newline="")
    with History() as history:
        notes = list(_read(url, history))
        written = write_selected(text, form, history.select, selection, IN_TABLE, has_total=False)
    if form != "table":
        return Output(text.getvalue(), notes)
    header, _, lines = text.getvalue().partition("\n")
    notes += _nothing(selection) if not written.total["sessions"] else ()
    return Output(lines, [*notes, *written.unpriced(), *written.left_out()], header)


def _read(url: str, history: History) -> Iterator[str]:
    """Put the sessions of a store into tables; return what is to be said about it."""
    store = existing_store(url)
    reader = SessionReader(store)
    try:
        sessions = reader.all()
        while some := list(islice(sessions, _SESSIONS)):
            history.add_sessions(some)
    finally:
        store.close()
    yield from _skipped(reader)


def _configured_dimensions() -> tuple[str, ...]:
    """Return the dimensions that the environment names, else the default ones."""
    given = {one.name: one.value for one in given_variables(os.environ) if one.value is not None}
    return Settings(dimensions=given.get("dimensions", Settings().dimensions)).dimensions


def _skipped(reader: SessionReader) -> Iterable[str]:
    if reader.num_malformed:
        entries = counted(reader.num_malformed, "entry was", "entries were")
        yield f"{entries} left out: not of this version, or damaged"
        yield from (
            f"left out: {short(name, _MAX_NAME_CHARS)}" for name in reader.malformed[:_MAX_NAMES]
        )


def _nothing(selection: Selection) -> Iterable[str]:
    yield (
        "no session is in the store"
        if selection.is_everything
        else "no session in the store fits the condition"
    )


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
