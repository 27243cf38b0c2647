"""Counters of spans and roots.

At every moment received = folded + ignored, and opened = released + open.
"""

from __future__ import annotations

from collections import Counter

from otel_session_agg._reasons import DUPLICATE, NO_CONTEXT


class SpanCounts:
    """The counters of one processor."""

    def __init__(self) -> None:
        self.received = self.folded = self.late = self.opened = 0
        self.ignored: Counter[str] = Counter()
        """Number of ended spans that are in no totals, by reason."""
        self.unread: Counter[str] = Counter()
        """Number of values that were not used, by reason."""
        self.released: Counter[str] = Counter()
        """Number of roots that left, by ``complete`` or why they could not wait."""
        self.unpriced = 0
        """Number of calls without a known cost in the totals of roots that left."""

    def repeated(self) -> None:
        """Count a span that ended again."""
        self.received += 1
        self.ignored[DUPLICATE] += 1

    def unreadable(self) -> None:
        """Count a span that cannot be read at all."""
        self.received += 1
        self.ignored[NO_CONTEXT] += 1
