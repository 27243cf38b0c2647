"""What the threads of a counter share: how much waits, what is wrong, what was counted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Condition, Lock
from typing import NamedTuple

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._live.telling import Telling

_RATE_SECONDS = 10.0
"""The time over which the rate is taken."""

_MOST_RETRY_SECONDS = 30.0


HISTORY, JOURNAL, PROCESS = "history", "journal", "process"
"""Where something can be wrong."""

ASIDE, KEPT = "requests set aside", "sessions not kept"
"""What is noted beside that."""

_REFUSING = frozenset({HISTORY, JOURNAL})
"""What has to be right for requests to be accepted: the process is replaced soon."""


class BusyError(SessionAggError):
    """Nothing more is accepted now; the text says why."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        """Say after how many seconds it is worth to try again."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Status(NamedTuple):
    """How counting goes."""

    spans_accepted: int
    spans_rejected: int
    """Those that could not be read."""
    requests_refused: int
    """Those that were to be sent again later."""
    spans_counted: int
    """Of those that were accepted, by this process: those whose totals are in the history."""
    spans_per_second: float
    """Counted in the last ten seconds."""
    backlog_bytes: int
    """Of requests that were accepted and not counted yet."""
    fault: str | None
    """What is wrong now; nothing is accepted meanwhile if it says so."""
    last_fault: str | None
    """What was wrong last."""
    requests_aside: int
    """Those that ended the process that counts each time, and so are not counted; the last ones."""
    last_aside: str | None
    """The file with the last of them; the others are beside it."""
    history_bytes: int
    open_sessions: Mapping[str, float]
    """Sessions that got spans lately, with the Unix time of the last ones."""


class State:
    """Numbers and faults; all is guarded by ``changed``, which is notified when there is news."""

    def __init__(self, max_backlog_bytes: int) -> None:
        self.changed = Condition()
        self._max_backlog_bytes = max_backlog_bytes
        self.is_closing = self.is_finished = False
        self._faults: dict[str, str] = {}
        self._last_fault: str | None = None
        self._accepted = self._rejected = self._refused = self._counted = 0
        self._backlog_bytes = 0
        self._rates: deque[tuple[float, int, int]] = deque()
        """When rows were written, of how many spans and bytes."""
        self._telling, self._tells = Telling(), Lock()

    # -- accepting --------------------------------------------------------------------------------

    def check_room(self, size: int) -> None:
        """Raise `BusyError` if a request of this size is not to be accepted now."""
        with self.changed:
            why = self._refused_because()
            if self.is_closing:
                why = "the server is being stopped"
            if why is None and self._backlog_bytes + size <= self._max_backlog_bytes:
                return
            if why is None and self._backlog_bytes <= 0:
                return  # one request may be larger than what may wait
            self._refused += 1
            raise BusyError(why or "too much waits to be counted", self._retry_seconds())

    def _retry_seconds(self) -> float:
        """Return after how long half of what waits is counted, about."""
        _, rate = self._rate()
        if not rate:
            return 5.0
        return min(max(self._backlog_bytes / rate / 2, 1.0), _MOST_RETRY_SECONDS)

    def accepted(self, num_spans: int, num_rejected: int, size: int) -> None:
        """Note a request; ``size``: of what is to be counted."""
        with self.changed:
            self._accepted += num_spans
            self._rejected += num_rejected
            self._backlog_bytes += size
            self.changed.notify_all()

    def refused(self) -> None:
        """Note a request that is to be sent again later."""
        with self.changed:
            self._refused += 1

    # -- counting ---------------------------------------------------------------------------------

    def waits(self, size: int) -> None:
        """Note how much waits, after another process began to count."""
        with self.changed:
            self._backlog_bytes = size

    def counted(self, num_spans: int, size: int) -> None:
        """Note that spans are in the history."""
        with self.changed:
            self._counted += num_spans
            self._backlog_bytes -= size
            self._rates.append((time.monotonic(), num_spans, size))
            self.changed.notify_all()

    def _rate(self) -> tuple[float, float]:
        """Return spans and bytes a second."""
        since = time.monotonic() - _RATE_SECONDS
        while self._rates and self._rates[0][0] < since:
            self._rates.popleft()
        spans = sum(number for _, number, _ in self._rates)
        return spans / _RATE_SECONDS, sum(size for _, _, size in self._rates) / _RATE_SECONDS

    # -- faults -----------------------------------------------------------------------------------

    def fault(self, place: str, what: str | None) -> None:
        """Note what is wrong somewhere; ``None``: it is right again."""
        with self.changed:
            before = self._faults.get(place)
            if what is None:
                self._faults.pop(place, None)
            else:
                self._faults[place] = self._last_fault = what
            why = self._refused_because()
            self.changed.notify_all()
        with self._tells:
            if place != PROCESS:
                self._telling.refuses(why)
            elif before is None and what is not None:
                self._telling.begins_again()

    def _refused_because(self) -> str | None:
        return next((what for place, what in self._faults.items() if place in _REFUSING), None)

    def note(self, kind: str, what: str) -> None:
        """Note something that was wrong."""
        with self.changed:
            self._last_fault = what
        with self._tells:
            self._telling.notes(kind, what)

    # -- telling ----------------------------------------------------------------------------------

    def status(
        self, history_bytes: int, aside: Sequence[Path], open_sessions: Mapping[str, float]
    ) -> Status:
        """Return how counting goes."""
        with self.changed:
            return Status(
                self._accepted,
                self._rejected,
                self._refused,
                self._counted,
                self._rate()[0],
                max(self._backlog_bytes, 0),
                next(iter(self._faults.values()), None),
                self._last_fault,
                len(aside),
                str(aside[-1]) if aside else None,
                history_bytes,
                open_sessions,
            )
