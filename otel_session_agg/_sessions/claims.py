"""Decide which processor reports a root when several of one process see it.

An application that exports to two backends may well have two processors, and by a setting both
have the same store.  Each writes the totals on its own roots, but only one may report a root to
the store, or every session would cost twice: the first to see it.  The others report nothing of
it.  Without a store the same rule decides whose share of a session a root is.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from otel_session_agg._api.registry import are_several
from otel_session_agg._collections.recent import Recent
from otel_session_agg._sessions.released_root import reported_of
from otel_session_agg._trace.trace import Trace

MAX_CLAIMS = 16_384
"""Roots that are remembered: processors of one process see the same root within a moment."""

_claims: Recent[tuple[Hashable, int, int], str] = Recent(MAX_CLAIMS // 2)


class Claims(Protocol):
    """The claims of one processor on roots."""

    def claim(self, trace: Trace) -> None:
        """Decide whether this processor is the one that reports a root, when it is seen."""
        ...


class NoClaims:
    """For a processor that shares its sessions with no other one."""

    def claim(self, trace: Trace) -> None:
        """Do nothing."""


class StoreClaims:
    """Claims on what is reported to a store.

    Args:
        store: What the store is known by in this process.
        process: The name of the processor in stores.

    """

    def __init__(self, store: Hashable, process: str) -> None:
        self._store = store
        self._process = process

    def claim(self, trace: Trace) -> None:
        """Decide whether another processor writes the trace to the store."""
        if trace.root_id is None:
            return
        is_mine = _claim(self._store, trace.trace_id, trace.root_id, self._process)
        if not is_mine or trace.reported is not None:
            reported_of(trace).has_other_publisher = not is_mine


class ShareClaims:
    """Claims on shares of sessions, where the processors of a process have no store."""

    def __init__(self, process: str) -> None:
        self._process = process

    def claim(self, trace: Trace) -> None:
        """Decide whether another processor counts the trace, too; not once it was reported."""
        if (
            are_several()
            and trace.root_id is not None
            and (trace.reported is None or not trace.reported.totals)
            and not _claim(None, trace.trace_id, trace.root_id, self._process)
        ):
            reported_of(trace).is_double = True


def _claim(store: Hashable, trace_id: int, root_id: int, process: str) -> bool:
    """Claim a root; return whether this process is the first to do so."""
    return _claims.setdefault((store, trace_id, root_id), process) == process
