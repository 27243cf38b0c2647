"""The aggregators of this process, for functions that are called without one at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import reduce
from operator import add
from typing import Protocol
from weakref import WeakSet

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._api.context import Label
from otel_session_agg._explain.in_memory import Remembered
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._threads.locks import all_of


class RegisteredAggregator(Protocol):
    """The methods of a processor or exporter that ``_api`` calls, from any thread.

    They wait for I/O only with ``wait_seconds``.
    """

    @property
    def joins(self) -> bool:
        """Whether it has no store and shares its sessions with others of this process."""
        ...

    def share(self, session_id: str) -> Rollup | None:
        """Return what it has of a session that no other that joins has."""
        ...

    @property
    def process(self) -> str:
        """Its name in a store."""
        ...

    def block(self, label: Label, *, is_entered: bool) -> None:
        """Note that a ``session()`` block is entered or left."""
        ...

    def session_rollup(
        self, session_id: str, wait_seconds: float = 0.0, siblings: frozenset[str] = frozenset()
    ) -> Rollup | None:
        """Return the totals of a session at this moment; ``None`` when it is not known here."""
        ...

    def account_rollup(
        self,
        name: str,
        whose: str,
        wait_seconds: float = 0.0,
        siblings: frozenset[str] = frozenset(),
    ) -> Rollup | None:
        """Return the totals of an account at this moment; ``whose``: its owner."""
        ...

    def remembered(self, session_id: str) -> Remembered | None:
        """Return what it remembers of a session; ``None`` when it is not known here."""
        ...

    def trace_rollup(self, trace_id: int, span_id: int) -> Rollup | None:
        """Return the totals of the trace around a span at this moment."""
        ...

    def end_session(self, session_id: str, reason: str) -> None:
        """End a session as soon as nothing of it is open."""
        ...

    def feedback(self, session_id: str | None, span: ReadableSpan) -> bool:
        """Add feedback to a session, or to the trace above ``span``, which carries the feedback.

        Return whether ``span`` is forwarded.
        """
        ...


_LIVE: WeakSet[RegisteredAggregator] = WeakSet()
"""Aggregators may be added, and removed by the garbage collection, at any moment."""


def register(aggregator: RegisteredAggregator) -> None:
    """Add an aggregator, until it is unregistered or collected as garbage."""
    _LIVE.add(aggregator)


def unregister(aggregator: RegisteredAggregator) -> None:
    """Remove an aggregator that was shut down."""
    _LIVE.discard(aggregator)


def are_several() -> bool:
    """Return whether there is more than one; cheap enough for each root."""
    return len(_LIVE) > 1


def aggregators() -> list[RegisteredAggregator]:
    """Return all that are registered."""
    return all_of(_LIVE)


def session_rollup(session_id: str, wait_seconds: float = 0.0) -> Rollup | None:
    """Return the totals of a session at this moment.

    Aggregators without a store have shares, which are added.  Of others the totals with the most
    events count: they may see the same spans.

    ``wait_seconds``: how long all of them together may wait for other processes.
    """
    found = _asked(
        lambda one, seconds, siblings: one.session_rollup(session_id, seconds, siblings),
        wait_seconds,
    )
    joined = [one for one in aggregators() if one.joins]
    shares = [one.share(session_id) for one in joined] if len(joined) > 1 else []
    known = [share for share in shares if share is not None]
    return fullest((found, reduce(add, known))) if known else found


def account_rollup(name: str, whose: str, wait_seconds: float = 0.0) -> Rollup | None:
    """Return the totals of an account, which budgets over anything but a session have."""
    return _asked(
        lambda one, seconds, siblings: one.account_rollup(name, whose, seconds, siblings),
        wait_seconds,
    )


def _asked(
    ask: Callable[[RegisteredAggregator, float, frozenset[str]], Rollup | None], wait_seconds: float
) -> Rollup | None:
    until, ones = time.monotonic() + wait_seconds, aggregators()
    names = frozenset(one.process for one in ones) if wait_seconds > 0 else frozenset()
    return fullest(ask(one, until - time.monotonic() if names else 0.0, names) for one in ones)


def fullest(rollups: Iterable[Rollup | None]) -> Rollup | None:
    """Return the totals with the most events; ``None`` when there are none."""
    return max(
        (rollup for rollup in rollups if rollup is not None),
        key=lambda rollup: rollup.num_events,
        default=None,
    )
