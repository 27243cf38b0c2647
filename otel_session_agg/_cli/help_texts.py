"""Help texts of commands that are longer than a line."""

from __future__ import annotations

from typing import Final

from otel_session_agg._sharing.stored_sessions import COLUMNS

SESSIONS_HELP: Final = "\n\n".join(
    (
        "List the sessions of a store, those that were active last first.",
        (
            "--json and --csv print all columns, and --sort and --where take any of them:"
            f" {', '.join(COLUMNS)}."
        ),
        "Cost is in USD, durations are in milliseconds, times in UTC.",
        (
            "What is not known, such as a cost, is blank or null;"
            " it comes last and meets no condition."
        ),
    )
)
DEMO_HELP: Final = (
    "Run agents against a local model server and show the totals that arrive over OTLP:"
    " no key, no network."
)
DOCTOR_HELP: Final = (
    "Look at what keeps totals away: settings, store, prices, instrumentations,"
    " the SDK's variables.\n\n"
    "The exit code is 1 when there is a problem. Nothing is changed, and no span is sent."
)
