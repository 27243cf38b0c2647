"""The command ``replay``: count the traces of files, and print or write what they come to."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, get_args

from otel_session_agg._cli.progress import shown_progress, stoppable
from otel_session_agg._cli.selected import write_selected
from otel_session_agg._exceptions import SessionAggError, SettingsError
from otel_session_agg._history.parquet import check_folder
from otel_session_agg._history.sources import Selection, tables_of
from otel_session_agg._history.tables import COUNTED
from otel_session_agg._offline.options import RecordedCost
from otel_session_agg._otlp.endpoint import traces_url
from otel_session_agg._untrusted.formatting import counted, printable

if TYPE_CHECKING:
    from otel_session_agg._offline.progress import Replayed
    from otel_session_agg._offline.sessions import Sessions

DONE, FAILED, UNREAD, OVER, INTERRUPTED = 0, 1, 3, 4, 130
"""Exit codes: all is done; nothing was; something could not be read; it costs more than allowed;
Ctrl-C was pressed.  2 is that of a wrong command line."""

IN_TABLE = {
    "session": ("cost", "tokens", "traces", "model_events", "errors", "user", "session"),
    "trace": ("cost", "tokens", "model_events", "errors", "duration", "name", "trace_id"),
    "root": ("cost", "tokens", "model_events", "errors", "duration", "name", "trace_id"),
    "call": ("cost", "tokens", "model", "agent", "tool", "counts", "rule", "name"),
}
"""Columns of tables, by what ``--by`` is."""
_MAX_PROBLEMS = 10
"""Problems that are printed; all are counted."""


@dataclass(frozen=True, slots=True)
class Input:
    """What is read, and how it is priced."""

    paths: list[str]
    form: str | None = None
    prices: str | None = None
    """A file."""
    price_date: str | None = None
    recorded_cost: str = "keep"
    processes: int | None = None
    history: str | None = None
    has_content: bool = True

    @property
    def is_repriced(self) -> bool:
        """Whether calls are priced in another way than is usual."""
        is_at_other_time = self.price_date not in {None, "recorded"}
        return is_at_other_time or self.prices is not None or self.recorded_cost != "keep"


@dataclass(frozen=True, slots=True)
class Output:
    """What is printed and written."""

    form: str = "table"
    selection: Selection = field(default_factory=Selection)
    out: str | None = None
    otlp: str | None = None
    """A URL."""
    parquet: str | None = None
    """A folder."""
    fail_over: str | None = None

    @property
    def shown(self) -> Selection:
        """What is selected, with the columns that are printed."""
        is_plain = self.selection.columns is None and not self.selection.group_by
        if self.form != "table" or not is_plain:
            return self.selection
        return self.selection._replace(columns=IN_TABLE.get(self.selection.by, ()))


def run_replay(given: Input, wanted: Output) -> int:
    """Replay, print and write; return the exit code.

    Raises:
        SessionAggError: an argument is wrong.

    """
    if not given.has_content and (given.history is None or wanted.out or wanted.otlp):
        message = "--no-content goes with --history, and not with --out or --otlp"
        raise SettingsError(message)
    limit = None if wanted.fail_over is None else amount_of(wanted.fail_over)
    if wanted.otlp is not None:
        traces_url(wanted.otlp)
    if wanted.out is not None:
        check_place(wanted.out)
    if wanted.parquet is not None:
        check_folder(Path(wanted.parquet))
    tables = tables_of(wanted.shown) if wanted.parquet is None else COUNTED
    with replayed(given, with_roots=bool(wanted.out or wanted.otlp), tables=tables) as sessions:
        print_rows(sessions, wanted)
        is_whole = not sessions.done.is_interrupted
        if wanted.out is not None and is_whole:
            with writing(wanted.out):
                sessions.write_otlp(wanted.out)
        if wanted.otlp is not None and is_whole:
            sessions.send_otlp(wanted.otlp)
        if (wanted.out or wanted.otlp) and not is_whole:
            say("the traces are not written: some of them were not counted")
        if wanted.parquet is not None:
            sessions.write_parquet(wanted.parquet)
        print_notes(sessions.done)
        cost = sessions.cost_usd
        if limit is not None and cost > limit:
            say(f"the sessions cost {plain(cost)} USD, more than {plain(limit)}")
            return OVER
        return code_of(sessions.done)


def check_place(path: str) -> None:
    """Raise a `SettingsError` if no file can be written there, before anything is counted."""
    place = Path(os.path.realpath(path))
    why = None
    if place.is_dir():
        why = "it is a folder"
    elif not place.parent.is_dir():
        why = "its folder does not exist"
    elif not os.access(place if place.exists() else place.parent, os.W_OK):
        why = os.strerror(errno.EACCES)
    if why is not None:
        message = f"{printable(path)} cannot be written: {why}"
        raise SettingsError(message)


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Name the file that cannot be written."""
    try:
        yield
    except OSError as error:
        message = f"{printable(path)} cannot be written: {error.strerror or error}"
        raise SessionAggError(message) from None


