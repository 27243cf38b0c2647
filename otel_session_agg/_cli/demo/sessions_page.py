"""``demo --serve``: the page, filled with two weeks of sessions that go on while one looks.

The spans are made, all else is as it is for an application: they are read from a file and from the
receiver, counted, priced, kept in a temporary history, and alerts are checked on them.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from otel_session_agg._cli.demo.sessions_history import (
    NUM_SESSIONS,
    incident_day,
    write_history,
)
from otel_session_agg._cli.demo.sessions_sender import sending
from otel_session_agg._cli.replay import say
from otel_session_agg._cli.serve import Given, run_serve
from otel_session_agg._history.temporary import TemporaryFolder
from otel_session_agg._settings import Settings

__all__ = ["DIMENSIONS", "RULES", "Page", "serve_demo"]

RULES: Final = """\
rules:
  expensive session: {session: cost > 0.75, max_age: 14 d, severity: critical}
  failing session: {session: num_errors > 8, where: service.name = shop-assistant, max_age: 14 d}
  slow service: {aggregate: p95(duration) > 15 min, over: 7 d, by: service.name}
  failing version: {aggregate: share(errors > 0) > 12 %, over: 7 d, by: service.version}
  dearer than last week: {drift: avg(cost) > +50 %, over: 7 d, by: service.name}
  fewer sessions: {drift: count() < -80 %, over: 7 d}
  odd cost: {anomaly: cost, where: service.name = travel-planner, over: 14 d, max_age: 7 d}
"""
"""What the demo's alerts are about; some of them fire at once."""

DIMENSIONS: Final = ("user.id", "service.name", "service.version", "tenant.id")
"""What sessions are grouped by."""


@dataclass(frozen=True, slots=True)
class Page:
    """The options of the command."""

    port: int = 8765
    otlp_port: int = 4318
    opens: bool = True
    """Whether it is opened in a browser."""
    num_sessions: int = NUM_SESSIONS


def serve_demo(page: Page) -> int:
    """Serve made sessions until Ctrl-C or SIGTERM; return the exit code.

    Raises:
        SessionAggError: a library is missing or a port is in use.

    """
    now = datetime.now(timezone.utc)
    with ExitStack() as stack:
        folder = TemporaryFolder()
        stack.callback(folder.close)
        spans, rules = folder.path / "spans.jsonl", folder.path / "alerts.yaml"
        rules.write_text(RULES, encoding="utf-8")
        say(
            f"{page.num_sessions:,} made sessions of two weeks, with an incident on"
            f" {incident_day(now)}; others go on while you look"
        )
        write_history(spans, now, page.num_sessions)
        given = Given(
            paths=[str(spans)],
            alerts=str(rules),
            port=page.port,
            otlp_port=page.otlp_port,
            opens=page.opens,
            settings=Settings(dimensions=DIMENSIONS),
        )
        return run_serve(given, meanwhile=sending)
