"""`main`: the entry point, which can be interrupted while the command line is imported."""

from __future__ import annotations

from otel_session_agg._cli.interrupts import ended_at_once

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    with ended_at_once():
        from otel_session_agg._cli.app import main as run  # noqa: PLC0415 -- takes a second

        run()
