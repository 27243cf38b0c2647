"""The boundary to the host application: nothing of ours is ever raised into it.

``Guard.call`` is the only place that catches ``Exception``.  What was caught is counted, and logged once per place and type,
because a fault on a span's path comes back thousands of times a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from logging import Logger
from typing import TypeVar

T = TypeVar("T")

_MAX_KINDS = 256
"""Different faults that are logged; a place and a type make one, so there are a few dozen at most."""


class Guard:
    """Runs calls whose faults stay here."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._logged: set[tuple[str, str]] = set()
        self.faults: Counter[str] = Counter()
        """Faults by place."""

    def call(self, place: str, function: Callable[..., T], *args: object) -> T | None:
        """The result of ``function(*args)``, or ``None`` when it raised."""
        try:
            return function(*args)
        except Exception as error:  # noqa: BLE001 -- the one boundary
            self.faults[place] += 1
            self.once(place, type(error).__name__, "%s failed: %s: %s", place, type(error).__name__, error, exc_info=error)
            return None

    def once(self, place: str, what: str, message: str, *args: object, exc_info: BaseException | None = None) -> None:
        """Log a warning, the first time for this place and thing."""
        if (place, what) not in self._logged and len(self._logged) < _MAX_KINDS:
            self._logged.add((place, what))
            self._logger.warning(message, *args, exc_info=exc_info)
