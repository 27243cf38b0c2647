"""Totals and changes of sessions, as ``_api/registry.py`` calls them.

A query folds everything that has ended first (``SpanWorker.ask_manager``), so totals are exact for
this process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._api.context import Label, labels_around
from otel_session_agg._api.owners import owners_of
from otel_session_agg._explain.in_memory import Remembered, remembered
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._sdk.parts import Given
from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg._sessions.blocks import Block
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._sessions.remote_reads import RemoteReads

T = TypeVar("T")


class SessionQueries:
    """Queries of one processor or exporter, from any thread.

    It is registered (``_api/registry.py``) until its processor or exporter is shut down or gone.
    """

    def __init__(self, span_worker: SpanWorker, given: Given) -> None:
        self.span_worker = span_worker
        self._guard = span_worker.guard
        self._is_live = given.is_live
        self._prices = given.prices
        self._is_shared = given.store is not None
        self._sees_blocks = self._is_shared and given.batch_seconds is None
        """Whether other processes learn of ``session()`` blocks.

        Not where spans come in batches: after a block is left, spans of it are still to come.
        """
        self.joins = given.siblings is not None
        """Whether others of this process without a store have shares of the same sessions."""

    @property
    def process(self) -> str:
        """The name of this processor or exporter in a store."""
        return self.span_worker.pipeline.process

    def block(self, label: Label, *, is_entered: bool) -> None:
        """Let other processes know, without waiting, that a block is entered or left."""
        if self._sees_blocks:
            self.span_worker.queue.append(Block(None, label, is_entered))
            if not self.span_worker.awake:
                self._guard.call("waking the worker", self.span_worker.wake_worker)

    def session_rollup(
        self, session_id: str, wait_seconds: float = 0.0, siblings: frozenset[str] = frozenset()
    ) -> Rollup | None:
        """Return the totals of a session at this moment; ``None`` when it is not known here.

        Args:
            session_id: The session.
            wait_seconds: How long to wait at most, when there is a store that is shared, until
                nothing of the session is open in other processes; what these write is in the totals
                then.  Before it returns inside a block of the session, others know of that block.
            siblings: Names of other processors of this process, which are not waited for.

        """
        if wait_seconds > 0 and self._is_shared:
            labels = (
                [label for label in labels_around() if label.session_id == session_id]
                if self._sees_blocks
                else []
            )
            self._wait(
                wait_seconds,
                labels,
                lambda reads, now: reads.begin(session_id, labels, siblings, now),
            )
        return self.span_worker.ask_manager(lambda manager, now: manager.totals(session_id, now))

    def remembered(self, session_id: str) -> Remembered | None:
        """Return what is remembered of a session; ``None`` when it is not known here."""

        def look(manager: SessionManager, now: float) -> Remembered | None:
            rollup, session = manager.totals(session_id, now), manager.lifecycle.get(session_id)
            if rollup is None or session is None:
                return None
            totals = rollup, session.share.rollup if self.joins else None
            return remembered(session_id, manager.unfinished(session_id), totals, self._prices)

        return self.span_worker.ask_manager(look)

    def share(self, session_id: str) -> Rollup | None:
        """Return its share of a session: what no other of this process without a store has."""

        def look(manager: SessionManager, now: float) -> Rollup | None:
            manager.totals(session_id, now)
            session = manager.lifecycle.get(session_id)
            return session.share.rollup if session is not None else None

        return self.span_worker.ask_manager(look)

    def account_rollup(
        self,
        name: str,
        whose: str,
        wait_seconds: float = 0.0,
        siblings: frozenset[str] = frozenset(),
    ) -> Rollup | None:
        """Return the totals of an account at this moment.

        ``whose`` is the owner, of whom something may be open in other processes.  All else is as
        for ``session_rollup``.
        """
        if wait_seconds > 0 and self._is_shared:
            labels = (
                [label for label in labels_around() if whose in owners_of(label)]
                if self._sees_blocks
                else []
            )
            self._wait(
                wait_seconds,
                labels,
                lambda reads, now: reads.begin_account(name, whose, labels, siblings, now),
            )
        return self.span_worker.ask_manager(
            lambda manager, _: manager.accounts.get(name, whose).rollup
        )

    def _wait(
        self,
        wait_seconds: float,
        labels: list[Label],
        begin: Callable[[RemoteReads, float], Callable[[float], None]],
    ) -> None:
        """Wait for other processes; then until they can know that the blocks around go on."""
        until = time.monotonic() + wait_seconds
        wait = self._ask_store(begin)
        if wait is not None:
            self._guard.call("asking the store", wait, until)
            confirm = self._ask_store(lambda reads, now: reads.end(labels, now))
            if confirm is not None and labels:
                self._guard.call("asking the store", confirm, until)

    def _ask_store(self, ask: Callable[[RemoteReads, float], T]) -> T | None:
        return self.span_worker.ask_manager(
            lambda manager, now: ask(reads, now) if (reads := manager.remote_reads) else None
        )

    def trace_rollup(self, trace_id: int, span_id: int) -> Rollup | None:
        """Return the totals of the trace around a span at this moment; ``None``: not known here."""
        return self.span_worker.ask_manager(
            lambda manager, _: manager.root_release.trace_totals(trace_id, span_id)
        )

    def end_session(self, session_id: str, reason: str) -> None:
        """End a session as soon as nothing of it is open."""
        self.span_worker.ask_manager(
            lambda manager, now: manager.sessions.end(session_id, reason, now)
        )
        self._guard.call("waking the worker", self.span_worker.wake_worker)

    def feedback(self, session_id: str | None, span: ReadableSpan) -> bool:
        """Add feedback to a session, or to the trace above ``span``, which carries the feedback.

        Return whether ``span`` is forwarded.
        """
        above = (span.parent.trace_id, span.parent.span_id) if span.parent is not None else None

        waiting = [span]

        def leave() -> None:
            with suppress(IndexError):  # it has left; taking it is one step, as two threads may try
                self.span_worker.pipeline.leaving.append(waiting.pop())

        def note(manager: SessionManager, now: float) -> None:
            leave()
            manager.add_feedback(session_id, above, now)

        self.span_worker.ask_manager(note)
        leave()  # from within a fold, or when the other thread takes too long
        self._guard.call("waking the worker", self.span_worker.wake_worker)
        return not self._is_live
