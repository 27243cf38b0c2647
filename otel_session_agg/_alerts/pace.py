"""How often something is done, by the monotonic clock, and less often where it takes long."""

from __future__ import annotations

import time
from collections.abc import Callable

_SHARE = 10.0
"""Of what took a second, the next time is ten seconds later."""


class Pace:
    """Does something at most so often."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next = seconds, 0.0

    def is_due(self) -> bool:
        """Return whether it is time to do it again."""
        return time.monotonic() >= self._next

    def hurry(self) -> None:
        """Let it be due now."""
        self._next = 0.0

    def timed(self, function: Callable[[], object]) -> None:
        """Do it."""
        began = time.monotonic()
        function()
        ended = time.monotonic()
        self._next = ended + max(self._seconds, (ended - began) * _SHARE)
