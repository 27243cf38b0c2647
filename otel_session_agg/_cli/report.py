"""The command ``report``: a page about stored sessions."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from otel_session_agg import analysis
from otel_session_agg._cli.replay import (
    DONE,
    Input,
    check_place,
    code_of,
    print_notes,
    replayed,
)
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.sources import Selection
from otel_session_agg._untrusted.formatting import counted, printable
from otel_session_agg.analysis._source import Only, selected

if TYPE_CHECKING:
    from otel_session_agg.analysis._source import Stored


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where the page goes, and what is on it."""

    html: str
    segment: str | None = None
    title: str | None = None
    selection: Selection = field(default_factory=Selection)


def run_report(given: Input, wanted: Wanted) -> int:
    """Write a page about the sessions of files, or of a history; return the exit code.

    Raises:
        SessionAggError: an argument is wrong, or something cannot be read or written.

    """
    check_place(wanted.html)
    if given.paths:
        with replayed(given) as sessions:
            _write(sessions, wanted)
            print_notes(sessions.done)
            return code_of(sessions.done)
    if given.history is None:
        message = "Give files, or --history FILE."
        raise SettingsError(message)
    if given.is_repriced:
        message = (
            "What --history FILE has is shown as it was counted;"
            " to count it at other prices, give FILE as a PATH."
        )
        raise SettingsError(message)
    from otel_session_agg._history.history import History  # noqa: PLC0415 -- needs an extra

    with History(Path(given.history), read_only=True) as history:
        _write(history, wanted)
    return DONE


def _write(sessions: Stored, wanted: Wanted) -> None:
    only: Only = {
        "where": wanted.selection.where,
        "since": wanted.selection.since,
        "until": wanted.selection.until,
    }
    more = {} if wanted.title is None else {"title": wanted.title}
    analysis.report(sessions, wanted.html, segment=wanted.segment, **more, **only)
    [(number,)] = selected(sessions, **only).rows("SELECT count(*) FROM sessions")
    about = f"{printable(wanted.html)}: {counted(number, 'session')}"
    print(about, file=sys.stderr)  # noqa: T201 -- a command
