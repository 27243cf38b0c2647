"""The totals of a session while it runs."""

from __future__ import annotations

from bisect import bisect_left

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import (
    MAX_LINKS,
    MAX_TRACES,
    LastRoot,
    Member,
    SessionTotals,
    first_user,
    merged_metadata,
)


class GrowingTotals:
    """The totals of a session that grow: adding a root costs the same however many there are.

    Not thread-safe.  ``totals`` is the value of the moment, made once per change.
    """

    __slots__ = (
        "_earliest", "_frozen", "_members", "has_root_feedback", "is_budget_exceeded",
        "last_began_ns", "last_root", "metadata", "more_traces", "num_open", "num_parts",
        "num_roots", "num_unsampled", "part_ns", "rollup", "root_events", "root_ns", "traces",
        "user",
    )  # fmt: skip

    def __init__(self, totals: SessionTotals | None = None) -> None:
        totals = totals or SessionTotals()
        self.rollup = totals.rollup
        self.num_open = totals.num_open
        self.traces = dict.fromkeys(sorted(totals.traces))
        """Trace ids, in the order of arrival."""
        self.more_traces = totals.more_traces
        self._earliest = list(totals.members)
        self._members: tuple[Member, ...] | None = totals.members
        self.num_roots = totals.num_roots
        self.root_ns = totals.root_ns
        self.num_parts = totals.num_parts
        self.part_ns = totals.part_ns
        self.user = totals.user
        self.metadata = totals.metadata
        self.last_root = totals.last_root
        self.root_events = totals.root_events
        self.has_root_feedback = totals.has_root_feedback
        self.num_unsampled = totals.num_unsampled
        self.last_began_ns = totals.last_began_ns
        self.is_budget_exceeded = totals.is_budget_exceeded
        self._frozen: SessionTotals | None = None

    def add_rollup(self, rollup: Rollup) -> None:
        """Add totals over more events."""
        self.rollup += rollup
        self._frozen = None

    def add_root(
        self, member: Member, end_ns: int, *, is_part: bool, is_sampled: bool = True
    ) -> None:
        """Add a session root that has left, as ``of_root`` does."""
        if member.trace_id not in self.traces:
            if len(self.traces) < MAX_TRACES:
                self.traces[member.trace_id] = None
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
    def totals(self) -> SessionTotals:
        """The totals as a value."""
        if self._frozen is None:
            self._frozen = SessionTotals(
                rollup=self.rollup,
                num_open=self.num_open,
                traces=frozenset(self.traces),
                more_traces=self.more_traces,
                members=self.members,
                num_roots=self.num_roots,
                root_ns=self.root_ns,
                num_parts=self.num_parts,
                part_ns=self.part_ns,
                user=self.user,
                metadata=self.metadata,
                last_root=self.last_root,
                root_events=self.root_events,
                has_root_feedback=self.has_root_feedback,
                num_unsampled=self.num_unsampled,
                last_began_ns=self.last_began_ns,
                is_budget_exceeded=self.is_budget_exceeded,
            )
        return self._frozen
