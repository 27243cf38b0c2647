"""The command ``serve`` and its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_session_agg._cli import options as o
from otel_session_agg._cli.help_texts import SERVE_HELP
from otel_session_agg._cli.options import Attempt, option
from otel_session_agg._cli.serve import INGEST_TOKEN_VARIABLE, TOKEN_VARIABLE, Given, run_serve

if TYPE_CHECKING:
    import typer

_MAX_PORT = 65535
_HISTORY = "Keep sessions in this file, and show what it has. Default: until this ends."
_KEEP_DAYS = (
    "Delete sessions N days after their end; 0: never. Default: 30, but nothing of files that are"
    " loaded, or of an older history."
)
_TOKEN = (
    f"Ask for this on the page and in the API. Default: the variable {TOKEN_VARIABLE}; made up"
    " where others can reach the page."
)
_INGEST_TOKEN = f"Ask exporters for this. Default: the variable {INGEST_TOKEN_VARIABLE}."
_PROXIES = (
    "Trust X-Forwarded-For and X-Forwarded-Proto of requests from this address or network, that of"
    " a proxy; may be repeated. Default: of none."
)
_LINK = (
    "Link sessions to the backend that has their traces: Tempo=https://tempo.example/{trace_id};"
    " span_id, session_id, start_ms and end_ms can be in braces, too; may be repeated."
)
_NAME = "A name by which a proxy calls the page; may be repeated."


def add_serve(app: typer.Typer, attempt: Attempt) -> None:
    """Add the command ``serve``."""
    import typer  # noqa: PLC0415 -- of an extra

    @app.command(help=SERVE_HELP)
    def serve(  # noqa: PLR0913  one for each option
        paths: list[str] = o.optional_paths(),  # noqa: B008 -- typer's way
        *,
        history: str | None = option(None, metavar="FILE", text=_HISTORY),
        keep_days: float | None = typer.Option(None, metavar="N", min=0, help=_KEEP_DAYS),
        no_content: bool = o.no_content(),
        host: str = option("127.0.0.1", metavar="HOST", text="Where to listen."),
        page_port: int = port_option(8765, "--port", "Of the page and the API; 0: any."),
        otlp_port: int = port_option(4318, "--otlp-port", "Of OTLP/HTTP; 0: any."),
        token: str | None = option(None, metavar="TEXT", text=_TOKEN),
        ingest_token: str | None = option(None, metavar="TEXT", text=_INGEST_TOKEN),
        allow_name: list[str] = option([], metavar="NAME", text=_NAME),  # noqa: B008
        forwarded_allow_ips: list[str] = option([], metavar="IP", text=_PROXIES),  # noqa: B008
        certfile: str | None = option(None, metavar="FILE", text="Certificate for TLS, PEM."),
        keyfile: str | None = option(None, metavar="FILE", text="Its key."),
        alerts: str | None = option(None, metavar="FILE", text="Rules that notify, YAML."),
        prices: str | None = o.prices(),
        link: list[str] = option([], metavar="NAME=URL", text=_LINK),  # noqa: B008
        opens: bool = option(False, "--open/--no-open", text="Open a browser."),  # noqa: FBT003
    ) -> None:
        given = Given(
            paths=paths or [],
            history=history,
            keep_days=keep_days,
            no_content=no_content,
            host=host,
            port=page_port,
            otlp_port=otlp_port,
            token=token,
            ingest_token=ingest_token,
            names=tuple(allow_name),
            proxies=tuple(forwarded_allow_ips),
            certfile=certfile,
            keyfile=keyfile,
            alerts=alerts,
            prices=prices,
            links=tuple(link),
            opens=opens,
        )
        raise typer.Exit(attempt(lambda: run_serve(given)))


def port_option(default: int, name: str, text: str) -> Any:
    """Return the option for a port."""
    import typer  # noqa: PLC0415 -- of an extra

    return typer.Option(default, name, metavar="PORT", min=0, max=_MAX_PORT, help=text)
