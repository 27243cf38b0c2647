"""The command ``query``: ask a kept history in SQL, and print the answer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from otel_session_agg._cli.options import Attempt, forms_of
from otel_session_agg._cli.rows import WRITERS
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.history import History
from otel_session_agg._history.tables import TABLES
from otel_session_agg._history.user_sql import TIME_LIMIT_SECONDS

if TYPE_CHECKING:
    import typer

_COLUMNS = ("table", "column", "type", "meaning")

_SHOWN = (bool, int, str, Decimal, date)

QUERY_HELP = f"""Ask a history in SQL, as DuckDB understands it.

A history is a file that `replay --history FILE` writes; its tables are
{", ".join(table.name for table in TABLES)}. Without a query, all columns are listed with what
they mean.

    otel-session-agg query --history h.db 'SELECT "user", sum(cost) FROM sessions GROUP BY 1'

Costs are exact decimals in USD, times are UTC, durations milliseconds. The query can neither
write nor read anything but the history.

Exit codes: 0, and 1 for an error.
"""  # noqa: S608 -- help, not a query


def add_query(app: typer.Typer, attempt: Attempt) -> None:
    """Add the command ``query``."""
    import typer  # noqa: PLC0415 -- of an extra

    @app.command(help=QUERY_HELP)
    def query(  # noqa: PLR0913  one for each option
        sql: str | None = typer.Argument(None, metavar="[SQL]", help="One query."),
        *,
        history: str | None = typer.Option(
            None, metavar="FILE", help="A file that `replay --history` wrote."
        ),
        # typer's way to give a default
        as_json: bool = typer.Option(False, "--json", help="Print JSON."),  # noqa: FBT003
        as_csv: bool = typer.Option(False, "--csv", help="Print CSV."),  # noqa: FBT003
        timeout: float = typer.Option(
            TIME_LIMIT_SECONDS, metavar="SECONDS", min=0.1, help="Give up after that."
        ),
        memory: str = typer.Option("1GB", metavar="SIZE", help="What the query may use."),
    ) -> None:
        def run() -> int:
            form = forms_of(as_json=as_json, as_csv=as_csv)
            return run_query(history, sql, form, timeout, memory)

        raise typer.Exit(attempt(run))


def run_query(
    history: str | None, sql: str | None, form: str, seconds: float, memory_limit: str
) -> int:
    """Print the answer to a query, or what can be asked; return the exit code.

    Raises:
        SessionAggError: there is no such history, or the query has an error.

    """
    write = WRITERS[form]
    if sql is None:
        write(sys.stdout, _COLUMNS, _documentation(), None)
        return 0
    if history is None:
        message = "no history is named: give --history FILE, which `replay --history FILE` writes"
        raise SessionAggError(message)
    with History(Path(history), read_only=True, memory_limit=memory_limit) as opened:
        found = opened.query(sql, seconds)
        write(sys.stdout, found.columns, (tuple(map(_known, row)) for row in found.rows), None)
    return 0


def _known(value: object) -> object:
    """Return a value as one of those that JSON has, or a date or an amount."""
    if isinstance(value, (list, tuple)):
        return [_known(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): _known(one) for name, one in value.items()}
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if value is None or isinstance(value, _SHOWN) else str(value)


def _documentation() -> list[tuple[str, str, str, str]]:
    return [
        (table.name, column.name, column.type.value.sql, column.meaning)
        for table in TABLES
        for column in table.columns
    ]
