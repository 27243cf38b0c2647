"""Decide which processor reports a root to a store when several of one process see it.

An application that exports to two backends may well have two processors, and by a setting both
have the same store.  Each writes the totals on its own roots, but only one may report a root to
the store, or every session would cost twice: the first to see it.  The others report nothing of
it.  Without a store (``None``) the same rule decides whose share of a session a root is.
"""

from __future__ import annotations

from collections.abc import Hashable

from otel_session_agg._recent import Recent

MAX_CLAIMS = 16_384
"""Roots that are remembered: processors of one process see the same root within a moment."""

_claims: Recent[tuple[Hashable, int, int], str] = Recent(MAX_CLAIMS // 2)


def claim(store: Hashable, trace_id: int, root_id: int, process: str) -> bool:
    """Claim a root for a processor; return whether it is the one that reports it to ``store``.

    ``process``: the name of the processor in stores.
    """
    return _claims.setdefault((store, trace_id, root_id), process) == process
