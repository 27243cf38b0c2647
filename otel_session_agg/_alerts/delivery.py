"""Deliver notifications: a thread for each channel, so that one that hangs holds up no other.

A channel that fails is tried again with the oldest notification, after a second, two, four, up to
five minutes; what is refused for good is given up at once, everything after a day.  The waiting
goes by the monotonic clock, so it does not matter when the clock of the machine is set.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from queue import SimpleQueue
from uuid import uuid4

from otel_session_agg._alerts import apprise_channel, notifications, otlp_log, webhook
from otel_session_agg._alerts.channels import Channel
from otel_session_agg._alerts.http_post import Answer
from otel_session_agg._alerts.notifications import Notification
from otel_session_agg._alerts.state import State
from otel_session_agg._guard import Guard
from otel_session_agg._threads.background import Background, Done, Job, next_of
from otel_session_agg._threads.suppress import suppressed

Send = Callable[[Notification, float], Answer]
"""Hands a notification over at a time, seconds since the Unix epoch."""

_FIRST_SECONDS, _MAX_SECONDS = 1.0, 300.0
MAX_ATTEMPTS = 300
"""About a day."""
_IDLE_SECONDS = 5.0
"""How often a channel looks for what other processes noted and did not deliver."""
_MIN_SECONDS = 0.001
_PROCESS: dict[int, str] = {}
"""A name for this process, by its id: a fork has another one."""


def owner() -> str:
    """Return a name for this process that no other one has, here or elsewhere, now or later."""
    pid = os.getpid()
    return f"{socket.gethostname()}|{pid}|{_PROCESS.setdefault(pid, uuid4().hex)}"


def is_gone(name: str) -> bool:
    """Return whether an owner is a process of this machine that has ended."""
    host, pid, _ = (*name.split("|"), "", "")[:3]
    if host != socket.gethostname() or not pid.isdigit() or os.name == "nt":
        return False
    if int(pid) == os.getpid():
        return name != owner()
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def sender(channel: Channel) -> Send:
    """Return what delivers to a channel.

    Raises:
        SettingsError: its address is not understood.
        SessionAggError: what it needs is not installed.

    """
    if channel.kind == "webhook":
        return partial(webhook.send, channel)
    if channel.kind == "otlp":
        return partial(otlp_log.send, channel)
    found = apprise_channel.sender(channel)
    return lambda given, _: apprise_channel.send(found, given)


class Outlet:
    """Delivers to one channel."""

    def __init__(
        self,
        channel: Channel,
        state: State,
        guard: Guard,
        clock: Callable[[], float],
        first_seconds: float = _FIRST_SECONDS,
    ) -> None:
        self.name = channel.name
        self.num_failures = 0
        """Attempts that failed since one succeeded."""
        self._send = sender(channel)
        self._state, self._guard, self._clock = state, guard, clock
        self._first_seconds = first_seconds
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = Background(f"otel-session-agg-{channel.kind}", self._work, guard)
        self._is_stopped = False
        self._not_before = 0.0

    def wake(self, done: Done | None = None) -> None:
        """Deliver what waits; set ``done`` when that was tried, up to the first that failed."""
        self._queue.put(None if done is None else done.set)
        self._thread.begin()

    def stop(self) -> None:
        """Let the thread end after what it does."""
        self._is_stopped = True
        self._queue.put(None)

    def _work(self) -> bool:
        while not self._is_stopped:
            waits = self._turns()
            done = next_of(self._queue, max(waits, _MIN_SECONDS))
            if done is not None:
                self._turns()
                done()
        return True

    def _turns(self) -> float:
        """Deliver what waits; return for how many seconds to wait then."""
        with suppressed():
            while not self._is_stopped:
                left = self._not_before - time.monotonic()
                if left > 0:
                    return left
                if not self._turn():
                    return _IDLE_SECONDS
        return 0.0

    def _turn(self) -> bool:
        """Deliver one notification; return whether there was one."""
        with self._state.changing() as connection:
            given = notifications.claim(connection, self.name, owner(), self._clock())
        if given is None:
            return False
        answer = self._guard.part("sending a notification", self._send, given, self._clock())
        if answer is None:
            answer = Answer(is_done=False, problem="it failed inside")
        with self._state.changing() as connection:
            status = _status(answer, given.attempts + 1)
            notifications.settle(
                connection, given.delivery, owner(), status, answer.problem or None
            )
        self._pause(answer)
        return True

    def _pause(self, answer: Answer) -> None:
        if answer.is_done or answer.is_final:
            self.num_failures = 0
            return
        waits = min(self._first_seconds * 2.0 ** min(self.num_failures, 20), _MAX_SECONDS)
        self.num_failures += 1
        self._not_before = time.monotonic() + max(waits, answer.retry_seconds or 0.0)


def _status(answer: Answer, attempts: int) -> str:
    if answer.is_done:
        return "done"
    return "failed" if answer.is_final or attempts >= MAX_ATTEMPTS else "waiting"


class Deliveries:
    """Delivers to all channels."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        state: State,
        guard: Guard,
        clock: Callable[[], float],
        first_seconds: float = _FIRST_SECONDS,
    ) -> None:
        self.outlets = [
            Outlet(channel, state, guard, clock, first_seconds) for channel in channels.values()
        ]
        with state.changing() as connection:
            for name in notifications.owners(connection):
                if is_gone(name):
                    notifications.release(connection, name)
            notifications.give_up_others(connection, list(channels))

    def wake(self) -> None:
        """Deliver what waits."""
        for outlet in self.outlets:
            outlet.wake()

    def flush(self, until: float) -> bool:
        """Try what waits once, until a monotonic time; return whether that was in time."""
        all_done = []
        for outlet in self.outlets:
            done = Done()
            outlet.wake(done)
            all_done.append(done)
        in_time = [done.wait(until - time.monotonic()) for done in all_done]
        return all(in_time)

    def stop(self) -> None:
        """Let the threads end after what they do; the rest is delivered by the next process."""
        for outlet in self.outlets:
            outlet.stop()
