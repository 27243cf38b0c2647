"""The commands on stored traces, and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_session_agg._cli import options as o
from otel_session_agg._cli.diff import Shown, compare_recorded, run_diff
from otel_session_agg._cli.explain import Wanted, run_explain
from otel_session_agg._cli.forget import add_forget
from otel_session_agg._cli.help_texts import DIFF_HELP, EXPLAIN_HELP, REPLAY_HELP, REPORT_HELP
from otel_session_agg._cli.options import Attempt
from otel_session_agg._cli.query import add_query
from otel_session_agg._cli.replay import Input, Output, run_replay
from otel_session_agg._cli.report import Wanted as WantedReport
from otel_session_agg._cli.report import run_report
from otel_session_agg._cli.serve_command import add_serve
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.sources import SOURCES

if TYPE_CHECKING:
    import typer

_ONLY = (
    "--recorded-cost compare goes with --group-by, --sort, --limit, --json, --csv and options of"
    " prices only"
)

_BY = "session, trace, root, call or, of a kept history, span."


def add_offline_commands(app: typer.Typer, attempt: Attempt) -> None:
    """Add all of them."""
    for add in (
        add_replay,
        add_explain,
        add_diff,
        add_report,
        add_query,
        add_forget,
        add_serve,
    ):
        add(app, attempt)


def add_replay(app: typer.Typer, attempt: Attempt) -> None:
    """Add the command ``replay``."""
    import typer  # noqa: PLC0415 -- of an extra

    @app.command(help=REPLAY_HELP)
    def replay(  # noqa: PLR0913  one for each option
        paths: list[str] = o.paths(),  # noqa: B008 -- typer's way
        *,
        form: str | None = o.form(),
        by: str = o.option("session", metavar="WHAT", text=_BY, values=SOURCES),
        where: str | None = o.where(),
        group_by: str | None = o.group_by(),
        columns: str | None = o.columns(),
        sort: str | None = o.sort(),
        limit: int | None = o.limit(),
        since: str | None = o.since(),
        until: str | None = o.until(),
        as_json: bool = o.option(False, "--json", text="Print JSON."),  # noqa: FBT003
        as_csv: bool = o.option(False, "--csv", text="Print CSV."),  # noqa: FBT003
        out: str | None = o.out(),
        otlp: str | None = o.otlp(),
        parquet: str | None = o.parquet(),
        history: str | None = o.history(),
        no_content: bool = o.no_content(),
        prices: str | None = o.prices(),
        price_date: str = o.price_date(),
        recorded_cost: str = o.recorded_cost(more=" compare: show both, by model."),
        fail_over: str | None = o.fail_over(),
        processes: int | None = o.processes(),
    ) -> None:
        def run() -> int:
            given = Input(
                paths, form, prices, price_date, recorded_cost, processes, history, not no_content
            )
            printed = o.forms_of(as_json=as_json, as_csv=as_csv)
            if recorded_cost == "compare":
                others = where, columns, since, until, out, parquet, history, fail_over
                if by != "session" or any(one is not None for one in others):
                    raise SettingsError(_ONLY)
                return compare_recorded(given, Shown(printed, group_by or "model", sort, limit))
            selection = o.selection_of(
                by=by,
                where=where,
                group_by=group_by,
                columns=columns,
                sort=sort,
                limit=limit,
                since=since,
                until=until,
            )
            wanted = Output(printed, selection, out, otlp, parquet, fail_over)
            return run_replay(given, wanted)

        raise typer.Exit(attempt(run))


def add_explain(app: typer.Typer, attempt: Attempt) -> None:
    """Add the command ``explain``."""
    import typer  # noqa: PLC0415 -- of an extra

    @app.command(help=EXPLAIN_HELP)
    def explain(  # noqa: PLR0913  one for each option
        paths: list[str] = o.paths(),  # noqa: B008 -- typer's way
        *,
        session: str | None = o.option(None, metavar="ID", text="The session."),
        trace: str | None = o.option(None, metavar="ID", text="The trace, in hexadecimal."),
        dearest: int | None = typer.Option(
            None, metavar="N", min=1, max=100, help="The N sessions that cost most."
        ),
        depth: int | None = typer.Option(
            None, metavar="N", min=1, help="Levels of spans to show; what is below is added up."
        ),
        as_json: bool = o.option(False, "--json", text="Print JSON."),  # noqa: FBT003
        html: str | None = o.option(None, metavar="FILE", text="Write a page instead."),
        form: str | None = o.form(),
        prices: str | None = o.prices(),
        price_date: str = o.price_date(),
        recorded_cost: str = o.recorded_cost(),
    ) -> None:
        def run() -> int:
            given = Input(paths, form, prices, price_date, recorded_cost)
            wanted = Wanted(session, trace, dearest, depth, html, as_json=as_json)
            return run_explain(given, wanted)

        raise typer.Exit(attempt(run))


def add_report(app: typer.Typer, attempt: Attempt) -> None:
    """Add the command ``report``."""
    import typer  # noqa: PLC0415 -- of an extra

    @app.command(help=REPORT_HELP)
    def report(  # noqa: PLR0913  one for each option
        paths: list[str] = o.optional_paths(),  # noqa: B008 -- typer's way
        *,
        html: str = o.option(
            ..., metavar="FILE", text="The page; it is replaced when it is complete."
        ),
        segment: str | None = o.option(
            None,
            metavar="NAME",
            text="Compare outliers within user or a dimension. Default: service.name, or another"
            " dimension with a few values.",
        ),
        title: str | None = o.option(None, metavar="TEXT", text="The title of the page."),
        history: str | None = o.option(
            None,
            metavar="FILE",
            text="Keep the tables in this file, and add to what it has; without PATH, read it.",
        ),
        where: str | None = o.where(),
        since: str | None = o.since(),
        until: str | None = o.until(),
        form: str | None = o.form(),
        prices: str | None = o.prices(),
        price_date: str = o.price_date(),
        recorded_cost: str = o.recorded_cost(),
        processes: int | None = o.processes(),
    ) -> None:
        def run() -> int:
            given = Input(paths or [], form, prices, price_date, recorded_cost, processes, history)
            selection = o.selection_of(where=where, since=since, until=until)
            return run_report(given, WantedReport(html, segment, title, selection))

        raise typer.Exit(attempt(run))


def add_diff(app: typer.Typer, attempt: Attempt) -> None:
    """Add the command ``diff``."""
    import typer  # noqa: PLC0415 -- of an extra

    @app.command(help=DIFF_HELP)
    def diff(  # noqa: PLR0913  one for each option
        before: str = typer.Argument(metavar="A", help="Traces, or a kept history."),
        after: str | None = typer.Argument(None, metavar="[B]", help="Others; default: A again."),
        *,
        prices_before: str | None = o.prices("-before"),
        prices_after: str | None = o.prices("-after"),
        price_date_before: str = o.price_date("-before"),
        price_date_after: str = o.price_date("-after"),
        recorded_cost_before: str = o.recorded_cost("-before"),
        recorded_cost_after: str = o.recorded_cost("-after"),
        by: str = o.differences_by(),
        sort: str | None = o.sort(),
        limit: int | None = o.limit(),
        as_json: bool = o.option(False, "--json", text="Print JSON."),  # noqa: FBT003
        as_csv: bool = o.option(False, "--csv", text="Print CSV."),  # noqa: FBT003
        fail_over: str | None = o.fail_over_more(),
        form: str | None = o.form(),
        processes: int | None = o.processes(),
    ) -> None:
        def run() -> int:
            old = prices_before, price_date_before, recorded_cost_before
            new = prices_after, price_date_after, recorded_cost_after
            printed = o.forms_of(as_json=as_json, as_csv=as_csv)
            return run_diff(
                Input([before], form, *old, processes),
                Input([after or before], form, *new, processes),
                Shown(printed, by, sort, limit, fail_over),
            )

        raise typer.Exit(attempt(run))
