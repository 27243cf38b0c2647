"""The command line: ``otel-session-agg``."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import typer

__all__ = ["main"]

_DISTRIBUTION: Final = "otel-session-agg"
_NEEDS_EXTRA: Final = "{error}. This command needs the extra 'demo': pip install 'otel-session-agg[demo]'"
_OTEL_SDK_DISABLED: Final = "OTEL_SDK_DISABLED"


def main() -> None:
    """Run the command line; the entry point of the ``otel-session-agg`` script."""
    try:
        app = _app()
    except ModuleNotFoundError as error:
        sys.exit(_NEEDS_EXTRA.format(error=error))
    app(prog_name=_DISTRIBUTION)


def _app() -> typer.Typer:
    # Inside a function, so that the core can be installed without typer.
    import typer

    app = typer.Typer(
        help="Session totals for OpenTelemetry traces of LLM applications.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def root(
        *,
        version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True, callback=_version),  # noqa: FBT003  typer's way to give a default
    ) -> None:
        del version  # its callback has done the work

    @app.command()
    def demo(
        endpoint: str | None = typer.Option(
            None,
            metavar="URL",
            help="Send to your own OTLP/HTTP backend too: http://host:4318, or the full URL of its traces endpoint. "
            "Headers are taken from OTEL_EXPORTER_OTLP_HEADERS.",
        ),
    ) -> None:
        """Run agents against a local model server and show the totals that arrive over OTLP: no key, no network."""
        raise typer.Exit(_demo(endpoint))

    return app


def _version(wanted: bool) -> None:  # noqa: FBT001  the signature is typer's
    import typer

    if wanted:
        typer.echo(importlib.metadata.version(_DISTRIBUTION))
        raise typer.Exit


def _demo(endpoint: str | None) -> int:
    """Run and show the demo; the result is the exit code."""
    from otel_session_agg._demo import EndpointError, run

    try:
        from otel_session_agg._demo._show import show

        outcome = run(endpoint)
        show(outcome, sdk_disabled=os.environ.get(_OTEL_SDK_DISABLED, "").strip().lower() == "true")
    except EndpointError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        return _fail(_NEEDS_EXTRA.format(error=error))
    except Exception as error:  # noqa: BLE001  the boundary: whoever tries the demo must not be met by a traceback
        return _fail(f"The demo could not run: {type(error).__name__}: {error}")
    return 1 if outcome.differences or outcome.problem else 0


def _fail(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201  a message for the reader, and rich may be what is missing
    return 1