class Pricing(TypedDict):
    """The arguments of `replay` that say how calls are priced."""

    prices: str | None
    price_date: str | None
    recorded_cost: RecordedCost


def pricing_of(given: Input) -> Pricing:
    """Return how calls are priced.

    Raises:
        SettingsError: an option has another value than it may.

    """
    if given.recorded_cost not in get_args(RecordedCost):
        message = f"--recorded-cost is {' or '.join(get_args(RecordedCost))}"
        raise SettingsError(message)
    return {
        "prices": given.prices,
        "price_date": None if given.price_date == "recorded" else given.price_date,
        "recorded_cost": "keep" if given.recorded_cost == "keep" else "ignore",
    }


@contextmanager
def replayed(
    given: Input, *, with_roots: bool = False, tables: frozenset[str] = COUNTED
) -> Iterator[Sessions]:
    """Replay files, with progress on a terminal; Ctrl-C stops reading.

    ``tables``: those that will be asked for.
    """
    from otel_session_agg._offline.beginning import begin_replay  # noqa: PLC0415 -- needs an extra

    pricing = pricing_of(given)
    with ExitStack() as stack:
        show = stack.enter_context(shown_progress())
        job, sessions = begin_replay(
            given.paths,
            format=given.form,
            **pricing,
            history=given.history,
            content=given.has_content,
            processes=given.processes,
            with_roots=with_roots,
            progress=show,
            tables=tables,
        )
        with sessions:
            with stoppable(job):
                job.run()
            stack.close()  # the progress is shown no more
            yield sessions


def print_rows(sessions: Sessions, wanted: Output) -> None:
    """Print what is selected."""
    selection, form = wanted.shown, wanted.form
    prepare_output()
    in_table = IN_TABLE.get(selection.by, ())
    is_table = form == "table"
    written = write_selected(
        sys.stdout, form, sessions.selected, selection, in_table, has_total=is_table
    )
    sys.stdout.flush()
    if is_table or wanted.fail_over is not None:
        say(*written.unpriced())
    if is_table:
        say(*written.left_out())


def prepare_output() -> None:
    """Let everything be printed; ends of lines are as they are written."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace", newline="\n")


def print_notes(done: Replayed) -> None:
    """Print what could not be read, and whether it was interrupted."""
    for problem in done.problems[:_MAX_PROBLEMS]:
        place = f", {problem.place}" if problem.place else ""
        say(f"{printable(problem.source)}{place}: {printable(problem.what)}")
    if done.num_problems > _MAX_PROBLEMS:
        say(f"{counted(done.num_problems, 'problem')} in all")
    if done.num_forgotten:
        say(
            f"{counted(done.num_forgotten, 'session')} not kept, which ended before the date that"
            " `forget` was given for this history"
        )
    if done.is_interrupted:
        say(f"interrupted: {done.num_counted:,} of the {done.num_spans:,} spans that were read")


def code_of(done: Replayed) -> int:
    """Return the exit code of a replay."""
    if done.is_interrupted:
        return INTERRUPTED
    return UNREAD if done.num_problems else DONE


def amount_of(text: str) -> Decimal:
    """Return the value of ``--fail-over``."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        message = f"--fail-over {text[:40]!r} is no amount in USD"
        raise SettingsError(message)
    return found


def plain(amount: Decimal) -> str:
    """Return an amount with all of its digits and no more."""
    return f"{amount.normalize():f}"


def say(*lines: str) -> None:
    """Print lines on standard error."""
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201 -- a command
