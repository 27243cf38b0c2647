"""The command line: ``otel-session-agg``."""

from __future__ import annotations

import importlib.metadata
import io
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from otel_session_agg._cli import options as o
from otel_session_agg._cli.demo_command import add_demo
from otel_session_agg._cli.help_texts import DOCTOR_HELP, SESSIONS_HELP
from otel_session_agg._cli.interrupts import INTERRUPTED, interruptible
from otel_session_agg._cli.offline_commands import add_offline_commands
from otel_session_agg._cli.prices import show_price
from otel_session_agg._cli.sessions import Output, list_sessions, show_session, store_url
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._spans.scope import DISTRIBUTION
from otel_session_agg._untrusted.masked import masked
from otel_session_agg.environment_variables import OTEL_PYTHON_SESSION_AGG_STORE

if TYPE_CHECKING:
    import typer

__all__ = ["main"]

T = TypeVar("T")

_NEEDS_EXTRA: Final = (
    "{error}. This command needs the extra {extra!r}: pip install 'otel-session-agg[{extra}]'"
)
_INTERRUPTED_QUERY: Final = "Query interrupted"
"""The `RuntimeError` that DuckDB raises in place of `KeyboardInterrupt` while a query runs."""
_OTEL_SDK_DISABLED: Final = "OTEL_SDK_DISABLED"


def main() -> None:
    """Run the command line."""
    try:
        app = _app()
    except ModuleNotFoundError as error:
        sys.exit(
            _NEEDS_EXTRA.format(error=error, extra="demo" if "demo" in sys.argv[1:2] else "cli")
        )
    if sys.stdout is None:
        sys.exit(_fail("standard output is closed"))
    app(prog_name=DISTRIBUTION)


def _app() -> typer.Typer:
    # inside a function, so that the core can be installed without typer
    import typer

    app = typer.Typer(
        help="Session totals for OpenTelemetry traces of LLM applications.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def root(
        *,
        version: bool = typer.Option(
            False,  # noqa: FBT003 -- typer's way to give a default
            "--version",
            help="Print the version.",
            is_eager=True,
            callback=_version,
        ),
    ) -> None:
        del version  # its callback has done the work
        interruptible()

    add_demo(app, _attempted, _demo)
    _add_session_commands(app)
    _add_doctor(app)
    _add_prices(app)
    add_offline_commands(app, _attempted)
    return app


