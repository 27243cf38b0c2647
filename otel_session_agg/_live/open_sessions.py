"""Which sessions are open: those that got spans lately.

The history says it of each session, so that all who read it agree: ``open`` is written along with
what a session came to, and ``ended`` when nothing has come for so long.  What is here is that, and
when the last spans came.

No clock: time comes in, as seconds that pass, so that a clock that is set ends no session and
leaves none open; the Unix time is for people.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import NamedTuple

OPEN_SECONDS = 120.0
"""A session counts as open so long after its last span came."""

_MAX_OPEN = 10_000
"""Open sessions that are known; of more, those that got spans last."""


class _Last(NamedTuple):
    """When the last spans of a session came."""

    passed: float
    unix: float


class OpenSessions:
    """The open sessions, and when the last span of each came; for any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: OrderedDict[str, _Last] = OrderedDict()
        """Those that got spans last are at the end."""

    def got_spans(self, sessions: Iterable[str], passed: float, unix: float) -> None:
        """Note when spans of sessions came, by both clocks."""
        last = _Last(passed, unix)
        with self._lock:
            for name in sessions:
                self._last[name] = last
                self._last.move_to_end(name)

    def all(self) -> Mapping[str, float]:
        """Return all, with the Unix time of the last spans."""
        with self._lock:
            return {name: last.unix for name, last in self._last.items()}

    def idle(self, passed: float) -> list[str]:
        """Return those that got nothing for long, or for longest of too many; they stay open."""
        found: list[str] = []
        with self._lock:
            too_many = len(self._last) - _MAX_OPEN
            for name, last in self._last.items():
                if last.passed >= passed - OPEN_SECONDS and len(found) >= too_many:
                    break
                found.append(name)
        return found

    def ended(self, sessions: Iterable[str]) -> None:
        """Note that the history says that sessions have ended, or has them no more."""
        with self._lock:
            for name in sessions:
                self._last.pop(name, None)
