"""The command ``explain``: why the totals of stored sessions and traces are what they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from otel_session_agg._cli.replay import (
    Input,
    check_place,
    code_of,
    plain,
    print_notes,
    replayed,
    say,
    writing,
)
from otel_session_agg._exceptions import SessionAggError, SettingsError
from otel_session_agg._files import CompleteFile
from otel_session_agg._offline.explaining import other_cost, rollup_of
from otel_session_agg._untrusted.formatting import printable

if TYPE_CHECKING:
    from otel_session_agg._explain.explanation import Explanation
    from otel_session_agg._model.rollup import Rollup
    from otel_session_agg._offline.sessions import Sessions

_TRACE_DIGITS = 32
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Explanation</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<style>:root {{ color-scheme: light dark }} body {{ margin: 2rem; font: 15px system-ui }}
pre {{ overflow-x: auto; font-size: 13px }} h2 {{ font-size: 1.1rem; margin-top: 2rem }}</style>
</head><body>{body}</body></html>
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be explained, and how it is shown."""

    session: str | None = None
    trace: str | None = None
    dearest: int | None = None
    depth: int | None = None
    html: str | None = None
    as_json: bool = False


def run_explain(given: Input, wanted: Wanted) -> int:
    """Explain, print or write; return the exit code.

    Raises:
        SessionAggError: an argument is wrong, or there is no such session or trace.

    """
    named = [one for one in (wanted.session, wanted.trace, wanted.dearest) if one is not None]
    if len(named) != 1:
        message = "Give one of --session ID, --trace ID and --dearest N."
        raise SettingsError(message)
    trace_id = None if wanted.trace is None else _trace_id(wanted.trace)
    if wanted.html is not None:
        check_place(wanted.html)
    with replayed(given) as sessions:
        found = list(_explained(sessions, wanted, trace_id))
        if not found:
            print_notes(sessions.done)
            message = "there is no session in the files"
            raise SessionAggError(message)
        _show(found, wanted)
        print_notes(sessions.done)
        return code_of(sessions.done)


def _explained(
    sessions: Sessions, wanted: Wanted, trace_id: int | None
) -> Iterator[tuple[str, Explanation]]:
    """Yield titles and explanations."""
    if trace_id is not None:
        found = sessions.explain(trace_id=trace_id)
        if not found.spans:
            message = f"there is no trace {trace_id:032x} in the files"
            raise SessionAggError(message)
        title = f"trace {trace_id:032x}"
        counted = sessions.rows("SELECT cost FROM traces WHERE trace_id = ?", [title.split()[1]])
        _say_other_cost(title, found.rollup, counted)
        yield title, found
        return
    names = [wanted.session] if wanted.session is not None else _dearest(sessions, wanted.dearest)
    for name in names:
        found = sessions.explain(session_id=name)
        if not found.spans:
            message = f"there is no session {printable(str(name))} in the files"
            raise SessionAggError(message)
        counted = sessions.rows("SELECT cost FROM sessions WHERE session = ?", [name])
        _say_other_cost(f"session {name}", rollup_of(found, name), counted)
        yield f"session {name}", found


def _say_other_cost(
    title: str, explained: Rollup, counted: Sequence[tuple[Decimal | None]]
) -> None:
    """Say what `replay` counts where that is not the sum of what is explained."""
    found = other_cost(explained, counted[0][0] if counted else None)
    if found is not None:
        known = "no known cost" if found.counted is None else f"{plain(found.counted)} USD"
        say(
            f"{printable(title)}: {plain(found.explained)} USD by its own spans; replay counts"
            f" {known}: a call that another trace reports, too, counts once, there or here"
        )


def _dearest(sessions: Sessions, number: int | None) -> list[str]:
    rows = sessions.columns("session").where("cost > 0").sort("-cost").limit(number or 1)
    return [row["session"] for row in rows]


def _show(found: list[tuple[str, Explanation]], wanted: Wanted) -> None:
    shown = [(title, one.to_depth(wanted.depth)) for title, one in found]
    if wanted.html is not None:
        body = "".join(f"<h2>{escape(title)}</h2>{one._repr_html_()}" for title, one in shown)
        with writing(wanted.html), CompleteFile(wanted.html) as file:
            file.write(_PAGE.format(body=body).encode("utf-8", "replace"))
    elif wanted.as_json:
        whole = [{"title": title, **one.to_dict()} for title, one in shown]
        json.dump(whole[0] if len(whole) == 1 else whole, sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
    else:
        from rich.console import Console  # noqa: PLC0415 -- of an extra

        console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        for number, (_, one) in enumerate(shown):
            console.print("" if number == 0 else "\n", end="")
            console.print(one)


def _trace_id(text: str) -> int:
    try:
        found = int(text, 16) if len(text) <= _TRACE_DIGITS else 0
    except ValueError:
        found = 0
    if found <= 0:
        message = f"{text[:40]!r} is no trace id: 32 hexadecimal digits"
        raise SettingsError(message)
    return found
