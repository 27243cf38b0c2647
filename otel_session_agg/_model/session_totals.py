"""The totals of a whole session, and how those of its traces and processes become one.

``SessionTotals`` is a commutative monoid like ``Rollup``: every process adds up what it has seen, and whoever wants to know
adds up the processes.  Merging is declared per field; besides the ways of ``Rollup`` there are

``set``       all members of both
``max``       the larger one
``any``       true when either is
``earliest``  the ``MAX_LINKS`` members that sort first of both
``labels``    by name the value with the later time; the value that sorts last decides a tie
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from otel_session_agg._model.rollup import At, Rollup

MAX_LINKS = 128
"""Member roots that a session record links to: the default limit of links that SDKs and backends keep on one span."""

MAX_TRACES = 4096
"""Traces of a session that one process tells apart; beyond that it counts the roots that begin one.  Sixteen bytes each in the
store: 90 kB at most, and a chat of this many turns is a machine."""

MAX_LABELS = 64
"""Names of metadata per session: they come from user code and need a bound."""


STATED = 0
"""Span id of a user that ``session()`` states: that counts before what spans say."""


class Member(NamedTuple):
    """A session root that belongs to a session; sorts by time."""

    start_ns: int
    trace_id: int
    span_id: int


class LastRoot(NamedTuple):
    """The session root that ended last; sorts by time."""

    end_ns: int
    trace_id: int
    span_id: int


class Labelled(NamedTuple):
    """A piece of metadata with what decides which of two is the later one."""

    time_ns: int
    value: str | bool | int | float


def _labels(a: Mapping[str, Labelled], b: Mapping[str, Labelled]) -> Mapping[str, Labelled]:
    if not a or not b:
        return a or b
    both = dict(a)
    for name, label in b.items():
        mine = both.get(name)
        both[name] = (
            label
            if mine is None
            else max(mine, label, key=lambda row: (row.time_ns, repr(row.value)))
        )
    return (
        both
        if len(both) <= MAX_LABELS
        else {name: both[name] for name in sorted(both)[:MAX_LABELS]}
    )


def _first(a: At | None, b: At | None) -> At | None:
    return min(
        (at for at in (a, b) if at is not None),
        key=lambda at: (at.span_id != STATED, at),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class SessionTotals:
    """Totals of a session, or of one process' part of it."""

    rollup: Rollup = field(default_factory=Rollup)
    num_open: int = 0
    """Session roots that were open or left too early, and 1 in a process in which more may have begun; summed."""
    traces: frozenset[int] = frozenset()
    """Trace ids; merged as a set."""
    more_traces: int = 0
    """Traces beyond ``MAX_TRACES``; summed."""
    members: tuple[Member, ...] = ()
    """Session roots; the earliest are kept."""
    num_roots: int = 0
    """Roots that begin a trace; summed."""
    root_ns: int = 0
    """Their durations, nanoseconds; summed."""
    num_parts: int = 0
    """Roots of traces that began in another process; summed."""
    part_ns: int = 0
    """Their durations, nanoseconds; summed."""
    user: At | None = None
    """Who uses it: the first that the application stated, else the first that a span named."""
    metadata: Mapping[str, Labelled] = field(default_factory=dict)
    """What the application says of the session; by name the latest."""
    last_began_ns: int = 0
    """When the last of its roots and blocks began, nanoseconds since the Unix epoch, by the clock of its host; the largest."""
    is_budget_exceeded: bool = False
    """Some process found that it has used more than a budget; any."""
    last_root: LastRoot | None = None
    """Of the roots that are exported, the one that ended last; the largest."""
    root_events: int = 0
    """Events in the totals that stand on the exported roots that begin a trace; summed."""
    has_root_feedback: bool = False
    """Such totals say that there is feedback; any."""
    num_unsampled: int = 0
    """Roots that begin a trace and are not exported, because it is not sampled; summed.  They are no members."""

    def __add__(self, other: SessionTotals) -> SessionTotals:
        return SessionTotals(
            rollup=self.rollup + other.rollup,
            num_open=self.num_open + other.num_open,
            traces=self.traces | other.traces,
            more_traces=self.more_traces + other.more_traces,
            members=tuple(sorted({*self.members, *other.members})[:MAX_LINKS]),
            num_roots=self.num_roots + other.num_roots,
            root_ns=self.root_ns + other.root_ns,
            num_parts=self.num_parts + other.num_parts,
            part_ns=self.part_ns + other.part_ns,
            user=_first(self.user, other.user),
            metadata=_labels(self.metadata, other.metadata),
            last_root=max(
                (root for root in (self.last_root, other.last_root) if root is not None),
                default=None,
            ),
            root_events=self.root_events + other.root_events,
            has_root_feedback=self.has_root_feedback or other.has_root_feedback,
            num_unsampled=self.num_unsampled + other.num_unsampled,
            last_began_ns=max(self.last_began_ns, other.last_began_ns),
            is_budget_exceeded=self.is_budget_exceeded or other.is_budget_exceeded,
        )

    @property
    def num_traces(self) -> int:
        """Traces of the session; a trace over several processes counts once."""
        return len(self.traces) + self.more_traces

    @property
    def are_on_root(self) -> bool:
        """Whether the root of the only trace has these totals, so that nothing else needs to tell of them."""
        is_all = self.root_events == self.rollup.num_events and (
            self.has_root_feedback or not self.rollup.has_feedback
        )
        return self.num_traces <= 1 and self.num_roots <= 1 and is_all

    @property
    def average_trace_ms(self) -> float | None:
        """Average duration of its traces, milliseconds: of roots that begin one, else of the parts that were seen."""
        number, total_ns = (
            (self.num_roots, self.root_ns) if self.num_roots else (self.num_parts, self.part_ns)
        )
        return total_ns / number / 1e6 if number else None


