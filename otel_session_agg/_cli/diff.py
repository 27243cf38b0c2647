"""The command ``diff``: what the same traces cost by other prices, or two sets of traces."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from otel_session_agg._cli.progress import shown_progress
from otel_session_agg._cli.replay import (
    INTERRUPTED,
    OVER,
    Input,
    amount_of,
    code_of,
    plain,
    prepare_output,
    pricing_of,
    print_notes,
    replayed,
    say,
)
from otel_session_agg._cli.rows import MAX_TABLE_ROWS, WRITERS, write_json, write_table
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.comparing import KEYS
from otel_session_agg._history.database import is_database
from otel_session_agg._untrusted.formatting import exact_usd

if TYPE_CHECKING:
    from otel_session_agg._history.sources import Result
    from otel_session_agg._offline.differences import Differences
    from otel_session_agg._offline.rate_changes import RateChange
    from otel_session_agg._offline.sessions import Sessions

    Side = Sessions | str
    """Traces, or the path of a kept history."""

_IN_TABLE = (
    "calls", "cost_before", "cost_after", "difference", "percent",
    "unpriced_before", "unpriced_after",
)  # fmt: skip
_IF_ANY = frozenset({"unpriced_before", "unpriced_after"})
"""Columns of the table that are left out where they are 0 throughout."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is printed."""

    form: str = "table"
    by: str = "model"
    """Names by commas."""
    sort: str | None = None
    limit: int | None = None
    fail_over: str | None = None


def run_diff(before: Input, after: Input, shown: Shown) -> int:
    """Compare and print; return the exit code.

    Raises:
        SessionAggError: an argument is wrong, or a file cannot be used.

    """
    from otel_session_agg._offline.differences import diff  # noqa: PLC0415 -- needs an extra

    limit = None if shown.fail_over is None else amount_of(shown.fail_over)
    if before == after:
        message = "Both sides are the same: give two paths, or other prices for one side."
        raise SettingsError(message)
    try:
        with ExitStack() as stack:
            sides = _sides(stack, before, after)
            found = stack.enter_context(diff(*sides))
            _print(found, shown)
            difference = found.total["difference"] or Decimal(0)
            if limit is not None and difference > limit:
                say(f"it costs {plain(difference)} USD more after, more than {plain(limit)}")
                return OVER
            return max((code_of(one.done) for one in sides if not isinstance(one, str)), default=0)
    except KeyboardInterrupt:
        say("interrupted: nothing was compared")
        return INTERRUPTED


def compare_recorded(given: Input, shown: Shown) -> int:
    """Compare the costs that spans state with what is computed of their tokens."""
    computed = replace(given, recorded_cost="ignore")
    return run_diff(replace(given, recorded_cost="keep"), computed, shown)


def _sides(stack: ExitStack, before: Input, after: Input) -> tuple[Side, Side]:
    """Return both sides; files that are those of both are read once."""
    first = _side(stack, before)
    if isinstance(first, str) or before.paths != after.paths:
        return first, _side(stack, after)
    with shown_progress() as show:
        again = first.repriced(**pricing_of(after), progress=show)
    return first, stack.enter_context(again)


def _side(stack: ExitStack, given: Input) -> Side:
    [*others, path] = given.paths
    if not others and is_database(Path(path)) and pricing_of(given) == pricing_of(Input([path])):
        return path  # priced as it was when it was made
    sessions = stack.enter_context(replayed(given))
    print_notes(sessions.done)
    if sessions.done.is_interrupted:
        raise KeyboardInterrupt
    return sessions


# -- printing --------------------------------------------------------------------------------------


def _print(found: Differences, shown: Shown) -> None:
    names = [name.strip() for name in shown.by.split(",")]
    result = found.by(*names, sort=shown.sort, limit=shown.limit)
    prepare_output()
    if shown.form == "json":
        more = {"prices": [change._asdict() for change in found.prices]}
        write_json(sys.stdout, *result, more)
    elif shown.form == "csv":
        WRITERS["csv"](sys.stdout, *result)
    else:
        _print_tables(found, result, names)
    sys.stdout.flush()


def _print_tables(found: Differences, result: Result, names: list[str]) -> None:
    keys = dict.fromkeys(column for name in names for column in KEYS[name])
    figures = [name for name in _IN_TABLE if name not in _IF_ANY or result.total[name]]
    columns = (*keys, *figures)
    places = [result.columns.index(name) for name in columns]
    rows = ([row[place] for place in places] for row in result.rows)
    number = write_table(sys.stdout, columns, rows, result.total if keys else None)
    if number > MAX_TABLE_ROWS:
        say(f"{number - MAX_TABLE_ROWS:,} more rows: use --limit, --csv or --json")
    sys.stdout.write("\n")
    reasons = [(row["meaning"], row["calls"], row["difference"]) for row in found.reasons]
    write_table(sys.stdout, ("why", "calls", "difference"), reasons, result.total)
    if found.prices:
        sys.stdout.write("\nPrices that differ, USD for a million tokens or for each:\n")
        columns = ("model", "price", "before", "after", "source_before", "source_after")
        write_table(sys.stdout, columns, map(_price_row, found.prices), None)


def _price_row(change: RateChange) -> tuple[str | None, ...]:
    before, after = (
        None if price is None else exact_usd(price) for price in (change.before, change.after)
    )
    name = change.rate.replace("_", " ")
    return change.model, name, before, after, change.source_before, change.source_after
