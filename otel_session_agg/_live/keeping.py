"""Since when sessions are kept.

A clock that is put forward by mistake would make all sessions old at once.  Where it has gone on by
more than the time that has passed, the time that has passed is what counts, for a day: until then
it can be put right.  No clock here: both times come in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

_JUMP_SECONDS = 3600.0
"""A clock that is ahead by more was put forward."""

_TRUSTED_SECONDS = 86_400.0
"""How long a clock must have been ahead until it is believed."""


class Keeping:
    """Since when sessions are kept; for one thread.

    Args:
        days: How long they are kept after their end; ``None``: all are.
        clock: Returns the Unix time.
        passed: Returns seconds since any moment, also of sleep, which nobody can set.

    """

    def __init__(
        self, days: float | None, clock: Callable[[], float], passed: Callable[[], float]
    ) -> None:
        self._keep = timedelta(days=days) if days is not None else None
        self._clock, self._passed = clock, passed
        self._known = clock(), passed()
        """Both when the clock was believed last."""
        self._ahead_at: float | None = None
        """Since when it is ahead."""

    def since(self) -> datetime | None:
        """Return the time before whose ends sessions are not kept, in UTC; ``None``: all are."""
        if self._keep is None:
            return None
        return datetime.fromtimestamp(self._time(), timezone.utc) - self._keep

    def _time(self) -> float:
        now, passed = self._clock(), self._passed()
        expected = self._known[0] + passed - self._known[1]
        if now - expected > _JUMP_SECONDS:
            if self._ahead_at is None:
                self._ahead_at = passed
            if passed - self._ahead_at < _TRUSTED_SECONDS:
                return expected
        self._known, self._ahead_at = (now, passed), None
        return now
