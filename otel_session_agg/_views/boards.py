"""Charts that were saved, on boards: a small JSON file beside the history, or memory alone.

Boards are no totals, so they are not in the history's schema: a history that is made again keeps
them, and one process at a time writes them.  The file is replaced as a whole, or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._files import CompleteFile, read_bounded
from otel_session_agg._untrusted.formatting import printable, short
from otel_session_agg._untrusted.json_text import loaded

__all__ = ["Boards", "SavedChart", "boards_path"]

MAX_CHARTS = 200
"""Charts on all boards: more are not looked at, and each is a query when its board is opened."""
MAX_NAME_CHARS = 80
MAX_SEARCH_CHARS = 2000
"""Characters of the address of a chart."""
_MAX_BYTES = 2_000_000
_VERSION = 1
DEFAULT_BOARD = "board"


class SavedChart(NamedTuple):
    """A chart with a name."""

    board: str
    name: str
    search: str
    """What its address has after the question mark: all that it shows."""
    is_wide: bool = False
    """Whether it has the width of the board."""


class Boards:
    """All saved charts, in the order in which they are shown; may be used by several threads."""

    def __init__(self, path: Path | None) -> None:
        """``path``: the file, which may not be there yet; ``None``: they are gone at the end."""
        self._path = path
        self._lock = Lock()
        self._charts: list[SavedChart] | None = None

    def names(self) -> list[str]:
        """Return the names of all boards."""
        return list(dict.fromkeys(chart.board for chart in self.charts()))

    def charts(self, board: str | None = None) -> list[SavedChart]:
        """Return the charts of a board, or all."""
        with self._lock:
            return [one for one in self._read() if board is None or one.board == board]

    def save(self, chart: SavedChart) -> tuple[SavedChart, bool]:
        """Add a chart, or replace the one of its name on its board.

        Returns the chart as it is kept, its names printable, and whether it replaced one.

        Raises:
            SessionAggError: it has no name, there are too many, or the file cannot be written.

        """
        chart = chart._replace(board=_name(chart.board), name=_name(chart.name))
        if len(chart.search) > MAX_SEARCH_CHARS:
            message = "the chart cannot be saved: its address is too long"
            raise SessionAggError(message)
        with self._lock:
            charts = self._read()
            at = next((at for at, one in enumerate(charts) if one[:2] == chart[:2]), None)
            if at is None and len(charts) >= MAX_CHARTS:
                message = f"there are {MAX_CHARTS} charts: remove one first"
                raise SessionAggError(message)
            if at is None:
                self._write([*charts, chart])
            else:
                self._write([*charts[:at], chart, *charts[at + 1 :]])
        return chart, at is not None

    def remove(self, board: str, name: str) -> None:
        """Remove a chart, if it is there."""
        with self._lock:
            charts = self._read()
            self._write([one for one in charts if one[:2] != (board, name)])

    def move(self, board: str, name: str, by: int) -> None:
        """Move a chart by so many places on its board, as far as there are."""
        with self._lock:
            charts = self._read()
            places = [at for at, one in enumerate(charts) if one.board == board]
            now = next((n for n, at in enumerate(places) if charts[at].name == name), None)
            if now is None:
                return
            of_board = [charts[at] for at in places]
            moved = of_board.pop(now)
            of_board.insert(min(max(now + by, 0), len(of_board)), moved)
            for at, chart in zip(places, of_board, strict=True):
                charts[at] = chart
            self._write(charts)

    def resize(self, board: str, name: str, *, is_wide: bool) -> None:
        """Give a chart the width of the board, or half of it."""
        with self._lock:
            self._write(
                [
                    one._replace(is_wide=is_wide) if one[:2] == (board, name) else one
                    for one in self._read()
                ]
            )

    # -- the file ---------------------------------------------------------------------------------

    def _read(self) -> list[SavedChart]:
        """Return all charts; what is in the file is read once."""
        if self._charts is None:
            self._charts = [] if self._path is None else _read(self._path)
        return list(self._charts)

    def _write(self, charts: Sequence[SavedChart]) -> None:
        if self._path is not None:
            _write(self._path, charts)
        self._charts = list(charts)


def boards_path(history: Path) -> Path:
    """Return where the boards of a history are."""
    return history.with_name(f"{history.name}.boards.json")


def _name(text: str) -> str:
    name = short(text.strip(), MAX_NAME_CHARS)
    if not name:
        message = "a name is needed"
        raise SessionAggError(message)
    return name


def _read(path: Path) -> list[SavedChart]:
    try:
        content = read_bounded(path, _MAX_BYTES)
    except FileNotFoundError:
        return []
    except OSError as error:
        message = f"{printable(str(path))} cannot be read: {error.strerror}"
        raise SessionAggError(message) from None
    try:
        return _charts_of(loaded(content))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"{printable(str(path))} has no boards that can be read: move it away"
        raise SessionAggError(message) from None


def _charts_of(value: Any) -> list[SavedChart]:
    if value["version"] != _VERSION:
        raise ValueError(value["version"])
    return [_chart_of(one) for one in value["charts"][:MAX_CHARTS]]


def _chart_of(value: Mapping[str, Any]) -> SavedChart:
    board, name, search = (value[key] for key in ("board", "name", "search"))
    if not all(isinstance(text, str) for text in (board, name, search)):
        raise TypeError(value)
    return SavedChart(_name(board), _name(name), search[:MAX_SEARCH_CHARS], value["wide"] is True)


def _write(path: Path, charts: Sequence[SavedChart]) -> None:
    rows = [
        {"board": one.board, "name": one.name, "search": one.search, "wide": one.is_wide}
        for one in charts
    ]
    text = json.dumps({"version": _VERSION, "charts": rows}, indent=1)
    try:
        with CompleteFile(path) as file:
            file.write(text.encode())
    except OSError as error:
        message = f"{printable(str(path))} cannot be written: {error.strerror}"
        raise SessionAggError(message) from None
