"""Columns of an explanation: widths of texts, amounts that are aligned, lines that are broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple
from unicodedata import east_asian_width

from otel_session_agg._explain.counted import SpanKey
from otel_session_agg._explain.notes import usd_text
from otel_session_agg._explain.rows import SpanExplanation
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._untrusted.values import PUSD_PER_USD

__all__ = ["MAX_CHARS", "MAX_NOTES", "WIDTH", "Columns", "columns_of", "padded", "wrapped"]

WIDTH = 100

MAX_NOTES = 20
"""Rows of each kind of note that are shown."""

MAX_CHARS = 300
"""Characters of a text that may take several lines."""

_FEWEST, _MOST = 6, 12
"""Decimals of costs."""


class Columns(NamedTuple):
    """What the lines of one explanation have in common."""

    rows: Mapping[SpanKey, SpanExplanation]
    decimals: int
    cost: int
    """Columns of a cost."""

    def usd(self, pusd: int | Fraction) -> str:
        """Return an amount, aligned to the right."""
        return f"{usd_text(pusd, self.decimals):>{self.cost}}"

    def number(self, key: SpanKey | None) -> str | None:
        """Return the number of a span, if it is among those explained."""
        row = self.rows.get(key) if key is not None else None
        return None if row is None else str(row.number)


def columns_of(rows: Sequence[SpanExplanation], rollup: Rollup) -> Columns:
    """Return the columns that show every cost exactly."""
    costs = [row.verdict.cost_pusd or 0 for row in rows if row.verdict is not None]
    decimals = _FEWEST
    while decimals < _MOST and any(
        cost % (PUSD_PER_USD // 10**decimals) for cost in (*costs, rollup.cost_pusd)
    ):
        decimals += 1
    by_key = {(row.span.trace_id, row.span.span_id): row for row in rows}
    return Columns(by_key, decimals, len(usd_text(rollup.cost_pusd, decimals)) + 2)


def _cells(char: str) -> int:
    return 2 if east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Return a text of exactly so many columns."""
    if text.isascii() and len(text) <= width:
        return text.ljust(width)
    columns = sum(map(_cells, text[: width + 1]))
    if columns <= width:
        return text + " " * (width - columns)
    kept, room = "", width - 1
    for char in text[:width]:
        room -= _cells(char)
        if room < 0:
            break
        kept += char
    return padded(f"{kept}…", width)


def wrapped(texts: Sequence[str], width: int, max_chars: int = MAX_CHARS) -> list[str]:
    """Return texts, joined, as lines of at most so many columns."""
    text = "; ".join(text for text in texts if text)
    if len(text) > max_chars:
        text = f"{text[: max_chars - 1]}…"
    lines: list[str] = []
    line, columns = "", 0
    for word in text.split(" "):
        for piece in _pieces(word, width):
            size = sum(map(_cells, piece))
            if line and columns + 1 + size > width:
                lines.append(line)
                line, columns = piece, size
            else:
                line, columns = (f"{line} {piece}", columns + 1 + size) if line else (piece, size)
    return [*lines, line] if line else lines


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield a word in pieces that fit into a line."""
    size = max(1, width // 2 if not word.isascii() else width)
    yield from (word[at : at + size] for at in range(0, len(word), size))
