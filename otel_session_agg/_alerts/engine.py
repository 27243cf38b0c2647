"""`AlertEngine`: check rules on a history while it grows, and notify of what fires.

One thread checks: at once when sessions have changed, and every few seconds for what changes by the
passing of time.  It reads the history as anybody else does, and takes a tenth of the time at most,
however large that is.  Deliveries have threads of their own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from otel_session_agg._alerts import episodes
from otel_session_agg._alerts.budgets import Budget, budgets_of
from otel_session_agg._alerts.checking import Checks, Observed
from otel_session_agg._alerts.delivery import Deliveries
from otel_session_agg._alerts.pace import Pace
from otel_session_agg._alerts.preview import preview
from otel_session_agg._alerts.rule_book import RuleBook
from otel_session_agg._alerts.rules_file import RuleFile
from otel_session_agg._alerts.settings import UNSET
from otel_session_agg._alerts.state import State
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._guard import Guard
from otel_session_agg._threads.background import Background, Done, Job, next_of
from otel_session_agg._untrusted.formatting import short
from otel_session_agg.analysis._source import Source

MAX_CHANGED = 100_000
"""Sessions that wait to be checked; if more do, all that ended lately are."""

TIDY_SECONDS = 60.0
"""How often old episodes are looked for."""

_INTERVAL_SECONDS = 5.0
_MAX_FIRED = 10_000
_MAX_DAYS = 90
_AGAIN_SECONDS = 1.0
_logger = logging.getLogger("otel_session_agg")


class AlertEngine:
    """Checks rules on a history, remembers what fired, and delivers notifications."""

    def __init__(
        self,
        rules: RuleFile,
        reading: Callable[[], AbstractContextManager[Source]],
        *,
        state: Path | None = None,
        clock: Callable[[], float] = time.time,
        interval_seconds: float = _INTERVAL_SECONDS,
    ) -> None:
        """Get ready; nothing is checked before ``start``.

        Args:
            rules: What is checked, and where notifications go.
            reading: Returns a reader of the history, for one thread.
            state: The file that remembers what fired; ``None``: this process remembers it.
            clock: The time of the machine, seconds since the Unix epoch.
            interval_seconds: How often rules about many sessions are checked.

        Raises:
            SessionAggError: the state cannot be used, an address is not understood, or Apprise is
                not installed.

        """
        self.guard = Guard(_logger)
        self.keeps = state is not None
        """Whether rules that are made while it runs are there after a restart."""
        self._reading, self._clock = reading, clock
        self._state = State(state)
        self._book = RuleBook(rules, self._state)
        self._deliveries = Deliveries(rules.channels, self._state, self.guard, clock)
        self._checks = Checks(interval_seconds)
        self._tidy = Pace(TIDY_SECONDS)
        self._changed: dict[str, None] = {}
        self._is_all = True
        self._lock = Lock()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = Background("otel-session-agg-alerts", self._work, self.guard)
        self._interval_seconds = interval_seconds
        self._is_stopped = False
        self.problem: str | None = None
        """Why rules cannot be checked at the moment."""

    def start(self) -> None:
        """Begin to check and to deliver."""
        self._thread.begin()
        self._deliveries.wake()

    def changed(self, sessions: Iterable[str]) -> None:
        """Check these sessions soon: their totals have changed, and can be read."""
        with self._lock:
            if not self._is_all:
                self._changed.update(dict.fromkeys(sessions))
            if len(self._changed) > MAX_CHANGED:
                self._changed, self._is_all = {}, True
        self._queue.put(None)

    def check(self, seconds: float = 30.0) -> bool:
        """Check everything now, and wait for that; return whether it was in time."""
        done = Done()

        def job() -> None:
            self._checks.all_are_due()
            self._turn()
            done.set()

        self._queue.put(job)
        self._thread.begin()
        return done.wait(seconds)

    def flush(self, seconds: float = 30.0) -> bool:
        """Try to deliver what waits, and wait for that; return whether it was in time."""
        return self._deliveries.flush(time.monotonic() + seconds)

    def close(self, seconds: float = 5.0) -> bool:
        """Deliver what waits, within some seconds, and stop; return whether that was in time.

        What was not delivered is delivered by the next process that has the same state.
        """
        until = time.monotonic() + seconds
        if self._thread.thread is not None:
            done = Done()

            def end() -> None:  # after what has changed until now was checked
                self._is_stopped = True
                done.set()

            self._queue.put(end)
            done.wait(seconds)
        self._is_stopped = True
        is_in_time = self._deliveries.flush(until)
        self._deliveries.stop()
        return is_in_time

    # -- the thread -------------------------------------------------------------------------------

    def _work(self) -> bool:
        while not self._is_stopped:
            is_fine = self._turn()
            job = next_of(self._queue, self._interval_seconds if is_fine else _AGAIN_SECONDS)
            while job is None and self._queue.qsize():
                job = next_of(self._queue)
            if job is not None:
                job()
        return True

    def _turn(self) -> bool:
        """Check what is due; return whether that was possible."""
        with self._lock:
            changed, self._changed = self._changed, {}
            is_all, self._is_all = self._is_all, False
        try:
            self._check(changed, is_all=is_all)
        except SessionAggError as error:
            self.problem = short(str(error))
            self.guard.once("alerts", self.problem, "alerts are not checked: %s", self.problem)
            with self._lock:
                self._changed.update(changed)
                self._is_all = self._is_all or is_all
            return False
        self.problem = None
        return True

    def _check(self, changed: Mapping[str, None], *, is_all: bool) -> None:
        now = self._clock()
        with self._state.changing() as connection:
            rules, said = self._book.read(connection)
        checked = [one for name, one in rules.items() if not said.get(name, UNSET).is_paused]
        if not checked:
            return
        with self._reading() as history:
            observed = self._checks.observed(checked, history, None if is_all else changed, now)
        if observed and self._note(observed, now):
            self._deliveries.wake()

    def _note(self, observed: Iterable[Observed], now: float) -> int:
        """Note what was observed, in one transaction; return how many episodes began or ended."""
        number = 0
        with self._state.changing() as connection:
            rules, said = self._book.read(connection)
            for one in observed:
                its = said.get(one.rule.name, UNSET)
                if one.rule.name not in rules or its.is_paused:  # deleted, renamed, paused since
                    continue
                is_muted = its.mutes(now)
                number += episodes.note(connection, one.rule, one.findings, now, is_muted=is_muted)
                over = one.over(connection)
                number += episodes.clear(connection, one.rule, sorted(over), now)
            if self._tidy.is_due():
                self._tidy.timed(partial(episodes.tidy, connection, now))
        return number

    # -- for the page and the API: plain values ---------------------------------------------------

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules with their states: active, triggered, resolved, muted or paused."""
        return self._book.values(self._clock())

    def channels(self) -> list[dict[str, Any]]:
        """Return the channels by name and kind; no address and no secret."""
        return self._book.channels()

    def fired(self, limit: int = 100, rule: str | None = None) -> list[dict[str, Any]]:
        """Return what fired, of all rules or one, the latest first."""
        with self._state.changing() as connection:
            return episodes.fired(connection, max(0, min(limit, _MAX_FIRED)), rule)

    def number_fired(self, rule: str | None = None) -> int:
        """Return how many times rules have fired, all or one."""
        with self._state.changing() as connection:
            return episodes.number_fired(connection, rule)

    def budgets(self) -> list[Budget]:
        """Return the limits of rules that are checked, as budgets of sessions."""
        with self._state.changing() as connection:
            rules, said = self._book.read(connection)
        return budgets_of(one for name, one in rules.items() if not said.get(name, UNSET).is_paused)

    def preview(self, rule: Mapping[str, Any], days: float = 7.0) -> dict[str, Any]:
        """Return what a rule would have found in the last days.

        Raises:
            SessionAggError: the rule is not understood, or the history cannot be read.

        """
        understood = self._book.understood("preview", rule)
        with self._reading() as history:
            until = self._clock()
            return preview(understood, history, until - min(days, _MAX_DAYS) * 86_400, until)

    def pause(self, name: str) -> None:
        """Do not check a rule until it is resumed."""
        self._book.say(name, is_paused=1)

    def resume(self, name: str) -> None:
        """Check a paused rule again."""
        self._book.say(name, is_paused=0)
        with self._lock:
            self._is_all = True
        self._queue.put(None)

    def mute(self, name: str, seconds: float | None = None) -> None:
        """Do not notify of what a rule finds, for some seconds or until it is unmuted."""
        until = None if seconds is None else self._clock() + max(0.0, seconds)
        self._book.say(name, is_muted=1, muted_until=until)

    def unmute(self, name: str) -> None:
        """Notify of what a muted rule finds from now on."""
        self._book.say(name, is_muted=0, muted_until=None)

    def save(self, name: str, rule: Mapping[str, Any], before: str | None = None) -> None:
        """Keep a rule that was made on the page; ``before``: its name until now, if it had one."""
        self._book.save(name, rule, before)
        with self._lock:
            self._is_all = True
        self._queue.put(None)

    def delete(self, name: str) -> None:
        """Forget a rule that was made on the page."""
        self._book.delete(name)