def _attempted(command: Callable[[], int]) -> int:
    """Call a command; return its exit code, or print what it raised."""
    try:
        return command()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    except SessionAggError as error:
        return _fail(str(error))
    except RuntimeError as error:
        if str(error) != _INTERRUPTED_QUERY:
            raise
        print("interrupted", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    except OSError as error:
        return _fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "))


def _add_session_commands(app: typer.Typer) -> None:
    import typer

    store_help = (
        "The store: sqlite:///file, redis://host:6379/0 ..."
        f" Default: the variable {OTEL_PYTHON_SESSION_AGG_STORE}."
    )

    @app.command(help=SESSIONS_HELP)
    def sessions(  # noqa: PLR0913  one for each option
        *,
        store: str | None = typer.Option(None, metavar="URL", help=store_help),
        where: str | None = o.where(),
        group_by: str | None = o.group_by(),
        columns: str | None = o.columns(),
        sort: str | None = o.sort(),
        limit: int | None = o.limit(),
        since: str | None = o.since(),
        until: str | None = o.until(),
        as_json: bool = o.option(False, "--json", text="Print JSON."),  # noqa: FBT003
        as_csv: bool = o.option(False, "--csv", text="Print CSV."),  # noqa: FBT003
    ) -> None:
        def run() -> int:
            form = o.forms_of(as_json=as_json, as_csv=as_csv)
            selection = o.selection_of(
                where=where,
                group_by=group_by,
                columns=columns,
                sort=sort,
                limit=limit,
                since=since,
                until=until,
            )
            return _run_on_store(store, partial(list_sessions, form=form, selection=selection))

        raise typer.Exit(_attempted(run))

    @app.command()
    def session(
        session_id: str = typer.Argument(metavar="ID"),
        *,
        store: str | None = typer.Option(None, metavar="URL", help=store_help),
        as_json: bool = typer.Option(False, "--json", help="Print a JSON object."),  # noqa: FBT003
    ) -> None:
        """Show one session: its totals, what is known of it, and its roots."""
        raise typer.Exit(
            _run_on_store(
                store,
                partial(show_session, session_id=session_id, form="json" if as_json else "text"),
            )
        )


def _add_doctor(app: typer.Typer) -> None:
    import typer

    @app.command(help=DOCTOR_HELP)
    def doctor(
        *,
        store: str | None = typer.Option(
            None, metavar="URL", help="A store to look at in place of the one that is set."
        ),
        as_json: bool = typer.Option(False, "--json", help="Print a JSON object."),  # noqa: FBT003
    ) -> None:
        raise typer.Exit(_doctor(store, as_json=as_json))


def _add_prices(app: typer.Typer) -> None:
    import typer

    @app.command()
    def prices(  # noqa: PLR0913  one for each option
        model: str = typer.Argument(metavar="MODEL", help="As a span names it."),
        *,
        provider: str | None = typer.Option(None, metavar="NAME", help="As a span names it."),
        at: str | None = typer.Option(
            None, metavar="DATE", help="A date or time in UTC. Default: now."
        ),
        tier: str | None = typer.Option(
            None, metavar="NAME", help="The service tier: flex, priority, batch ..."
        ),
        address: str | None = typer.Option(
            None, metavar="HOST", help="The host or URL that is called; it may be a region's."
        ),
        own: str | None = typer.Option(
            None, metavar="FILE", help="Your own prices as JSON, as PriceBook takes them."
        ),
        as_json: bool = typer.Option(False, "--json", help="Print a JSON object."),  # noqa: FBT003
    ) -> None:
        """Show which price a call would have, in USD, and from which table.

        The exit code is 1 when no price is known: the cost would be unknown.
        """
        form = "json" if as_json else "text"
        show = partial(
            show_price,
            model,
            provider=provider,
            at=at,
            tier=tier,
            address=address,
            own=own,
            as_form=form,
        )
        raise typer.Exit(_show_prices(show))


def _show_prices(show: Callable[[], tuple[str, int]]) -> int:
    """Print the report on a price; return the exit code."""
    try:
        text, code = show()
    except SessionAggError as error:
        return _fail(str(error))
    _print(Output(text))
    return code


def _doctor(store: str | None, *, as_json: bool) -> int:
    """Look at everything and print it; return the exit code."""
    from otel_session_agg._cli import doctor_text as text
    from otel_session_agg._cli.doctor import diagnose

    # findings are printed below, so the library's own warnings are not
    logging.getLogger("otel_session_agg").addHandler(logging.NullHandler())
    sections = diagnose(store, _attempt, today=datetime.now(timezone.utc).date())
    _print(Output(text.as_json(sections) if as_json else text.as_text(sections)))
    return 1 if text.problems_of(sections) else 0


def _attempt(function: Callable[[], T], /) -> tuple[T | None, str]:
    """Call foreign code, as ``Attempt``; the boundary to all that it may raise."""
    try:
        return function(), ""
    except Exception as error:  # noqa: BLE001  drivers of stores and exporters have their own
        return None, " ".join(str(error).split()) or type(error).__name__


def _version(wanted: bool) -> None:  # noqa: FBT001  the signature is typer's
    import typer

    if wanted:
        typer.echo(importlib.metadata.version(DISTRIBUTION))
        raise typer.Exit


def _demo(endpoint: str | None) -> int:
    """Run and show the demo; return the exit code."""
    from otel_session_agg._cli.demo import EndpointError, run

    try:
        from otel_session_agg._cli.demo.show import show

        outcome = run(endpoint)
        show(outcome, sdk_disabled=os.environ.get(_OTEL_SDK_DISABLED, "").strip().lower() == "true")
    except EndpointError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        return _fail(_NEEDS_EXTRA.format(error=error, extra="demo"))
    except Exception as error:  # noqa: BLE001  the boundary: a trial must not end in a traceback
        return _fail(f"The demo could not run: {type(error).__name__}: {error}")
    return 1 if outcome.differences or outcome.problem else 0


def _run_on_store(store: str | None, command: Callable[[str], Output]) -> int:
    """Call a command with the URL of a store, and print its output; return the exit code."""
    url = store or ""
    try:
        url = store_url(store)
        output = command(url)
    except SessionAggError as error:
        return _fail(str(error))
    except Exception as error:  # noqa: BLE001  the boundary: drivers of stores have their own
        return _fail(
            f"{masked(url)} cannot be read: {' '.join(str(error).split()) or type(error).__name__}"
        )
    _print(output)
    return 0


def _print(output: Output) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace", newline="\n")  # CSV ends its lines itself
    if output.header is not None:
        import typer

        typer.echo(typer.style(output.header, bold=True))  # plain where it is no terminal
    sys.stdout.write(output.text)
    sys.stdout.flush()
    for note in output.notes:
        print(note, file=sys.stderr)  # noqa: T201


def _fail(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201  rich may be what is missing
    return 1
