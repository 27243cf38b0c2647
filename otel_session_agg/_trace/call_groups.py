"""Group the calls of an open trace by what may have to do with each other.

Asking for totals after each call, as budgets and live mode do, must not cost a pass over all calls
each time.  Two calls can only influence each other when one is the nearest above the other, when
they have the same response id, or when they are of different scopes and at the same time
(``resolve``).
So it is enough to decide again about the groups that something new belongs to.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Container, Iterable, Mapping

from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.same_call import SOON_NS
from otel_session_agg._trace.session_key import SessionKey
from otel_session_agg._trace.tree import Tree

_MAX_MOVING = 8
"""Groups that were decided about lately, and are added up anew each time."""


class Group:
    """Calls that are decided about together."""

    __slots__ = ("calls", "end_ns", "merged_into", "rests", "scope", "start_ns")

    def __init__(self, call: Call, *, rests: bool) -> None:
        self.calls = [call]
        self.rests = rests
        """Whether calls of it are in the totals that are remembered."""
        self.start_ns, self.end_ns = call.span_start_ns, call.span_end_ns
        self.scope: str | None = call.scope
        """The scope of all of its calls; ``None``: there are several."""
        self.merged_into: Group | None = None

    def take(self, other: Group) -> None:
        """Take over the calls of another group."""
        self.calls += other.calls
        self.start_ns = min(self.start_ns, other.start_ns)
        self.end_ns = max(self.end_ns, other.end_ns)
        self.scope = self.scope if self.scope == other.scope else None
        self.rests = self.rests or other.rests
        other.merged_into = self


class CallGroups:
    """The groups of a trace's calls; they only grow."""

    def __init__(self) -> None:
        self._of: dict[Call, Group] = {}
        self._by_response: dict[str, Call] = {}
        self._by_end: list[tuple[int, int, Group]] = []
        """Groups by their end; the number makes entries comparable."""
        self._number = 0
        self._scope: str | None = None
        self._is_mixed = False
        """Whether calls are of several scopes."""
        self._slack_ns = 0
        """Time between two reports of one call, where one may end before its call does."""

    def of(self, call: Call) -> Group:
        """Return the group of a call."""
        return self._of[call]

    def add(
        self,
        calls: Collection[Call],
        tree: Tree,
        outer_ids: Container[int],
        *,
        new: Container[Call],
    ) -> None:
        """Put calls in, and unite the groups that they connect; those that are not new rest.

        ``outer_ids``: spans of calls below which a call was known when they ended.
        """
        outer = {call for call in calls if call.span_id in outer_ids}
        known = list(self._of) if outer else []
        for call in calls:
            self._of[call] = Group(call, rests=call not in new)
        for call in calls:
            self._connect(call, tree, known if call in outer else ())

    def _connect(self, call: Call, tree: Tree, known: Iterable[Call]) -> None:
        """Unite the groups that a call connects; ``known``: calls that may be below it."""
        group, above = self._of[call], tree.above(call.parent_id)[0]
        if above is not None:
            group = self._unite(group, self._of[above])
        for other in known:
            if tree.above(other.parent_id)[0] is call:
                group = self._unite(group, self._of[other])
        if call.response_id is not None:
            other = self._by_response.setdefault(call.response_id, call)
            group = self._unite(group, self._of[other])
        if self._scope is None:
            self._scope = call.scope
        self._is_mixed = self._is_mixed or call.scope != self._scope
        if call.reading.ends_early:
            self._slack_ns = SOON_NS
        if self._is_mixed:
            group = self._unite_at_one_time(group)
        self._number += 1
        insort(self._by_end, (group.end_ns, self._number, group))

    def _unite_at_one_time(self, group: Group) -> Group:
        """Unite a group with those of other scopes at the same time, which may make it longer."""
        while True:
            found = self._at_one_time(group)
            if not found:
                return group
            for other in found:
                group = self._unite(group, other)
            self._by_end = [row for row in self._by_end if row[2].merged_into is None]

    def _at_one_time(self, group: Group) -> list[Group]:
        found = []
        for end_ns, _, other in reversed(self._by_end):
            if end_ns < group.start_ns - self._slack_ns:
                break
            if (
                other is not group
                and other.merged_into is None
                and other.start_ns <= group.end_ns + self._slack_ns
                and (group.scope is None or other.scope != group.scope)
            ):
                found.append(other)
        return found

    def _unite(self, group: Group, other: Group) -> Group:
        """Unite two groups into the larger one, and return that."""
        if other is group or other.merged_into is not None:
            return group
        if len(other.calls) > len(group.calls):
            group, other = other, group
        for call in other.calls:
            self._of[call] = group
        group.take(other)
        return group


class LiveTotals:
    """Totals of the calls of an open trace, between two times that they are asked for.

    Calls that were not decided about lately are in ``resting``; the others are in ``moving``.
    """

    __slots__ = ("groups", "moving", "resting", "whole")

    def __init__(self, resting: dict[SessionKey, CallTotals]) -> None:
        self.groups: CallGroups | None = None
        """Made when totals are asked for again."""
        self.resting = resting
        self.moving: dict[Group, None] = {}
        self.whole: Mapping[SessionKey, CallTotals] | None = None
        """The sum of both; ``None``: it may have changed."""

    def touch(self, groups: Iterable[Group]) -> bool:
        """Note groups that are decided about; return whether some of their calls rested."""
        has_rested = False
        moving = {group: None for group in self.moving if group.merged_into is None}
        for group in groups:
            moving.pop(group, None)
            moving[group] = None
            has_rested = has_rested or group.rests
            group.rests = False
        self.moving = moving
        return has_rested

    def moving_calls(self) -> list[Call]:
        """Return the calls that do not rest."""
        return [call for group in self.moving for call in group.calls]

    def come_to_rest(self) -> list[Call]:
        """Return calls that rest from now on: those of the oldest groups, if there are many."""
        if len(self.moving) <= _MAX_MOVING:
            return []
        oldest = list(self.moving)[: -_MAX_MOVING // 2]
        for group in oldest:
            del self.moving[group]
            group.rests = True
        return [call for group in oldest for call in group.calls]
