"""Show lines of styled text: as plain text, by ``rich``, and as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["BOLD", "DIM", "PLAIN", "WARN", "Line", "as_pre", "as_rich", "as_text"]

PLAIN, DIM, BOLD, WARN = "", "dim", "bold", "yellow"
"""Styles, by the names that ``rich`` has for them."""

Line = Sequence[tuple[str, str]]
"""Pieces of text, each with its style; without ends of lines, and printable."""

_CSS = {DIM: "opacity:.55", BOLD: "font-weight:bold", WARN: "color:#b58900"}


def as_text(lines: Iterable[Line]) -> str:
    """Return lines as plain text."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def as_rich(lines: Iterable[Line]) -> Text:
    """Return lines for ``rich``, which is there when it asks for them."""
    from rich.text import Text  # noqa: PLC0415 -- an extra

    shown = Text(no_wrap=True, overflow="ignore")
    for number, line in enumerate(lines):
        shown.append("\n" if number else "")
        for text, style in line:
            shown.append(text, style)
    return shown


def as_pre(lines: Iterable[Line]) -> str:
    """Return lines as HTML, for notebooks."""
    shown = "\n".join("".join(_piece(*piece) for piece in line).rstrip() for line in lines)
    return f'<pre style="line-height:1.3">{shown}</pre>'


def _piece(text: str, style: str) -> str:
    safe = escape(text).encode("ascii", "xmlcharrefreplace").decode("ascii")
    return f'<span style="{_CSS[style]}">{safe}</span>' if style in _CSS else safe
