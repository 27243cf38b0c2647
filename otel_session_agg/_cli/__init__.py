"""The command line and the demo."""

from otel_session_agg._cli.app import main

__all__ = ["main"]
