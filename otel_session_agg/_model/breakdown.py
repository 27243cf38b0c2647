"""Totals by name: what each model, agent or tool came to.

A ``Breakdown`` has at most ``MAX_ROWS`` rows with a name, beside ``other`` for all further names
and ``none`` for what has no name.  Which names have a row does not depend on the order in which
they come: those that sort first.  So two of them can be added in any order and any grouping, and
the rows always add up to the whole.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from operator import add, sub
from typing import Any, NamedTuple

from otel_session_agg._model.merges import Rule
from otel_session_agg._untrusted.formatting import (
    as_html,
    as_repr,
    counted,
    dollars,
    duration,
    short,
)
from otel_session_agg._untrusted.values import PUSD_PER_USD

MAX_ROWS = 16
"""Rows with a name of their own.

Real sessions use a handful of models, agents and tools; names come from users and need a bound.
"""

MAX_NAME_CHARS = 128
"""Characters of a name."""

OTHER = "other"
"""Name of the row for all names beyond ``MAX_ROWS``."""

NONE = "none"
"""Name of the row for what has no name: calls without a model, or below no agent or tool."""

Figures = tuple[int, ...]
"""The fields of a row."""

_ALWAYS = (NONE, OTHER)
_new = tuple.__new__  # ``_make`` costs twice as much


class BreakdownRow(NamedTuple):
    """What one model, agent or tool came to; whole numbers, added up.

    A *call* is a call of a model or an embedding in the rows of models and agents, and a call of a
    tool in those of tools.  The tokens and the cost of a tool are those of the model calls that it
    made, and its own where its span states some.
    """

    num_calls: int = 0
    num_errors: int = 0
    """Number of these calls that failed."""
    prompt_tokens: int = 0
    """Includes cache reads and writes."""
    completion_tokens: int = 0
    """Includes reasoning."""
    total_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost_pusd: int = 0
    """Known cost, picodollars (1e-12 USD)."""
    num_priced: int = 0
    """Number of events whose cost is known."""
    num_unpriced: int = 0
    """Number of billable events whose cost is unknown."""
    duration_ns: int = 0
    """Sum of the durations of the calls, nanoseconds; calls at once count each."""

    @property
    def cost_usd(self) -> float | None:
        """Known cost, USD; ``None`` when every billable event is unpriced."""
        if self.num_unpriced and not self.num_priced:
            return None
        return self.cost_pusd / PUSD_PER_USD

    @property
    def duration_ms(self) -> float:
        """Sum of the durations of the calls, milliseconds."""
        return self.duration_ns / 1e6

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain values for JSON; counts of 0 are left out, but for the calls."""
        counts = {name: getattr(self, name) for name in _PLAIN if getattr(self, name)}
        return {
            "num_calls": self.num_calls,
            "cost_usd": self.cost_usd,
            **counts,
            "duration_ms": self.duration_ms,
        }


