"""Log what is wrong while spans are counted, and when it is right again.

What is wrong may begin and end many times a minute, so of one kind so much is logged and no more:
the state has all of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

from otel_session_agg._guard import warn

_AGAIN_SECONDS = 10.0
"""How long it is not logged again that spans are refused."""

_NOTE_SECONDS = 60.0
"""How long nothing more is noted of one kind."""

_logger = logging.getLogger("otel_session_agg")


class Telling:
    """What was logged lately; for one thread at a time, which holds no lock that others need."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._logged_at: dict[str, float] = {}
        self._is_refusing = False

    def refuses(self, why: str | None) -> None:
        """Log that spans are refused, and why; ``None``: that they are accepted again."""
        if why is None:
            if self._is_refusing:
                warn(_logger, "spans are accepted again")
            self._is_refusing = False
        elif not self._is_refusing and self._may_log("refuses"):
            self._is_refusing = True
            warn(_logger, "spans are refused for now, and are to be sent again: %s", why)

    def begins_again(self) -> None:
        """Log that counting was ended; why is not said: it may quote what spans have."""
        if self._may_log("begins again"):
            warn(_logger, "counting was ended and begins again: /api/v1/status says why")

    def notes(self, kind: str, what: str) -> None:
        """Log something that was wrong."""
        if self._may_log(kind, _NOTE_SECONDS):
            warn(_logger, "%s", what)

    def _may_log(self, kind: str, seconds: float = _AGAIN_SECONDS) -> bool:
        now = self._now()
        if now - self._logged_at.get(kind, -seconds) < seconds:
            return False
        self._logged_at[kind] = now
        return True
