"""``python -m otel_session_agg``: the same as the ``otel-session-agg`` script."""

from __future__ import annotations

from otel_session_agg._cli.entry import main

if __name__ == "__main__":
    main()