_PLAIN = (
    "num_errors", "num_unpriced", "prompt_tokens", "completion_tokens", "total_tokens",
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip
NO_CALLS = BreakdownRow()
"""A row of nothing."""


def in_words(row: BreakdownRow, *, is_with_tokens: bool = False) -> str:
    """Return a row in words: its cost, if it can have one, calls, errors and duration."""
    is_billed = row.num_priced or row.num_unpriced
    facts = (
        dollars(row.cost_usd) if is_billed else "",
        counted(row.num_unpriced, "unpriced call") if row.num_priced and row.num_unpriced else "",
        counted(row.num_calls, "call") if row.num_calls else "",  # an agent may state its sum only
        counted(row.total_tokens, "token") if is_with_tokens and row.total_tokens else "",
        counted(row.num_errors, "error") if row.num_errors else "",
        duration(row.duration_ms) if row.num_calls else "",
    )
    return ", ".join(fact for fact in facts if fact) or counted(row.total_tokens, "token")


def summed(a: Figures, b: Figures) -> Figures:
    """Return the sum of the fields of two rows, each by itself: much faster than in a loop."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11 = a
    b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11 = b
    return (
        a0 + b0, a1 + b1, a2 + b2, a3 + b3, a4 + b4, a5 + b5,
        a6 + b6, a7 + b7, a8 + b8, a9 + b9, a10 + b10, a11 + b11,
    )  # fmt: skip


def added(a: BreakdownRow, b: BreakdownRow) -> BreakdownRow:
    """Return the sum of two rows."""
    return _new(BreakdownRow, summed(a, b))


def _less(a: BreakdownRow, b: BreakdownRow) -> BreakdownRow:
    return _new(BreakdownRow, map(sub, a, b))


class Breakdown(Mapping[str, BreakdownRow]):
    """Rows by name, sorted, with ``none`` and ``other`` last; immutable."""

    __slots__ = ("_rows", "_total")

    def __init__(self, rows: Mapping[str, BreakdownRow] | None = None) -> None:
        """Keep the rows that are not all zeros; of too many, those that sort first by name."""
        found = {name: row for name, row in (rows or {}).items() if any(row)}
        self._rows = _bounded(found)
        self._total: BreakdownRow | None = None  # the sum of all rows, once it was asked for

    @staticmethod
    def _in_order(rows: dict[str, BreakdownRow], total: BreakdownRow | None = None) -> Breakdown:
        """Return what has these rows, which are in order, not too many, and not all zeros.

        ``total``: their sum, where it is known.
        """
        found = Breakdown.__new__(Breakdown)
        found._rows, found._total = rows, total  # noqa: SLF001 -- our own
        return found

    def __getitem__(self, name: str) -> BreakdownRow:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def items(self) -> ItemsView[str, BreakdownRow]:
        """Return names and rows: those of the mapping that is kept, as they are asked for often."""
        return self._rows.items()

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Breakdown) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._rows.items()))

    def __repr__(self) -> str:
        rows = [f"{name} ({words})" for name, words in self._in_words()]
        return as_repr("Breakdown", rows or ["without rows"])

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return as_html("Breakdown", self._in_words())

    def _in_words(self) -> list[tuple[str, str]]:
        return [
            (short(name), in_words(row, is_with_tokens=True)) for name, row in self._rows.items()
        ]

    def __add__(self, other: Breakdown) -> Breakdown:
        if not other._rows:
            return self
        if not self._rows:
            return other
        rows, is_new = self._rows.copy(), False
        for name, row in other._rows.items():
            known = rows.get(name)
            found = rows[name] = row if known is None else added(known, row)
            is_new = is_new or known is None or not any(found)
        if is_new:
            return Breakdown(rows)
        return self._in_order(rows)

    def since(self, before: Breakdown) -> Breakdown:
        """Return what to add to rows that contain ``before`` so that they contain these."""
        if self == before:
            return NO_ROWS
        mine, last = self._rows, _last(self._rows)
        rows = {name: _less(row, before._rows.get(name, NO_CALLS)) for name, row in mine.items()}
        for name, row in before._rows.items():
            if name in mine:
                continue
            # a name that has lost its row is moved to the others when the two are added
            is_moved = last is not None and name > last and name not in _ALWAYS
            at = OTHER if is_moved else name
            rows[at] = _less(rows.get(at, NO_CALLS), row)
        return Breakdown(rows)

    def with_rest_of(self, whole: BreakdownRow, *, calls: bool = True) -> Breakdown:
        """Return the rows and, as ``none``, what they lack of a sum.

        ``calls``: number, errors and duration of calls, too, not only tokens and costs.
        """
        total = self.total
        if total == whole:
            return self
        if calls:
            rest = _less(whole, total)
        else:
            figures = total[2:-1]
            lacking = map(sub, whole[2:-1], figures) if any(figures) else whole[2:-1]
            rest = _new(BreakdownRow, (0, 0, *lacking, 0))
        if not any(rest):
            return self
        if self._rows.keys().isdisjoint(_ALWAYS):
            return self._in_order({**self._rows, NONE: rest})
        return Breakdown({**self._rows, NONE: added(self._rows.get(NONE, NO_CALLS), rest)})

    @property
    def total(self) -> BreakdownRow:
        """The sum of all rows."""
        total = self._total
        if total is None:
            rows = iter(self._rows.values())
            total = next(rows, NO_CALLS)
            for row in rows:
                total = added(total, row)
            self._total = total
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as plain values for JSON, by name."""
        return {name: row.to_dict() for name, row in self._rows.items()}


def breakdown_of(rows: Mapping[str, Figures], total: BreakdownRow | None = None) -> Breakdown:
    """Return the breakdown by the fields of rows; ``total``: their sum, where it is known."""
    found: dict[str, BreakdownRow] = {}
    for name, row in rows.items():
        if row[0] or any(row):
            found[name] = _new(BreakdownRow, row)
    return Breakdown._in_order(_bounded(found), total)  # noqa: SLF001 -- our own


def _last(rows: Mapping[str, BreakdownRow]) -> str | None:
    """Return the name that sorts last, if all rows are taken."""
    named = [name for name in rows if name not in _ALWAYS]
    return named[-1] if len(named) == MAX_ROWS else None


def _bounded(rows: dict[str, BreakdownRow]) -> dict[str, BreakdownRow]:
    """Return the rows in order, those of too many names added to the others."""
    if len(rows) <= 1:
        return rows
    if len(rows) <= MAX_ROWS and rows.keys().isdisjoint(_ALWAYS):  # as nearly always
        names = sorted(rows)
        return rows if names == [*rows] else {name: rows[name] for name in names}
    named = sorted(rows.keys() - _ALWAYS)
    found = {name: rows[name] for name in named[:MAX_ROWS]}
    if NONE in rows:
        found[NONE] = rows[NONE]
    other = rows.get(OTHER, NO_CALLS)
    for name in named[MAX_ROWS:]:
        other = added(other, rows[name])
    if any(other):
        found[OTHER] = other
    return found


def _since(now: Breakdown, before: Breakdown) -> Breakdown:
    return now.since(before)


NO_ROWS = Breakdown()
"""A breakdown of nothing, made once."""
ROWS = Rule("rows", add, _since)
"""Rows are added by name."""
