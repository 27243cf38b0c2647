"""``Explanation``: why the totals of a set of spans are what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from otel_session_agg._explain.lines import lines_of
from otel_session_agg._explain.rows import SpanExplanation
from otel_session_agg._explain.shown import Line, as_pre, as_rich, as_text
from otel_session_agg._explain.values import as_dict
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._untrusted.formatting import as_repr, counted, dollars

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Explanation"]


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """Why the totals of a set of spans are what they are.

    ``print`` shows it as text, ``rich.print`` in colour, a notebook as HTML.
    """

    spans: tuple[SpanExplanation, ...]
    """All spans, in the order in which their tree is read."""
    rollup: Rollup
    """The totals of all spans."""
    sessions: Mapping[str | None, Rollup]
    """Totals by session id; ``None``: no session is known."""
    num_repeated: int = 0
    """Spans that were given again, and are left out."""
    num_unreadable: int = 0
    """Spans that cannot be read at all."""

    earlier: Rollup | None = None
    """Of a session in memory, the totals of calls that are not remembered here one by one."""
    depth: int | None = None
    """How many levels of spans are shown one by one; ``None``: all."""

    @property
    def cost_usd(self) -> float | None:
        """Known cost, USD; ``None`` when every billable event is unpriced."""
        return self.rollup.cost_usd

    def to_depth(self, depth: int | None) -> Explanation:
        """Return the same, shown to a depth: 1 is what begins; deeper spans are added up."""
        return replace(self, depth=depth)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON; long texts of spans are shortened.

        Names that end in ``_pusd`` are picodollars (1e-12 USD).  They are whole, but of a part of
        a price a fraction is a text: ``1/10``.
        """
        return as_dict(self.spans, self.rollup, self.sessions, self._left_out(), self.earlier)

    def to_json(self, indent: int | None = 2) -> str:
        """Return everything as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def _left_out(self) -> dict[str, int]:
        return {"repeated": self.num_repeated, "unreadable": self.num_unreadable}

    def _lines(self) -> list[Line]:
        left_out = self._left_out()
        return lines_of(
            self.spans, self.rollup, self.sessions, left_out, self.earlier, depth=self.depth
        )

    def __str__(self) -> str:
        return as_text(self._lines())

    def __rich__(self) -> Text:
        """Return what ``rich`` prints."""
        return as_rich(self._lines())

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return as_pre(self._lines())

    def __repr__(self) -> str:
        num_calls = sum(span.counts for span in self.spans)
        return as_repr(
            "Explanation",
            [
                dollars(self.cost_usd),
                counted(len(self.spans), "span"),
                counted(num_calls, "call that counts", "calls that count"),
            ],
        )
