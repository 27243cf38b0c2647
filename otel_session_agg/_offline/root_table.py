"""What is to be changed on roots, on disk, until they are written."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._offline.root_attributes import OnRoot
from otel_session_agg._offline.spool import unwritable


class RootTable:
    """Attributes by trace and span id; ``folder``: one of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection = sqlite3.connect(folder / "roots.sqlite")
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(
            "CREATE TABLE roots (id BLOB PRIMARY KEY, data BLOB) WITHOUT ROWID"
        )

    def add(self, rows: Iterable[OnRoot]) -> None:
        """Add roots.

        Raises:
            SessionAggError: they cannot be written.

        """
        values = [
            (_key(row.trace_id, row.span_id), pickle.dumps(dict(row.attributes)))
            for row in rows
            if row.attributes
        ]
        try:
            self._connection.executemany("INSERT OR REPLACE INTO roots VALUES (?, ?)", values)
        except sqlite3.Error as error:
            message = f"{unwritable(self._folder)}: {error}"
            raise SessionAggError(message) from None

    def get(self, trace_id: int, span_id: int) -> Mapping[str, Any] | None:
        """Return what is to be changed on a span; ``None``: nothing is."""
        rows = self._connection.execute(
            "SELECT data FROM roots WHERE id = ?", (_key(trace_id, span_id),)
        ).fetchall()
        if not rows:
            return None
        # only what `add` wrote in a private folder is read
        found: Mapping[str, Any] = pickle.loads(rows[0][0])  # noqa: S301
        return found

    def close(self) -> None:
        """Close the table."""
        self._connection.close()


def _key(trace_id: int, span_id: int) -> bytes:
    return trace_id.to_bytes(16, "big") + span_id.to_bytes(8, "big")
