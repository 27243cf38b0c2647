"""Traces that may report the same call, so that they are counted together.

A call that two traces report counts in one of them, which can only be seen when both are counted at
once.  Traces that come within a second are, mostly; for the others it is remembered which calls
were in which traces, in the last minutes of a busy server.  They are found by what reports of one
call share: a response id, or the same figures at the same time.  Two reports of one call with
different figures that come apart in time are not found.  When the process begins it gets the
calls of the traces that ended last, so that a restart between two reports makes no difference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from otel_session_agg._collections.recent import Recent

_MAX_KEYS = 20_000
"""Keys of calls that are remembered, at least: 20 MB."""

_MAX_ALIKE = 16
"""Traces with the same key that are remembered: mostly those that are made at once."""

_MAX_ALONE = 5_000
"""Calls that are remembered while all are of the same scopes."""

_APART_NS = 1_000_000_000
"""Reports of one call end within milliseconds."""


class ReportedCall(NamedTuple):
    """A call that counts in a trace, or would if another trace did not report it."""

    trace_id: int
    scopes: tuple[str, ...]
    """Those that report it."""
    start_ns: int
    end_ns: int
    response_id: str | None
    figures: tuple[int | None, int | None] | None
    """Prompt and completion tokens; ``None``: none are stated."""
    is_root: bool
    """Whether no span of the application is above it."""


class RelatedTraces:
    """Which traces report the same calls."""

    def __init__(self) -> None:
        self._calls: Recent[Hashable, tuple[ReportedCall, ...]] = Recent(_MAX_KEYS)
        self._of: Recent[int, frozenset[int]] = Recent(_MAX_KEYS)
        self._alone: deque[ReportedCall] = deque(maxlen=_MAX_ALONE)
        self._is_mixed = False
        """Whether calls of different scopes were seen: until then no two traces report one."""

    def note(self, calls: Iterable[ReportedCall]) -> None:
        """Note the calls of traces that were counted."""
        for call in calls:
            if self._is_mixed:
                self._index(call)
                continue
            self._alone.append(call)
            if call.scopes != self._alone[0].scopes:
                self._is_mixed = True
                while self._alone:
                    self._index(self._alone.popleft())

    def _index(self, call: ReportedCall) -> None:
        for key in _keys(call):
            known = self._calls.get(key) or ()
            others = [other for other in known if other.trace_id != call.trace_id]
            for other in others:
                if _may_be_one(call, other):
                    self._relate(call.trace_id, other.trace_id)
                    self._relate(other.trace_id, call.trace_id)
            self._calls.put(key, (*others, call)[-_MAX_ALIKE:])

    def _relate(self, one: int, other: int) -> None:
        known = self._of.get(one) or frozenset()
        if other not in known and len(known) < _MAX_ALIKE:
            self._of.put(one, known | {other})

    def of(self, trace_ids: Iterable[int]) -> set[int]:
        """Return the traces that report calls of these, directly or by others, but for these."""
        given = set(trace_ids)
        found, waiting = set(given), list(given)
        while waiting:
            for other in self._of.get(waiting.pop()) or ():
                if other not in found:
                    found.add(other)
                    waiting.append(other)
        return found - given


def _keys(call: ReportedCall) -> Iterator[Hashable]:
    if call.response_id is not None:
        yield call.response_id
    if call.figures is not None:
        yield call.figures


def _may_be_one(call: ReportedCall, other: ReportedCall) -> bool:
    if call.scopes == other.scopes:
        return False
    if call.response_id is not None and call.response_id == other.response_id:
        return True
    is_at_once = (
        call.start_ns <= other.end_ns + _APART_NS and other.start_ns <= call.end_ns + _APART_NS
    )
    return is_at_once and call.figures == other.figures and (call.is_root or other.is_root)
