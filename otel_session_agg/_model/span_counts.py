"""What is counted of spans and roots, and true at every moment: received = folded + ignored, opened = released + open."""

from __future__ import annotations

from collections import Counter

from otel_session_agg._reasons import DUPLICATE, NO_CONTEXT


class SpanCounts:
    """The counters of one processor."""

    def __init__(self) -> None:
        self.received = self.folded = self.late = self.opened = 0
        self.ignored: Counter[str] = Counter()
        """Ended spans that are in no totals, by reason."""
        self.unread: Counter[str] = Counter()
        """Values that were not used, by reason."""
        self.released: Counter[str] = Counter()
        """Roots that left: ``complete``, or why they could not wait."""
        self.unpriced = 0
        """Calls without a known cost in the totals of roots that left."""

    def repeated(self) -> None:
        """Count a span that ended again."""
        self.received += 1
        self.ignored[DUPLICATE] += 1

    def unreadable(self) -> None:
        """Count a span that cannot be read at all."""
        self.received += 1
        self.ignored[NO_CONTEXT] += 1
