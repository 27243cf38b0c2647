"""Which processor tells a store of a root, when several of one process see the same spans.

An application that exports to two backends may well have two processors, and by a setting both have the same store.  Each
writes the totals on its own roots, but the store must be told once, or every session would cost twice.  The first processor to
see a root tells; the others say nothing of it.  Without a store (``None``) the same decides whose share of a session a root is.
"""

from __future__ import annotations

from collections.abc import Hashable

from otel_session_agg._recent import Recent

MAX_CLAIMS = 16_384
"""Roots that are remembered: processors of one process see the same root within a moment."""

_claims: Recent[tuple[Hashable, int, int], str] = Recent(MAX_CLAIMS // 2)


def claim(store: Hashable, trace_id: int, root_id: int, owner: str) -> bool:
    """Whether ``owner`` is the one that tells ``store`` of a root."""
    return _claims.setdefault((store, trace_id, root_id), owner) == owner
