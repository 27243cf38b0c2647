"""The totals of a session while it runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.session_totals import (
    MAX_LINKS,
    MAX_TRACES,
    RULES,
    Labelled,
    LastRoot,
    Member,
    SessionTotals,
    first_user,
    merged_metadata,
    values,
)

_KEPT = tuple(name for name in RULES if name not in {"members", "traces"})
"""Fields that are kept as they are in a value."""


class GrowingTotals:
    """The totals of a session that grow: adding a root costs the same however many there are.

    Not thread-safe.  ``totals`` is the value of the moment, made once per change.
    """

    __slots__ = ("_earliest", "_frozen", "_members", "trace_ids", *_KEPT)

    # the types of those that change here
    rollup: Rollup
    num_open: int
    more_traces: int
    num_roots: int
    root_ns: int
    num_parts: int
    part_ns: int
    user: At | None
    metadata: Mapping[str, Labelled]
    last_began_ns: int
    is_budget_exceeded: bool
    last_root: LastRoot | None
    root_events: int
    has_root_feedback: bool
    num_unsampled: int

    def __init__(self, totals: SessionTotals | None = None) -> None:
        totals = totals or SessionTotals()
        for name in _KEPT:
            setattr(self, name, getattr(totals, name))
        self.trace_ids = dict.fromkeys(sorted(totals.traces))
        """Trace ids, in the order of arrival."""
        self._earliest = list(totals.members)
        self._members: tuple[Member, ...] | None = totals.members
        self._frozen: SessionTotals | None = None

    def add_rollup(self, rollup: Rollup) -> None:
        """Add totals over more events."""
        self.rollup += rollup
        self._frozen = None

    def add_root(
        self, member: Member, end_ns: int, *, is_part: bool, is_sampled: bool = True
    ) -> None:
        """Add a session root that has left, apart from its rollup."""
        if member.trace_id not in self.trace_ids:
            if len(self.trace_ids) < MAX_TRACES:
                self.trace_ids[member.trace_id] = None
            elif not is_part:
                self.more_traces += 1
        at = bisect_left(self._earliest, member)
        if is_sampled and at < MAX_LINKS and self._earliest[at : at + 1] != [member]:
            self._earliest.insert(at, member)
            del self._earliest[MAX_LINKS:]
            self._members = None
        duration_ns = max(0, end_ns - member.start_ns)
        if is_part:
            self.num_parts += 1
            self.part_ns += duration_ns
        else:
            self.num_roots += 1
            self.root_ns += duration_ns
            self.num_unsampled += not is_sampled
        self._frozen = None

    def exported(self, root: LastRoot) -> None:
        """Note that a root that has left is exported."""
        if self.last_root is None or self.last_root < root:
            self.last_root = root
            self._frozen = None

    def stands_on_root(self, num_events: int, *, has_feedback: bool) -> bool:
        """Count events that totals on an exported root contain, which begins a trace.

        Return whether that changes anything.
        """
        is_new = num_events != 0 or has_feedback > self.has_root_feedback
        if is_new:
            self.root_events += num_events
            self.has_root_feedback = self.has_root_feedback or has_feedback
            self._frozen = None
        return is_new

    def add_labels(self, labels: SessionTotals) -> bool:
        """Add user and metadata; return whether anything of it is new."""
        user, metadata = (
            first_user(self.user, labels.user),
            merged_metadata(self.metadata, labels.metadata),
        )
        if user == self.user and metadata == self.metadata:
            return False
        self.user, self.metadata, self._frozen = user, metadata, None
        return True

    def began(self, start_ns: int) -> None:
        """Note the start of a root or a ``session()`` block."""
        if start_ns > self.last_began_ns:
            self.last_began_ns = start_ns
            self._frozen = None

    def exceeded(self) -> None:
        """Note that the session has exceeded a budget."""
        self.is_budget_exceeded = True
        self._frozen = None

    def set_open(self, num_open: int) -> None:
        """Set the number of roots that are open now."""
        if self.num_open != num_open:
            self.num_open = num_open
            self._frozen = None

    @property
    def members(self) -> tuple[Member, ...]:
        """The earliest session roots; the same tuple while they are the same."""
        if self._members is None:
            self._members = tuple(self._earliest)
        return self._members

    @property
    def traces(self) -> frozenset[int]:
        """The trace ids as a value."""
        return frozenset(self.trace_ids)

    @property
    def totals(self) -> SessionTotals:
        """The totals as a value."""
        if self._frozen is None:
            self._frozen = SessionTotals(*values(self))
        return self._frozen
