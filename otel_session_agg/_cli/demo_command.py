"""The command ``demo`` and its options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from otel_session_agg._cli.help_texts import DEMO_HELP
from otel_session_agg._cli.options import Attempt, option
from otel_session_agg._cli.serve_command import port_option

if TYPE_CHECKING:
    import typer

_ENDPOINT = (
    "Send to your own OTLP/HTTP backend too: http://host:4318, or the full URL of its traces"
    " endpoint. Headers are taken from OTEL_EXPORTER_OTLP_HEADERS."
)
_SERVE = (
    "Show two weeks of made sessions, an incident among them, on the page of `serve`, and let"
    " others go on until Ctrl-C. Needs the extra serve."
)

_OPENS = "With --serve: open a browser."


def add_demo(app: typer.Typer, attempt: Attempt, run: Callable[[str | None], int]) -> None:
    """Add the command ``demo``; without ``--serve``, ``run`` is called with the endpoint."""
    import typer  # noqa: PLC0415 -- of an extra

    @app.command(help=DEMO_HELP)
    def demo(  # noqa: PLR0913  one for each option
        endpoint: str | None = option(None, metavar="URL", text=_ENDPOINT),
        *,
        serves: bool = option(False, "--serve", text=_SERVE),  # noqa: FBT003
        opens: bool = option(True, "--open/--no-open", text=_OPENS),  # noqa: FBT003
        page_port: int = port_option(8765, "--port", "With --serve: of the page; 0: any."),
        otlp_port: int = port_option(4318, "--otlp-port", "With --serve: of OTLP/HTTP; 0: any."),
        num_sessions: int = typer.Option(0, "--sessions", min=0, hidden=True),
    ) -> None:
        if not serves:
            raise typer.Exit(run(endpoint))
        if endpoint is not None:
            message = "--endpoint does not go with --serve"
            raise typer.BadParameter(message)

        def serve() -> int:
            # needs the extra serve
            from otel_session_agg._cli.demo.sessions_history import NUM_SESSIONS  # noqa: PLC0415
            from otel_session_agg._cli.demo.sessions_page import Page, serve_demo  # noqa: PLC0415

            return serve_demo(Page(page_port, otlp_port, opens, num_sessions or NUM_SESSIONS))

        raise typer.Exit(attempt(serve))
