"""How often a client may come: a bucket of requests that fills again, for each client."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from otel_session_agg._collections.recent import Recent

__all__ = ["Rates"]

_CLIENTS = 10_000
"""Clients that are remembered; one that is forgotten begins with a full bucket."""


class Rates:
    """The buckets of clients.

    Args:
        per_second: What is filled into each.
        burst: How much fits into it.
        now: Returns a time that goes forward, in seconds.

    """

    def __init__(self, per_second: float, burst: int, now: Callable[[], float]) -> None:
        self._per_second, self._burst, self._now = per_second, burst, now
        self._buckets: Recent[str, tuple[float, float]] = Recent(_CLIENTS)
        """What was in each, and when that was."""

    def take(self, client: str) -> int:
        """Take a request out of a client's bucket; return 0, or the seconds to wait."""
        now = self._now()
        left, at = self._buckets.get(client) or (float(self._burst), now)
        left = min(left + (now - at) * self._per_second, float(self._burst))
        if left < 1:
            return max(ceil((1 - left) / self._per_second), 1)
        self._buckets.put(client, (left - 1, now))
        return 0
