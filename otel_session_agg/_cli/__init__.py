"""The command line and the demo."""

from otel_session_agg._cli.entry import main

__all__ = ["main"]
