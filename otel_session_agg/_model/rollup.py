"""Totals over a set of events, and how two of them are merged.

A ``Rollup`` is a commutative monoid: ``a + b`` does not depend on the order or the grouping of what
is added, and ``Rollup()`` changes nothing.  So parts of a session can be folded in any process and
in any order.  Each field declares its rule, see `merges`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from otel_session_agg._model.detailed import Detailed
from otel_session_agg._model.details import DETAILS, NO_DETAILS, Details
from otel_session_agg._model.details_text import detail_rows, time_split
from otel_session_agg._model.merges import (
    ANY,
    FIRST,
    LATEST,
    MAX,
    MAYBE,
    MIN,
    SUM,
    UNION,
    Rule,
    added_by,
    by_slots,
    merged,
    rules_of,
    values_of,
)
from otel_session_agg._untrusted.formatting import (
    as_html,
    as_repr,
    counted,
    dollars,
    short,
)
from otel_session_agg._untrusted.values import PUSD_PER_USD


class At(NamedTuple):
    """A value with its time; the span id decides between equal times."""

    time_ns: int
    span_id: int
    value: str


@dataclass(frozen=True, slots=True, repr=False)
class Rollup(Detailed):
    """Totals over a set of events (of one session root, or of a whole session)."""

    num_events: int = merged(SUM, 0)
    num_model_events: int = merged(SUM, 0)
    num_tool_events: int = merged(SUM, 0)
    num_errors: int = merged(SUM, 0)
    num_unpriced_events: int = merged(SUM, 0)
    """Number of billable events whose cost is unknown."""
    num_computed: int = merged(SUM, 0)
    """Number of events whose cost came from a price table."""
    num_recorded: int = merged(SUM, 0)
    """Number of events whose cost was recorded by their emitter."""
    cost_pusd: int = merged(SUM, 0)
    """Known cost, picodollars (1e-12 USD)."""
    num_winners: int = merged(SUM, 0)
    """Number of events whose usage is in the totals."""
    prompt_tokens: int | None = merged(MAYBE)
    """Includes cache reads and writes; ``None`` when no event states it."""
    completion_tokens: int | None = merged(MAYBE)
    """Includes reasoning; ``None`` when no event states it."""
    total_tokens: int | None = merged(MAYBE)
    cache_read_tokens: int = merged(SUM, 0)
    cache_write_tokens: int = merged(SUM, 0)
    reasoning_tokens: int = merged(SUM, 0)
    has_feedback: bool = merged(ANY, default=False)
    start_ns: int | None = merged(MIN)
    """Nanoseconds since the Unix epoch."""
    end_ns: int | None = merged(MAX)
    """Nanoseconds since the Unix epoch."""
    models: frozenset[str] = merged(UNION, frozenset())
    output: At | None = merged(LATEST)
    error: At | None = merged(LATEST)
    session: At | None = merged(FIRST)
    details: Details = merged(DETAILS, NO_DETAILS)
    """What the totals are made of, and where the time went; empty when ``breakdown`` is off."""

    def __add__(self, other: Rollup) -> Rollup:
        if self is NOTHING:  # as the first of a session is added to
            return other
        return Rollup(*_added(self, other))

    def plus_counts(self, other: Rollup) -> Rollup:
        """Return the sum, but with the details of this one only."""
        return Rollup(*_added_counts(self, other))

    def with_details(self, details: Details) -> Rollup:
        """Return the same with other details."""
        return Rollup(*(*values(self)[:-1], details))

    @property
    def cost_usd(self) -> float | None:
        """Known cost, USD; ``None`` when every billable event is unpriced."""
        if self.num_unpriced_events and not self.num_computed and not self.num_recorded:
            return None
        return self.cost_pusd / PUSD_PER_USD

    @property
    def is_empty(self) -> bool:
        """Whether nothing was counted: a cost of 0 has no meaning then."""
        return not (
            self.num_events or self.num_model_events or self.num_winners or self.num_recorded
        )

    @property
    def cost_source(self) -> str | None:
        """``computed``, ``recorded``, ``mixed``, or ``None`` when no cost is known."""
        if self.num_computed and self.num_recorded:
            return "mixed"
        if self.num_computed:
            return "computed"
        return "recorded" if self.num_recorded else None

    @property
    def duration_ms(self) -> float | None:
        """Latest end minus earliest start, milliseconds."""
        return duration_ms(self.start_ns, self.end_ns)

    def to_dict(self) -> dict[str, Any]:
        """Return the totals as plain values for JSON; units are in the names, unknown is ``None``.

        ``cost_usd`` is the known cost, ``num_unpriced_events`` the number of events that it lacks.
        ``prompt_tokens`` includes cache reads and writes, ``completion_tokens`` reasoning.
        ``start_time_unix_ns`` and ``end_time_unix_ns`` are whole nanoseconds since the Unix epoch.
        ``models`` is sorted.  ``output`` and ``error`` are the last ones, ``session_id`` the first.
        ``by_model``, ``by_agent`` and ``by_tool`` are the rows by name.
        """
        return {
            "cost_usd": self.cost_usd,
            "cost_source": self.cost_source,
            **{name: getattr(self, name) for name in _PLAIN},
            "start_time_unix_ns": self.start_ns,
            "end_time_unix_ns": self.end_ns,
            "duration_ms": self.duration_ms,
            **self.details_to_dict(),
            "models": sorted(self.models),
            "output": _value(self.output),
            "error": _value(self.error),
            "session_id": _value(self.session),
        }

    def __repr__(self) -> str:
        return as_repr("Rollup", facts_of(self))

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return as_html("Rollup", rows_of(self))

    def since(self, before: Rollup) -> Rollup:
        """Return what to add to totals that contain ``before`` so that they contain this."""
        return Rollup(
            *[
                less(now, then)
                for less, now, then in zip(_LESS, values(self), values(before), strict=True)
            ]
        )


def duration_ms(start_ns: int | None, end_ns: int | None) -> float | None:
    """Return the milliseconds between two times; ``None`` if one is not known."""
    return None if start_ns is None or end_ns is None else (end_ns - start_ns) / 1e6


def facts_of(rollup: Rollup) -> list[str]:
    """Return the totals in words for one line, the cost first."""
    rows = (row for row in _rows(rollup) if row[0] != "output")  # no output: lines go to logs
    return [
        value if name in _NAMELESS else f"{name} {short(value, _MAX_WORDS)}" for name, value in rows
    ]


def rows_of(rollup: Rollup) -> list[tuple[str, str]]:
    """Return the totals, and what they are made of, as names and values for a table."""
    return [*_rows(rollup), *detail_rows(rollup)]


def _rows(rollup: Rollup) -> list[tuple[str, str]]:
    """Return the totals as names and values for people; of zeros only tokens and events."""
    parts = [f"{getattr(rollup, name)} {word}" for name, word in _PARTS if getattr(rollup, name)]
    is_known = rollup.total_tokens is not None or not rollup.num_model_events
    tokens = counted(rollup.total_tokens or 0, "token") if is_known else "unknown tokens"
    lasted_ms = rollup.duration_ms
    counts = ((name, word, getattr(rollup, field)) for name, field, word in _COUNTED)
    rows = [
        (
            "cost",
            dollars(rollup.cost_usd) + (f" ({rollup.cost_source})" if rollup.cost_source else ""),
        ),
        ("tokens", tokens + (f" ({', '.join(parts)})" if parts else "")),
        *(
            (name, counted(number, word))
            for name, word, number in counts
            if number or name == "events"
        ),
        ("duration", None if lasted_ms is None else time_split(lasted_ms, rollup)),
        ("feedback", "feedback" if rollup.has_feedback else None),
        ("models", ", ".join(sorted(rollup.models)) or None),
        ("output", _value(rollup.output)),
        ("error", _value(rollup.error)),
        ("session", _value(rollup.session)),
    ]
    return [(name, short(value)) for name, value in rows if value is not None]


def _value(at: At | None) -> str | None:
    return at.value if at is not None else None


Rollup.__init__ = by_slots(Rollup)  # type: ignore[method-assign]
RULES = rules_of(Rollup)
_added = added_by(RULES)
_added_counts = added_by({**RULES, "details": Rule("kept", lambda mine, _: mine)})
_LESS = tuple(rule.less for rule in RULES.values())
values = values_of(Rollup)
_MAX_WORDS = 80
"""Characters of names and errors in a line."""
_PLAIN = tuple(
    name
    for name, rule in RULES.items()
    if rule in {SUM, MAYBE, ANY}
    and name not in {"num_computed", "num_recorded", "cost_pusd", "num_winners"}
)
"""Fields that ``to_dict`` takes as they are: all counts but those behind the cost."""
_PARTS = (
    ("prompt_tokens", "prompt"),
    ("completion_tokens", "completion"),
    ("cache_read_tokens", "cache read"),
    ("cache_write_tokens", "cache write"),
    ("reasoning_tokens", "reasoning"),
)
_COUNTED = (
    ("events", "num_events", "event"),
    ("model calls", "num_model_events", "model call"),
    ("tool calls", "num_tool_events", "tool call"),
    ("errors", "num_errors", "error"),
    ("unpriced", "num_unpriced_events", "unpriced call"),
)
_NAMELESS = frozenset(
    {"cost", "tokens", "duration", "feedback"}.union(name for name, _, _ in _COUNTED)
)
"""Rows whose value needs no name in front."""
NOTHING = Rollup()
"""Totals over no events, made once."""
