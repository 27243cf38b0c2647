"""Print what a selection has: sessions, traces or calls, or groups of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from otel_session_agg._cli.rows import MAX_TABLE_ROWS, WRITERS
from otel_session_agg._history.sources import Result, Selection
from otel_session_agg._untrusted.formatting import counted

GROUPS_IN_TABLE = ("sessions", "turns", "calls", "tokens", "cost", "unpriced", "errors")
"""Figures of groups in a table, if nothing else is asked for."""


class Written(NamedTuple):
    """What was written."""

    rows: int
    total: Mapping[str, Any]

    def unpriced(self) -> Iterator[str]:
        """Return what is to be said about unknown costs."""
        unpriced = self.total.get("unpriced")
        if isinstance(unpriced, int) and unpriced:
            calls = counted(unpriced, "call has", "calls have")
            yield f"{calls} no known price: costs are those of the others"

    def left_out(self) -> Iterator[str]:
        """Return what is to be said about rows that a table does not have."""
        if self.rows > MAX_TABLE_ROWS:
            yield f"{self.rows - MAX_TABLE_ROWS:,} more rows: use --limit, --csv or --json"


def write_selected(  # noqa: PLR0913 -- all that it depends on
    out: TextIO,
    form: str,
    select: Callable[[Selection], Result],
    selection: Selection,
    in_table: Sequence[str],
    *,
    has_total: bool,
) -> Written:
    """Select, and write what is found.

    Args:
        out: Where to.
        form: ``table``, ``csv`` or ``json``.
        select: Returns what is selected.
        selection: What is wanted.
        in_table: Columns of a table, if none are asked for; not of one of groups.
        has_total: Whether there is a row with the totals; groups always have one.

    Raises:
        SessionAggError: a name or a condition is not understood.

    """
    is_table = form == "table"
    if selection.columns is None and is_table and not selection.group_by:
        selection = selection._replace(columns=in_table)
    result = select(selection)
    columns = result.columns
    if is_table and selection.columns is None:
        columns = tuple(name for name in columns if name in (*selection.group_by, *GROUPS_IN_TABLE))
    places = [result.columns.index(name) for name in columns]
    rows = ([row[place] for place in places] for row in result.rows)
    total = result.total if has_total or selection.group_by else None
    number = WRITERS[form](out, columns, rows, total)
    return Written(number, result.total)
