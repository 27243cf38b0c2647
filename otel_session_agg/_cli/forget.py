"""The command ``forget``: delete what is over from a kept history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from otel_session_agg._cli import options as o
from otel_session_agg._cli.options import Attempt
from otel_session_agg._history.columns import naive
from otel_session_agg._history.history import History
from otel_session_agg._offline.prices_file import moment_of
from otel_session_agg._untrusted.formatting import counted

if TYPE_CHECKING:
    import typer

FORGET_HELP = """Delete the sessions that are over from a file that `replay --history` keeps.

Sessions that ended before the date are deleted with their traces, calls and spans. A trace stays as
long as one of its sessions does, and a session whose end is not known stays.

    otel-session-agg forget --history kept.duckdb --before 2026-05-01

    otel-session-agg forget --history kept.duckdb --before 2026-05-01 --dry-run

The date stays with the file: what is replayed or received later of such sessions is not kept
either, as it would show a part of a session as if it was all. An earlier date takes that back.

The file does not shrink: what is deleted cannot be asked for any more, and its place is written
over by what comes next.

Exit codes: 0 done; 1 nothing was deleted, the message says why; 2 the command line is wrong.
"""

_OLD = "SELECT count(*) FILTER (end_time < ?), count(*) FROM sessions"


def add_forget(app: typer.Typer, attempt: Attempt) -> None:
    """Add the command ``forget``."""
    import typer  # noqa: PLC0415 -- of an extra

    @app.command(help=FORGET_HELP)
    def forget(
        *,
        history: str = o.option(..., metavar="FILE", text="A file that `replay --history` wrote."),
        before: str = o.option(..., metavar="TIME", text="A date or time in UTC."),
        dry_run: bool = o.option(
            False,  # noqa: FBT003 -- typer's way to give a default
            "--dry-run",
            text="Say how many sessions that are, and delete nothing.",
        ),
    ) -> None:
        raise typer.Exit(attempt(lambda: run_forget(Path(history), before, is_dry=dry_run)))


def run_forget(path: Path, before: str, *, is_dry: bool) -> int:
    """Delete the sessions that ended before a time, and say how many; return the exit code.

    Raises:
        SessionAggError: there is no such history, or the time is none.

    """
    time = moment_of(before)
    with History(path, read_only=True) as history:
        [(old, number)] = history.rows(_OLD, [naive(time)])
    if not is_dry:
        with History(path) as history:
            old = history.forget_before(time, notes=True)
            [(number,)] = history.rows("SELECT count(*) FROM sessions")
    about = "would be deleted" if is_dry else "deleted"
    left = number - old if is_dry else number
    ended = f"ended before {naive(time):%Y-%m-%d %H:%M} UTC"
    text = f"{about}: {counted(old, 'session')} that {ended}; {left:,} stay"
    print(text, file=sys.stderr)  # noqa: T201 -- a command
    return 0
