"""Options that several commands have, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.columns import PERIODS
from otel_session_agg._history.comparing import KEYS
from otel_session_agg._history.sources import SOURCES, Selection
from otel_session_agg._offline.prices_file import moment_of
from otel_session_agg._otlp.formats import FORMATS

Attempt = Callable[[Callable[[], int]], int]
"""Calls a command, and turns its errors into a message and an exit code."""

_COLUMNS = [column.name for column in SOURCES["session"].columns]


def paths() -> Any:
    """Return the argument for what is read."""
    return _typer().Argument(
        metavar="PATH...", help="Files, patterns and folders; - is standard input."
    )


def optional_paths() -> Any:
    """Return the same argument where something else may be read."""
    return _typer().Argument(
        None, metavar="PATH", help="Files, patterns and folders; - is standard input."
    )


def option(
    default: object,
    *names: str,
    metavar: str | None = None,
    text: str,
    values: Iterable[str] = (),
) -> Any:
    """Return an option; ``values``: what a shell completes, also after a comma."""
    known = tuple(values)

    def completed(incomplete: str) -> Iterator[str]:
        before, comma, begun = incomplete.rpartition(",")
        return (f"{before}{comma}{value}" for value in known if value.startswith(begun))

    given = completed if known else None
    return _typer().Option(default, *names, metavar=metavar, help=text, autocompletion=given)


def form() -> Any:
    """Return the option for the format of files."""
    return option(
        None,
        "--format",
        metavar="NAME",
        text=f"The format of all files, which is detected otherwise: {', '.join(FORMATS)}.",
        values=FORMATS,
    )


def where() -> Any:
    """Return the option for a condition."""
    text = "SQL: \"cost > 0.10 and user = 'ada'\"."
    return option(None, "--where", metavar="CONDITION", text=text)


def since() -> Any:
    """Return the option for the time from which on something counts."""
    return option(None, "--since", metavar="TIME", text="What began then or later, UTC.")


def until() -> Any:
    """Return the option for the time before which something counts."""
    return option(None, "--until", metavar="TIME", text="What began before then, UTC.")


def group_by() -> Any:
    """Return the option for keys of groups."""
    return option(
        None,
        "--group-by",
        metavar="NAMES",
        text="Add up what has these alike: user, hour, day, month, model, agent, tool,"
        " a dimension or metadata; several by commas.",
        values=["user", *(period.name for period in PERIODS), "model", "agent", "tool"],
    )


def columns() -> Any:
    """Return the option for what is shown."""
    text = "These columns only; several by commas."
    return option(None, "--columns", metavar="NAMES", text=text, values=_COLUMNS)


def limit() -> Any:
    """Return the option for how many rows are shown."""
    return _typer().Option(None, metavar="N", min=1, help="The first N only.")


def sort() -> Any:
    """Return the option for the order of rows."""
    text = "With a minus before it, descending."
    return option(None, "--sort", metavar="COLUMN", text=text, values=_COLUMNS)


def out() -> Any:
    """Return the option for a file of OTLP."""
    return option(
        None,
        "--out",
        metavar="FILE",
        text="Write the traces there as OTLP, with totals on their roots: .jsonl, or .pb for"
        " protobuf; .gz and .zst compress.",
    )


def parquet() -> Any:
    """Return the option for a folder of Parquet."""
    return option(
        None,
        "--parquet",
        metavar="DIR",
        text="Write the tables there as Parquet, by day; what they have there is replaced.",
    )


def otlp() -> Any:
    """Return the option for an endpoint."""
    text = "Send the same to an OTLP/HTTP endpoint: http://localhost:4318."
    return option(None, "--otlp", metavar="URL", text=text)


def history() -> Any:
    """Return the option for a file that keeps tables."""
    text = (
        "Keep the tables in this file, and add to what it has. A call that two traces report is"
        " recognised where both come in one run."
    )
    return option(None, "--history", metavar="FILE", text=text)


def no_content() -> Any:
    """Return the option to keep spans without what people and models wrote."""
    text = (
        "Keep no prompts, outputs, arguments, results or texts of errors in the history. Totals"
        " are the same."
    )
    return option(False, "--no-content", text=text)  # noqa: FBT003


def fail_over() -> Any:
    """Return the option for a cost that is too high."""
    text = "Exit with 4 when all sessions together cost more."
    return option(None, "--fail-over", metavar="USD", text=text)


def fail_over_more() -> Any:
    """Return the option for a difference that is too high."""
    text = "Exit with 4 when it costs so much more after."
    return option(None, "--fail-over", metavar="USD", text=text)


def differences_by() -> Any:
    """Return the option for what differences are added up by."""
    text = f"{', '.join(KEYS)}; several by commas."
    return option("model", "--by", metavar="NAMES", text=text, values=KEYS)


def prices(side: str = "") -> Any:
    """Return the option for prices of one's own; ``side``: ``-before`` or ``-after``."""
    return option(
        None,
        f"--prices{side}",
        metavar="FILE",
        text="Your own prices, JSON or YAML: models and USD per million tokens.",
    )


def price_date(side: str = "") -> Any:
    """Return the option for the time that calls are priced as of."""
    return option(
        "recorded",
        f"--price-date{side}",
        metavar="DATE",
        text="Price all calls as of this date; recorded: each as of its own time.",
        values=["recorded"],
    )


def recorded_cost(side: str = "", more: str = "") -> Any:
    """Return the option for costs that spans state; ``more``: what else it can be."""
    text = f"keep costs that spans state, or ignore them and compute all.{more}"
    values = ["keep", "ignore", *(["compare"] if more else [])]
    return option("keep", f"--recorded-cost{side}", metavar="HOW", text=text, values=values)


def processes() -> Any:
    """Return the option for how many processes work."""
    return _typer().Option(
        None, "--processes", metavar="N", min=1, help="How many work. Default: one for each core."
    )


def forms_of(*, as_json: bool, as_csv: bool) -> str:
    """Return what is to be printed: ``table``, ``json`` or ``csv``.

    Raises:
        SettingsError: both are asked for.

    """
    if as_json and as_csv:
        message = "Give --json or --csv, not both."
        raise SettingsError(message)
    return "json" if as_json else "csv" if as_csv else "table"


def selection_of(  # noqa: PLR0913 -- one for each option
    *,
    by: str = "session",
    where: str | None = None,
    group_by: str | None = None,
    columns: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Selection:
    """Return what the options select."""
    return Selection(
        by=by,
        where=where,
        group_by=_names(group_by) or (),
        columns=_names(columns),
        sort=sort,
        limit=limit,
        since=None if since is None else moment_of(since),
        until=None if until is None else moment_of(until),
    )


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(dict.fromkeys(name.strip() for name in text.split(",")))


def _typer() -> Any:
    import typer  # noqa: PLC0415 -- of an extra

    return typer
