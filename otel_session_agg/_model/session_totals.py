"""The totals of a session over all of its traces and processes, and how two of them are merged.

``SessionTotals`` is a commutative monoid like ``Rollup``: every process adds up what it has seen,
and a reader adds up the processes.  Fields are added, except

``traces``          all of both
``members``         the ``MAX_LINKS`` that sort first of both
``user``            the first that the application stated, else the first that a span stated
``metadata``        by name the value with the later time; the value that sorts last decides a tie
``last_root``       the later one; so is ``last_began_ns``
``has_...``, ``is_...``  true when either is
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from otel_session_agg._model.rollup import At, Rollup

MAX_LINKS = 128
"""Roots that a session record links to.

The default limit of links that SDKs and backends keep on one span.
"""

MAX_TRACES = 4096
"""Traces of a session that one process keeps apart; beyond that it counts the roots that begin one.

Sixteen bytes each in the store: 90 kB at most, and a chat of this many turns is a machine.
"""

MAX_LABELS = 64
"""Names of metadata per session: they come from user code and need a bound."""

STATED = 0
"""Span id of a user that ``session()`` states, which beats those that spans state."""


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
    """A metadata value with its time; of two the later one counts."""

    time_ns: int
    value: str | bool | int | float


def merged_metadata(a: Mapping[str, Labelled], b: Mapping[str, Labelled]) -> Mapping[str, Labelled]:
    """Merge metadata; of names beyond ``MAX_LABELS`` those that sort first are kept."""
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


def first_user(a: At | None, b: At | None) -> At | None:
    """Return the user who counts: one that the application stated, else the earliest."""
    return min(
        (at for at in (a, b) if at is not None),
        key=lambda at: (at.span_id != STATED, at),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class SessionTotals:
    """Totals of a session, or of one process's part of it."""

    rollup: Rollup = field(default_factory=Rollup)
    num_open: int = 0
    """Session roots that were open or left too early; summed.

    Plus 1 in a process in which more may have begun.
    """
    traces: frozenset[int] = frozenset()
    """Trace ids."""
    more_traces: int = 0
    """Traces beyond ``MAX_TRACES``; summed."""
    members: tuple[Member, ...] = ()
    """Session roots that are exported, the earliest first."""
    num_roots: int = 0
    """Roots that begin a trace; summed."""
    root_ns: int = 0
    """Their durations, nanoseconds; summed."""
    num_parts: int = 0
    """Roots of traces that began in another process; summed."""
    part_ns: int = 0
    """Their durations, nanoseconds; summed."""
    user: At | None = None
    """The user of the session."""
    metadata: Mapping[str, Labelled] = field(default_factory=dict)
    """Metadata of the session by name."""
    last_began_ns: int = 0
    """When the last root or ``session()`` block began: Unix nanoseconds, by its host's clock."""
    is_budget_exceeded: bool = False
    """Whether a process found that it has exceeded a budget."""
    last_root: LastRoot | None = None
    """The exported root that ended last."""
    root_events: int = 0
    """Events in the totals written on exported roots that begin a trace; summed."""
    has_root_feedback: bool = False
    """Whether these totals state that there is feedback."""
    num_unsampled: int = 0
    """Roots that begin a trace that is not sampled, so not exported; summed, not in members."""

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
            user=first_user(self.user, other.user),
            metadata=merged_metadata(self.metadata, other.metadata),
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
        """Number of traces of the session; a trace over several processes counts once."""
        return len(self.traces) + self.more_traces

    @property
    def are_on_root(self) -> bool:
        """Whether the only trace's root has these totals, so that no record span is needed."""
        is_all = self.root_events == self.rollup.num_events and (
            self.has_root_feedback or not self.rollup.has_feedback
        )
        return self.num_traces <= 1 and self.num_roots <= 1 and is_all

    @property
    def average_trace_ms(self) -> float | None:
        """Average duration of its traces, milliseconds.

        Of roots that begin a trace, else of the parts that were seen.
        """
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
    """Return what a session root adds to the session beside its rollup.

    ``known``: the traces that its process knows already.
    """
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
