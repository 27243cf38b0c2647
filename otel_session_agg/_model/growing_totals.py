"""The totals of a session while it runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import attrgetter

from otel_session_agg._model.detail_sums import sum_of_details
from otel_session_agg._model.details import NO_DETAILS, Details
from otel_session_agg._model.dimensions import (
    Dimension,
    DimensionValue,
    dimension_of,
    is_same,
    merged_dimensions,
)
from otel_session_agg._model.rollup import NOTHING, At, Rollup
from otel_session_agg._model.session_totals import (
    MAX_LINKS,
    MAX_TRACES,
    RULES,
    STATED,
    Labelled,
    LastRoot,
    Member,
    SessionTotals,
    first_user,
    merged_metadata,
    values,
)
from otel_session_agg._model.turns import Turn, dearest
from otel_session_agg.attributes import USER_ID

_KEPT = tuple(name for name in RULES if name not in {"members", "rollup", "traces"})
"""Fields that are kept as they are in a value."""

_MAX_DETAILS = 4
"""Details of roots that wait to be added up at once, about 2 kB each.

They are added when there are so many, or when somebody asks.
"""

_FEW_TRACES = 8
"""Traces up to which their ids are in a tuple: most sessions have no more, and a dict of one id
takes 224 bytes."""

_NO_TOTALS = SessionTotals()
_kept_of = attrgetter(*_KEPT)


class GrowingTotals:
    """The totals of a session that grow: adding a root costs the same however many there are.

    Not thread-safe.  ``totals`` is the value of the moment, made once per change.
    """

    __slots__ = ("_details", "_frozen", "_rollup", "members", "trace_ids", *_KEPT)

    # the types of those that change here
    num_open: int
    more_traces: int
    num_roots: int
    num_repeats: int
    root_ns: int
    num_parts: int
    part_ns: int
    user: At | None
    metadata: Mapping[str, Labelled]
    dimensions: Mapping[str, Dimension]
    dearest_turn: Turn | None
    first_input: At | None
    last_began_ns: int
    is_budget_exceeded: bool
    last_root: LastRoot | None
    root_events: int
    has_root_feedback: bool
    num_unsampled: int

    def __init__(self, totals: SessionTotals | None = None) -> None:
        totals = totals or _NO_TOTALS
        for name, value in zip(_KEPT, _kept_of(totals), strict=True):
            setattr(self, name, value)
        self.trace_ids = _as_kept(sorted(totals.traces))
        """Trace ids, in the order of arrival."""
        self._rollup = totals.rollup
        self._details: list[Details] | None = None
        """Details that are not in the rollup yet."""
        self.members = totals.members
        """The earliest session roots; the same tuple while they are the same."""
        self._frozen: SessionTotals | None = None

    def add_rollup(self, rollup: Rollup) -> None:
        """Add totals over more events."""
        if self._rollup is NOTHING:
            self._rollup = rollup
        else:
            self._rollup = self._rollup.plus_counts(rollup)
            if rollup.details is not NO_DETAILS:
                waiting = self._details
                if waiting is None:
                    waiting = self._details = []
                waiting.append(rollup.details)
                if len(waiting) >= _MAX_DETAILS:
                    self._add_details(waiting)
        self._frozen = None

    @property
    def rollup(self) -> Rollup:
        """The totals over events."""
        if self._details is not None:
            self._add_details(self._details)
        return self._rollup

    def _add_details(self, waiting: list[Details]) -> None:
        details = sum_of_details([self._rollup.details, *waiting])
        self._rollup, self._details = self._rollup.with_details(details), None

    def add_root(
        self, member: Member, end_ns: int, *, is_part: bool, is_sampled: bool = True
    ) -> None:
        """Add a session root that has left, apart from its rollup."""
        if member.trace_id not in self.trace_ids:
            if len(self.trace_ids) < MAX_TRACES:
                self._add_trace(member.trace_id)
            elif not is_part:
                self.more_traces += 1
        members = self.members
        at = bisect_left(members, member)
        if is_sampled and at < MAX_LINKS and members[at : at + 1] != (member,):
            self.members = (*members[:at], member, *members[at : MAX_LINKS - 1])
        duration_ns = max(0, end_ns - member.start_ns)
        if is_part:
            self.num_parts += 1
            self.part_ns += duration_ns
        else:
            self.num_roots += 1
            self.root_ns += duration_ns
            self.num_unsampled += not is_sampled
        self._frozen = None

    def _add_trace(self, trace_id: int) -> None:
        known = self.trace_ids
        if isinstance(known, tuple):
            self.trace_ids = _as_kept((*known, trace_id))
        else:
            known[trace_id] = None

    def add_repeats(self, number: int) -> None:
        """Add roots of traces whose calls all count in other traces."""
        self.num_repeats += number
        self._frozen = None

    def add_turn(self, turn: Turn) -> bool:
        """Note what a turn has used by now; return whether that changes anything."""
        found = dearest(self.dearest_turn, turn)
        if found == self.dearest_turn:
            return False
        self.dearest_turn, self._frozen = found, None
        return True

    def is_first_input(self, time_ns: int, span_id: int) -> bool:
        """Return whether an input is earlier than that which is known."""
        known = self.first_input
        return known is None or (time_ns, span_id) < (known.time_ns, known.span_id)

    def add_first_input(self, first_input: At) -> None:
        """Set the first input of the session."""
        self.first_input, self._frozen = first_input, None

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

    def add_labels(self, labels: SessionTotals, *, has_user: bool = False) -> bool:
        """Add user, metadata and dimensions; return whether anything of it is new.

        ``has_user``: whether the user is a dimension, too.
        """
        if self._knows(labels, has_user=has_user):
            return False
        user, metadata, dimensions = (
            first_user(self.user, labels.user),
            merged_metadata(self.metadata, labels.metadata),
            merged_dimensions(self.dimensions, labels.dimensions),
        )
        one = dimension_of(labels.user) if has_user and labels.user is not None else None
        if one is not None:
            dimensions = merged_dimensions(dimensions, {USER_ID: one})
        if user == self.user and metadata == self.metadata and dimensions is self.dimensions:
            return False
        self.user, self.metadata, self._frozen = user, metadata, None
        self.dimensions = dimensions
        return True

    def _knows(self, labels: SessionTotals, *, has_user: bool) -> bool:
        """Return whether labels only repeat the user, as those of most traces do."""
        return (
            not labels.metadata
            and not labels.dimensions
            and labels.user is not None
            and self.knows_user(labels.user, has_user=has_user)
        )

    def knows_user(self, user: At, *, has_user: bool) -> bool:
        """Return whether a user changes nothing, as spans stated one earlier: so in most traces.

        ``has_user``: whether the user is a dimension, too.
        """
        known, dimension = self.user, self.dimensions.get(USER_ID)
        return (
            known is not None
            and STATED not in (user.span_id, known.span_id)
            and known.time_ns < user.time_ns
            and (not has_user or (dimension is not None and dimension.time_ns < user.time_ns))
        )

    def add_dimensions(
        self, values: Mapping[str, DimensionValue], time_ns: int, span_id: int
    ) -> int:
        """Add what one root states; return how many of its dimensions have another value here."""
        known, num_others, is_new = self.dimensions, 0, False
        for name, value in values.items():
            before = known.get(name)
            if before is None:
                is_new = True
                continue
            is_new = is_new or time_ns <= before.time_ns
            # values of one resource are the same objects
            if value is not before.value and not is_same(value, before.value):
                num_others += 1
        if is_new:
            new = {name: Dimension(time_ns, span_id, value) for name, value in values.items()}
            self.dimensions, self._frozen = merged_dimensions(known, new), None
        return num_others

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
    def traces(self) -> frozenset[int]:
        """The trace ids as a value."""
        return frozenset(self.trace_ids)

    @property
    def totals(self) -> SessionTotals:
        """The totals as a value."""
        if self._frozen is None:
            self._frozen = SessionTotals(*values(self))
        return self._frozen


def _as_kept(trace_ids: Sequence[int]) -> dict[int, None] | tuple[int, ...]:
    """Return trace ids, in their order, as what takes least memory and is looked through fast."""
    return tuple(trace_ids) if len(trace_ids) <= _FEW_TRACES else dict.fromkeys(trace_ids)