def of_root(
    member: Member,
    end_ns: int,
    *,
    is_part: bool,
    known: AbstractSet[int] = frozenset(),
    is_sampled: bool = True,
) -> SessionTotals:
    """What a session root adds to the session beside its rollup; ``known`` are the traces that its process knows already."""
    duration_ns = max(0, end_ns - member.start_ns)
    is_new = member.trace_id not in known
    fits = len(known) < MAX_TRACES
    return SessionTotals(
        traces=frozenset((member.trace_id,)) if is_new and fits else frozenset(),
        more_traces=1 if is_new and not fits and not is_part else 0,
        members=(member,) if is_sampled else (),
        num_roots=0 if is_part else 1,
        root_ns=0 if is_part else duration_ns,
        num_parts=1 if is_part else 0,
        part_ns=duration_ns if is_part else 0,
        num_unsampled=0 if is_part or is_sampled else 1,
    )


class GrowingTotals:
    """The same totals while they grow: adding a root costs the same however many there are."""

    __slots__ = (
        "_frozen", "_links", "_members", "has_root_feedback", "is_budget_exceeded", "last_began_ns", "last_root", "metadata",
        "more_traces", "num_open", "num_parts", "num_roots", "num_unsampled", "part_ns", "rollup", "root_events", "root_ns",
        "traces", "user",
    )  # fmt: skip

    def __init__(self, totals: SessionTotals | None = None) -> None:
        totals = totals or SessionTotals()
        self.rollup = totals.rollup
        self.num_open = totals.num_open
        self.traces = dict.fromkeys(sorted(totals.traces))
        """Trace ids, in the order they came."""
        self.more_traces = totals.more_traces
        self._links = list(totals.members)
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
        """Totals over more events."""
        self.rollup += rollup
        self._frozen = None

    def add_root(
        self, member: Member, end_ns: int, *, is_part: bool, is_sampled: bool = True
    ) -> None:
        """A session root has left; as ``of_root`` has it."""
        if member.trace_id not in self.traces:
            if len(self.traces) < MAX_TRACES:
                self.traces[member.trace_id] = None
            elif not is_part:
                self.more_traces += 1
        at = bisect_left(self._links, member)
        if is_sampled and at < MAX_LINKS and self._links[at : at + 1] != [member]:
            self._links.insert(at, member)
            del self._links[MAX_LINKS:]
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
        """A root that has left is exported."""
        if self.last_root is None or self.last_root < root:
            self.last_root = root
            self._frozen = None

    def stands_on_root(self, num_events: int, *, has_feedback: bool) -> bool:
        """So many more events are in the totals on an exported root that begins a trace; returns whether that is new."""
        is_new = num_events != 0 or has_feedback > self.has_root_feedback
        if is_new:
            self.root_events += num_events
            self.has_root_feedback = self.has_root_feedback or has_feedback
            self._frozen = None
        return is_new

    def add_labels(self, labels: SessionTotals) -> bool:
        """The user and metadata; returns whether anything of it is new."""
        user, metadata = _first(self.user, labels.user), _labels(self.metadata, labels.metadata)
        if user == self.user and metadata == self.metadata:
            return False
        self.user, self.metadata, self._frozen = user, metadata, None
        return True

    def began(self, start_ns: int) -> None:
        """A root or a block began."""
        if start_ns > self.last_began_ns:
            self.last_began_ns = start_ns
            self._frozen = None

    def exceeded(self) -> None:
        """It has used more than a budget."""
        self.is_budget_exceeded = True
        self._frozen = None

    def set_open(self, num_open: int) -> None:
        """How many roots are open by now."""
        if self.num_open != num_open:
            self.num_open = num_open
            self._frozen = None

    @property
    def members(self) -> tuple[Member, ...]:
        """Session roots, the earliest; the same tuple as long as they are the same."""
        if self._members is None:
            self._members = tuple(self._links)
        return self._members

    @property
    def totals(self) -> SessionTotals:
        """As a value."""
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
