"""Breakdowns by the value of dimensions: what a session came to for each user, tenant or version.

A session has one value of a dimension as its own, the first.  Its traces may have others, as in a
chat of several users; here each trace counts for the value that its own root has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import add
from typing import Any

from otel_session_agg._model.breakdown import (
    MAX_NAME_CHARS,
    NO_ROWS,
    NONE,
    Breakdown,
    BreakdownRow,
    in_words,
)
from otel_session_agg._model.merges import Rule
from otel_session_agg._model.row_names import row_name
from otel_session_agg._untrusted.formatting import as_html, as_repr, short


class ByDimension(Mapping[str, Breakdown]):
    """Breakdowns by the name of a dimension; immutable."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[str, Breakdown] | None = None) -> None:
        """Keep the breakdowns that have rows."""
        self._rows = {name: rows[name] for name in sorted(rows) if rows[name]} if rows else {}

    @classmethod
    def of(cls, row: BreakdownRow, values: Mapping[str, object]) -> ByDimension:
        """Return one row for the value of each dimension; ``None``: the root states none."""
        return cls({name: Breakdown({_name(value): row}) for name, value in values.items()})

    def __getitem__(self, name: str) -> Breakdown:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, ByDimension) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._rows.items()))

    def __repr__(self) -> str:
        found = [f"{name}: {rows!r}" for name, rows in self._rows.items()]
        return as_repr("ByDimension", found or ["without rows"])

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return as_html(
            "ByDimension",
            [
                (short(f"{name} {value}"), in_words(row, is_with_tokens=True))
                for name, rows in self._rows.items()
                for value, row in rows.items()
            ],
        )

    def __add__(self, other: ByDimension) -> ByDimension:
        if not other._rows or not self._rows:
            return self if self._rows else other
        names = {**self._rows, **other._rows}
        return ByDimension(
            {name: self.get(name, NO_ROWS) + other.get(name, NO_ROWS) for name in names}
        )

    def since(self, before: ByDimension) -> ByDimension:
        """Return what to add to breakdowns that contain ``before`` so that they contain these."""
        names = {**self._rows, **before._rows}
        return ByDimension(
            {name: self.get(name, NO_ROWS).since(before.get(name, NO_ROWS)) for name in names}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as plain values for JSON, by dimension and value."""
        return {name: rows.to_dict() for name, rows in self._rows.items()}


def _name(value: object) -> str:
    if value is None:
        return NONE
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return row_name(text[:MAX_NAME_CHARS])


def _since(now: ByDimension, before: ByDimension) -> ByDimension:
    return now.since(before)


NO_DIMENSIONS = ByDimension()
"""Breakdowns by nothing, made once."""
DIMENSION_ROWS = Rule("dimension_rows", add, _since)
"""Breakdowns are added by dimension and value."""
