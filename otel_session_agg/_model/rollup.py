"""The totals over a set of events, and how two of them become one.

A ``Rollup`` is a commutative monoid: ``a + b`` does not depend on the order or the grouping of what is added, and
``Rollup()`` changes nothing.  That is what lets parts of a session be folded in any process and in any order.  Each field
declares how it is merged, from a closed set:

``sum``      whole numbers are added; money is whole picodollars, so no float is ever added
``maybe``    sum of what is stated; ``None`` (not stated) changes nothing
``min``      the smaller, ``None`` changes nothing
``max``      the larger, ``None`` changes nothing
``any``      true when either is
``union``    the ``MAX_MODELS`` names that sort first of both
``latest``   the value with the later time; the larger span id, then the larger value, decides a tie
``first``    the value with the earlier time; the smaller span id, then the smaller value, decides a tie
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import add, attrgetter, or_
from typing import Any, NamedTuple

from otel_session_agg._formatting import as_html, as_repr, counted, dollars, duration, short
from otel_session_agg._values import PUSD_PER_USD

MAX_MODELS = 32
"""Models named on a root: real sessions use a handful; the names come from user input and need a bound."""


class At(NamedTuple):
    """A value with what decides which of two is the later one."""

    time_ns: int
    span_id: int
    value: str


def _maybe(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _min(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _max(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def _union(a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    both = a | b
    return both if len(both) <= MAX_MODELS else frozenset(sorted(both)[:MAX_MODELS])


_MERGES: dict[str, Callable[[Any, Any], Any]] = {
    "sum": add,
    "maybe": _maybe,
    "min": _min,
    "max": _max,
    "any": or_,
    "union": _union,
    "latest": _max,
    "first": _min,
}


def _merged(how: str, default: object) -> Any:
    return field(default=default, metadata={"merge": how})


@dataclass(frozen=True, slots=True, repr=False)
class Rollup:
    """Totals over a set of events (of one session root, or of a whole session)."""

    num_events: int = _merged("sum", 0)
    num_model_events: int = _merged("sum", 0)
    num_tool_events: int = _merged("sum", 0)
    num_errors: int = _merged("sum", 0)
    num_unpriced_events: int = _merged("sum", 0)
    """Billable events whose cost is unknown."""
    num_computed: int = _merged("sum", 0)
    """Events whose cost came from a price table."""
    num_recorded: int = _merged("sum", 0)
    """Events whose cost was recorded by their emitter."""
    cost_pusd: int = _merged("sum", 0)
    """Known cost, picodollars (1e-12 USD)."""
    num_winners: int = _merged("sum", 0)
    """Events whose usage is in the totals."""
    prompt_tokens: int | None = _merged("maybe", None)
    """Includes cache reads and writes; ``None`` when no event states it."""
    completion_tokens: int | None = _merged("maybe", None)
    """Includes reasoning; ``None`` when no event states it."""
    total_tokens: int | None = _merged("maybe", None)
    cache_read_tokens: int = _merged("sum", 0)
    cache_write_tokens: int = _merged("sum", 0)
    reasoning_tokens: int = _merged("sum", 0)
    has_feedback: bool = _merged("any", default=False)
    start_ns: int | None = _merged("min", None)
    """Nanoseconds since the Unix epoch."""
    end_ns: int | None = _merged("max", None)
    """Nanoseconds since the Unix epoch."""
    models: frozenset[str] = _merged("union", frozenset())
    output: At | None = _merged("latest", None)  # noqa: RUF009 -- a field
    error: At | None = _merged("latest", None)  # noqa: RUF009 -- a field
    session: At | None = _merged("first", None)  # noqa: RUF009 -- a field

    def __add__(self, other: Rollup) -> Rollup:
        return Rollup(
            *[
                merge(mine, its)
                for merge, mine, its in zip(_MERGERS, _values(self), _values(other), strict=True)
            ]
        )

    @property
    def cost_usd(self) -> float | None:
        """Known cost, USD; ``None`` when every billable event is unpriced."""
        if self.num_unpriced_events and not self.num_computed and not self.num_recorded:
            return None
        return self.cost_pusd / PUSD_PER_USD

    @property
    def is_empty(self) -> bool:
        """Nothing has happened that it tells of: a cost of 0 says nothing then."""
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
        if self.start_ns is None or self.end_ns is None:
            return None
        return (self.end_ns - self.start_ns) / 1e6

    def to_dict(self) -> dict[str, Any]:
        """The totals as plain values that JSON can take; units stand in the names, and what is not known is ``None``.

        ``cost_usd`` is the known cost, ``num_unpriced_events`` says how many events it lacks.  ``prompt_tokens`` includes cache
        reads and writes, ``completion_tokens`` reasoning.  ``start_time_unix_ns`` and ``end_time_unix_ns`` are whole nanoseconds
        since the Unix epoch.  ``models`` is sorted.  ``output`` and ``error`` are the last ones, ``session_id`` the first.
        """
        return {
            "cost_usd": self.cost_usd,
            "cost_source": self.cost_source,
            **{name: getattr(self, name) for name in _PLAIN},
            "start_time_unix_ns": self.start_ns,
            "end_time_unix_ns": self.end_ns,
            "duration_ms": self.duration_ms,
            "models": sorted(self.models),
            "output": _said(self.output),
            "error": _said(self.error),
            "session_id": _said(self.session),
        }

    def __repr__(self) -> str:
        return as_repr("Rollup", facts_of(self))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html("Rollup", rows_of(self))

    def since(self, before: Rollup) -> Rollup:
        """What has to be added to totals that have got ``before`` so that they have got this instead."""
        return Rollup(
            *[
                _less(how, now, then)
                for how, now, then in zip(_HOW, _values(self), _values(before), strict=True)
            ]
        )


def facts_of(rollup: Rollup) -> list[str]:
    """Totals in words for one line, the cost first."""
    rows = (row for row in rows_of(rollup) if row[0] != "output")  # lines go to logs
    return [
        value if name in _SPEAKS else f"{name} {short(value, _MAX_WORDS)}" for name, value in rows
    ]


def rows_of(rollup: Rollup) -> list[tuple[str, str]]:
    """Totals as names and values for people; what is 0 is left out, but for tokens and events."""
    parts = [f"{getattr(rollup, name)} {word}" for name, word in _PARTS if getattr(rollup, name)]
    is_known = rollup.total_tokens is not None or not rollup.num_model_events
    tokens = counted(rollup.total_tokens or 0, "token") if is_known else "unknown tokens"
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
        ("duration", duration(rollup.duration_ms) if rollup.duration_ms is not None else None),
        ("feedback", "feedback" if rollup.has_feedback else None),
        ("models", ", ".join(sorted(rollup.models)) or None),
        ("output", _said(rollup.output)),
        ("error", _said(rollup.error)),
        ("session", _said(rollup.session)),
    ]
    return [(name, short(value)) for name, value in rows if value is not None]


def _said(at: At | None) -> str | None:
    return at.value if at is not None else None


def _less(how: str, now: Any, before: Any) -> Any:
    """The difference of what is added up; of anything else what it is now, which changes nothing when it was so before."""
    if how == "sum" or (how == "maybe" and before is not None):
        return (now or 0) - before
    return now


_HOW = tuple(f.metadata["merge"] for f in fields(Rollup))
_MERGERS = tuple(_MERGES[how] for how in _HOW)
_values = attrgetter(*(f.name for f in fields(Rollup)))  # all of them in one step
_MAX_WORDS = 80
"""Characters of names and errors in a line."""
_PLAIN = (
    "num_events", "num_model_events", "num_tool_events", "num_errors", "num_unpriced_events", "prompt_tokens", "completion_tokens",
    "total_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "has_feedback",
)  # fmt: skip
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
_SPEAKS = frozenset(
    {"cost", "tokens", "duration", "feedback"}.union(name for name, _, _ in _COUNTED)
)
"""Values that say themselves what they are."""
NOTHING = Rollup()
"""Totals over no events, made once."""
