"""The totals of a session over all of its traces and processes, and how two of them are merged.

``SessionTotals`` is a commutative monoid like ``Rollup``: every process adds up what it has seen,
and a reader adds up the processes.  Each field declares its rule, see `merges`; the totals that
grow and the form in a store derive from this declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from operator import add, or_
from typing import Any, NamedTuple

from otel_session_agg._model.dimensions import (
    Dimension,
    DimensionValue,
    merged_dimensions,
    values_of,
)
from otel_session_agg._model.merges import (
    ANY,
    FIRST,
    LATEST,
    MAX,
    SUM,
    Rule,
    added_by,
    by_slots,
    merged,
    rules_of,
)
from otel_session_agg._model.merges import values_of as fields_of
from otel_session_agg._model.rollup import NOTHING, At, Rollup
from otel_session_agg._model.turns import DEAREST, Turn
from otel_session_agg._untrusted.values import PUSD_PER_USD
from otel_session_agg.attributes import USER_ID

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


def _earliest(a: tuple[Member, ...], b: tuple[Member, ...]) -> tuple[Member, ...]:
    return tuple(sorted({*a, *b})[:MAX_LINKS]) if a and b else a or b


def merged_metadata(a: Mapping[str, Labelled], b: Mapping[str, Labelled]) -> Mapping[str, Labelled]:
    """Merge metadata; of names beyond ``MAX_LABELS`` those that sort first are kept."""
    if not a or not b:
        return b or a
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
    if a is None or b is None:
        return b if a is None else a
    return min(a, b, key=lambda at: (at.span_id != STATED, at))


def _since(now: Any, before: Any) -> Any:
    return now.since(before)


TOTALS = Rule("totals", add, _since)
"""Totals over events are added."""
TRACES = Rule("traces", or_)
"""All of both."""
EARLIEST = Rule("earliest", _earliest)
"""The ``MAX_LINKS`` that sort first of both."""
USER = Rule("user", first_user)
"""The first that the application stated, else the first that a span stated."""
METADATA = Rule("metadata", merged_metadata)
"""By name the value with the later time; the value that sorts last decides a tie."""
DIMENSIONS = Rule("dimensions", merged_dimensions)
"""By name the value with the earlier time, as ``FIRST``."""


@dataclass(frozen=True, slots=True)
class SessionTotals:
    """Totals of a session, or of one process's part of it."""

    rollup: Rollup = merged(TOTALS, NOTHING)
    num_open: int = merged(SUM, 0)
    """Session roots that were open or left too early.

    Plus 1 in a process in which more may have begun.
    """
    traces: frozenset[int] = merged(TRACES, frozenset())
    """Trace ids."""
    more_traces: int = merged(SUM, 0)
    """Traces beyond ``MAX_TRACES``."""
    members: tuple[Member, ...] = merged(EARLIEST, ())
    """Session roots that are exported, the earliest first."""
    num_roots: int = merged(SUM, 0)
    """Roots that begin a trace."""
    num_repeats: int = merged(SUM, 0)
    """Those of traces whose calls all count in other traces: they are no turns."""
    root_ns: int = merged(SUM, 0)
    """Their durations, nanoseconds."""
    num_parts: int = merged(SUM, 0)
    """Roots of traces that began in another process."""
    part_ns: int = merged(SUM, 0)
    """Their durations, nanoseconds."""
    user: At | None = merged(USER)
    """The user of the session."""
    metadata: Mapping[str, Labelled] = merged(METADATA, factory=dict)
    """Metadata of the session by name."""
    dimensions: Mapping[str, Dimension] = merged(DIMENSIONS, factory=dict)
    """What the session is grouped by, by name; ``dimension_values`` is to be read."""
    dearest_turn: Turn | None = merged(DEAREST)
    """Of the turns whose cost is known, that which costs most."""
    first_input: At | None = merged(FIRST)
    """The input of the first span that has one, where outputs are kept."""
    last_began_ns: int = merged(MAX, 0)
    """When the last root or ``session()`` block began: Unix nanoseconds, by its host's clock."""
    is_budget_exceeded: bool = merged(ANY, default=False)
    """Whether a process found that it has exceeded a budget."""
    last_root: LastRoot | None = merged(LATEST)
    """The exported root that ended last."""
    root_events: int = merged(SUM, 0)
    """Events in the totals written on exported roots that begin a trace."""
    has_root_feedback: bool = merged(ANY, default=False)
    """Whether these totals state that there is feedback."""
    num_unsampled: int = merged(SUM, 0)
    """Roots that begin a trace that is not sampled, so not exported and not in members."""

    def __add__(self, other: SessionTotals) -> SessionTotals:
        return SessionTotals(*_added(self, other))

    def since(self, before: SessionTotals) -> SessionTotals:
        """Return what to add to totals that contain ``before`` so that they contain this."""
        return SessionTotals(
            *[
                less(now, then)
                for less, now, then in zip(_LESS, values(self), values(before), strict=True)
            ]
        )

    @property
    def num_traces(self) -> int:
        """Number of traces of the session; a trace over several processes counts once."""
        return len(self.traces) + self.more_traces

    @property
    def num_turns(self) -> int:
        """Number of turns: traces that begin in the session and do not only repeat others."""
        return max(0, self.num_roots - self.num_repeats)

    @property
    def user_id(self) -> str | None:
        """The user of the session; where no span and no block states one, that of a resource."""
        if self.user is not None:
            return self.user.value
        stated = self.dimensions.get(USER_ID)
        return stated.value if stated is not None and isinstance(stated.value, str) else None

    @property
    def dimension_values(self) -> dict[str, DimensionValue]:
        """The values of all dimensions by name; the user is the same as ``user_id``."""
        found = values_of(self.dimensions)
        if self.user is not None and USER_ID in found:
            found[USER_ID] = self.user.value
        return found

    def metadata_as_json(self) -> dict[str, str | bool | int | float | None]:
        """Return the metadata by name; numbers that JSON does not know are ``None``."""
        values = {name: label.value for name, label in self.metadata.items()}
        return {
            name: None if isinstance(value, float) and not isfinite(value) else value
            for name, value in values.items()
        }

    @property
    def average_turn_cost_usd(self) -> float | None:
        """Known cost for each turn, USD; ``None`` when it is not known, or there is no turn."""
        rollup, number = self.rollup, self.num_turns
        if not number or rollup.is_empty or rollup.cost_usd is None:
            return None
        return rollup.cost_pusd / (number * PUSD_PER_USD)  # rounded once

    @property
    def average_turn_tokens(self) -> float | None:
        """Tokens for each turn; ``None`` when no call states them, or there is no turn."""
        tokens, number = self.rollup.total_tokens, self.num_turns
        return tokens / number if number and tokens is not None else None

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


SessionTotals.__init__ = by_slots(SessionTotals)  # type: ignore[method-assign]
RULES = rules_of(SessionTotals)
"""The rules of all fields by name."""

_added = added_by(RULES)
_LESS = tuple(rule.less for rule in RULES.values())
values = fields_of(SessionTotals)
"""Return the values of all fields, of these totals or of those that grow."""
