"""One record for a session that several processors of one process have shares of, without a store.

An application may have several tracer providers, each with a processor, or a provider with two.
Each processor adds up what it sees.  When one of them ends a session, it asks its siblings for
their shares and makes the record of all of them; they make none until something is new.

* What several see alike is the share of the one that saw it first.
* A session in which a sibling is still busy ends with that one.
* A processor that is shut down leaves its share to one that goes on with the session.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import add
from typing import Any, NamedTuple, Protocol

from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._reasons import IDLE, MAX_SESSIONS, SHUTDOWN
from otel_session_agg._sessions.manager import SessionManager

_AT_ONCE = frozenset({MAX_SESSIONS, SHUTDOWN})
"""Reasons of ends that do not wait for siblings."""


class _Turn:
    """The lock by which only one of two processors that end a session at once makes its record."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """It is taken before any fold lock, never inside of one."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        """Renew the lock in a forked child: the thread that may hold it is not there."""
        self.lock = threading.Lock()


_turn = _Turn()


class Ask(Protocol):
    """Calls a function under the fold lock of one processor: ``SpanWorker.ask_manager``."""

    def __call__(self, ask: Callable[[SessionManager, float], Any], /) -> Any:
        """Return ``ask(manager, now)``; ``None`` when it cannot be called."""
        ...


class _Share(NamedTuple):
    """The share that one processor has of a session."""

    totals: SessionTotals
    revision: int
    """The revision of its last record."""


def merged(mine: Ask, siblings: Sequence[Ask]) -> list[SessionRecord]:
    """Return the records that a processor has not written, with its siblings' shares added."""
    with _turn.lock:
        found = (_merged(record, mine, siblings) for record in mine(_take) or ())
        return [record for record in found if record is not None]


def hand_over(mine: Ask, siblings: Iterable[Ask]) -> None:
    """Leave the shares of a processor that is shut down to siblings that go on with them."""
    with _turn.lock:
        shares: dict[str, SessionTotals] = mine(_shares) or {}
        for ask in siblings:
            for session_id in ask(partial(_inherit, shares)) or ():
                del shares[session_id]


def _merged(record: SessionRecord, mine: Ask, siblings: Sequence[Ask]) -> SessionRecord | None:
    # all are asked, as each learns by it that the session is to end
    is_busy = [ask(partial(_is_busy, record)) for ask in siblings]
    if any(is_busy):
        mine(partial(_reopen, record))
        return None
    given = [found for ask in siblings if (found := ask(partial(_give, record))) is not None]
    own: SessionTotals = mine(partial(_share, record)) or record.totals
    revision = max([record.revision, *(one.revision + 1 for one in given)])
    for ask in (mine, *siblings):
        ask(partial(_number, record, revision))
    return replace(
        record, revision=revision, totals=reduce(add, (one.totals for one in given), own)
    )


def _take(manager: SessionManager, _: float) -> list[SessionRecord]:
    records, manager.unmerged = manager.unmerged, []
    return records


def _shares(manager: SessionManager, _: float) -> dict[str, SessionTotals]:
    return {session.session_id: session.share for session in manager.lifecycle}


def _inherit(shares: dict[str, SessionTotals], manager: SessionManager, _: float) -> list[str]:
    found = [
        session
        for session_id in shares
        if (session := manager.lifecycle.get(session_id)) is not None
    ]
    for session in found:
        share = shares[session.session_id]
        session.inherited = share if session.inherited is None else session.inherited + share
    return [session.session_id for session in found]


def _is_busy(record: SessionRecord, manager: SessionManager, now: float) -> bool:
    """Return whether a session goes on here; then it is to end here, too, for the same reason."""
    session = manager.lifecycle.get(record.session_id)
    if (
        session is None
        or session.end_reason is not None
        or not session.changed
        or record.end_reason in _AT_ONCE
    ):
        return False
    if record.end_reason == IDLE:
        return manager.sessions.is_active(session, now)
    if not manager.sessions.traces.number(record.session_id):
        return False
    if session.ending is None:
        manager.sessions.end(record.session_id, record.end_reason, now)
    return True


def _give(record: SessionRecord, manager: SessionManager, now: float) -> _Share | None:
    session = manager.lifecycle.get(record.session_id)
    if session is None:
        return None
    manager.totals(record.session_id, now)
    rest = [one for one in manager.unmerged if one.session_id != record.session_id]
    revision = session.revision - (len(manager.unmerged) - len(rest))
    manager.unmerged = rest
    session.changed, session.ending, session.end_reason = False, None, record.end_reason
    session.grown.set_open(manager.sessions.traces.number(record.session_id))
    session.cancel_deadline()
    return _Share(session.share, revision)


def _share(record: SessionRecord, manager: SessionManager, _: float) -> SessionTotals | None:
    session = manager.lifecycle.get(record.session_id)
    return session.share if session is not None else None


def _number(record: SessionRecord, revision: int, manager: SessionManager, _: float) -> None:
    session = manager.lifecycle.get(record.session_id)
    if session is not None:
        session.revision = revision


def _reopen(record: SessionRecord, manager: SessionManager, _: float) -> None:
    session = manager.lifecycle.get(record.session_id)
    if session is not None:
        session.changed, session.end_reason = True, None
        session.revision -= 1
