"""`AlertRules`: rules of a file for the sessions of an application, without a server."""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakMethod

from otel_session_agg._alerts import episodes
from otel_session_agg._alerts.columns import row_of
from otel_session_agg._alerts.delivery import Deliveries
from otel_session_agg._alerts.engine import TIDY_SECONDS
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.pace import Pace
from otel_session_agg._alerts.preview import preview
from otel_session_agg._alerts.reading import nanoseconds
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.rules_file import RuleFile, load_rules
from otel_session_agg._alerts.session_rules import session_finding
from otel_session_agg._alerts.state import State
from otel_session_agg._guard import Guard, warn
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._threads.background import Worker
from otel_session_agg._untrusted.formatting import as_repr, counted
from otel_session_agg._untrusted.values import encodable
from otel_session_agg.analysis._source import Source

__all__ = ["AlertRules"]

MAX_WAITING = 10_000
"""Records that wait to be checked: the default bound of sessions in memory, all of which may end at
once."""

_EXIT_SECONDS = 2.0
"""How long the interpreter's end waits for deliveries."""
_logger = logging.getLogger("otel_session_agg")
_SECOND_NS = 10**9
_DAY = 86_400.0


class AlertRules:
    """Rules about sessions, to be given as ``on_session``: checks each session that has ended.

    ::

        alerts = AlertRules.from_yaml("alerts.yaml", state="alerts.sqlite")
        SessionSpanProcessor(exporter, on_session=alerts)

    Checking and delivering have threads of their own; calling it takes microseconds and never
    raises.  Only rules about single sessions are checked here: the others need a history, as
    ``otel-session-agg serve`` has one, and are named in the log.
    """

    def __init__(
        self,
        rules: RuleFile,
        *,
        state: str | Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take rules that are read; `from_yaml` reads them."""
        self._rules = rules
        self._guard = Guard(_logger)
        self._clock = clock
        self._state = State(Path(state) if state is not None else None)
        self._deliveries = Deliveries(rules.channels, self._state, self._guard, clock)
        self._tidy = Pace(TIDY_SECONDS)
        self._worker = Worker("otel-session-agg-alerts", self._guard)
        self.num_lost = 0
        """Sessions that were not checked because too many waited."""
        others = [rule.name for rule in rules.rules.values() if rule.kind != "session"]
        if others:
            warn(_logger, "alerts that need a history are not checked here: %s", ", ".join(others))
        close = WeakMethod(self.close)
        atexit.register(lambda: (close() or _nothing)(_EXIT_SECONDS))
        if state is not None:
            self._deliveries.wake()  # what the process before has left

    @classmethod
    def from_yaml(cls, path: str | Path, *, state: str | Path | None = None) -> AlertRules:
        """Read rules from a file.

        Args:
            path: A file in YAML, with ``rules`` and ``channels``.
            state: A file that remembers what fired and what was delivered, over restarts and for
                all processes that are given it; it is created.  ``None``: this process remembers
                it.

        Raises:
            SettingsError: something in the file is not allowed; the text names the rule, the key
                and what is allowed.
            SessionAggError: the state cannot be used, or a library is not installed.

        """
        return cls(load_rules(Path(path)), state=state)

    def __call__(self, record: SessionRecord) -> None:
        """Check a session that has ended, soon."""
        if self._worker.waiting() < MAX_WAITING:
            self._worker.put(partial(self._check, record))
            return
        self.num_lost += 1
        self._guard.once("alerts", "lost", "sessions are not checked for alerts: too many wait")

    def __repr__(self) -> str:
        return as_repr(
            "AlertRules",
            [
                counted(len(self._rules.rules), "rule"),
                counted(len(self._rules.channels), "channel"),
            ],
        )

    def flush(self, seconds: float = 5.0) -> bool:
        """Check what waits and try to deliver it; return whether that was in time."""
        until = time.monotonic() + seconds
        return self._worker.do(_nothing, until) and self._deliveries.flush(until)

    def close(self, seconds: float = 5.0) -> bool:
        """Do as `flush`, then stop; what was not delivered is, by the next one with the state."""
        is_in_time = self.flush(seconds)
        self._worker.stop()
        self._deliveries.stop()
        return is_in_time

    def fired(self, limit: int = 100) -> list[dict[str, Any]]:
        """Return what fired as plain values, the latest first."""
        with self._state.changing() as connection:
            return episodes.fired(connection, max(0, limit), None)

    def preview(self, sessions: Source, days: float = 7.0) -> Mapping[str, dict[str, Any]]:
        """Return by rule what it would have found, in the last days of stored sessions.

        Args:
            sessions: What ``replay()`` returns, or a history.
            days: How long before the end of the last session to begin.

        """
        [(last,)] = sessions.rows("SELECT max(end_time) FROM sessions")
        until = nanoseconds(last) / _SECOND_NS + 0.001
        return {
            name: preview(rule, sessions, until - days * _DAY, until)
            for name, rule in self._rules.rules.items()
        }

    # -- the worker's thread ----------------------------------------------------------------------

    def _check(self, record: SessionRecord) -> None:
        row = row_of(record)
        rules = [rule for rule in self._rules.rules.values() if rule.kind == "session"]
        found = {rule: session_finding(rule, row) for rule in rules}
        if self._note(found, encodable(row["session"])):
            self._deliveries.wake()

    def _note(self, found: Mapping[Rule, Finding | None], session: str) -> int:
        now, number = self._clock(), 0
        with self._state.changing() as connection:
            for rule, finding in found.items():
                if finding is not None:
                    number += episodes.note(connection, rule, [finding], now, is_muted=False)
                else:
                    number += episodes.clear(connection, rule, [session], now)
            if self._tidy.is_due():
                self._tidy.timed(partial(episodes.tidy, connection, now))
        return number


def _nothing(*_: object) -> None:
    """Do nothing."""
