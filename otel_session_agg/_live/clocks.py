"""The time that passes, which nobody can set."""

from __future__ import annotations

import time


def passed() -> float:
    """Return seconds that pass, those of a machine that sleeps among them where that is known."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
