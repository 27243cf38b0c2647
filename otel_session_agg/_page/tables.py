"""Tables of plain HTML, for rows that are few: every cell is a text or a component.

A table is sent as text, and a script of the page (``assets/tables.js``) builds it.  Its cells would
take seconds as components of Dash: a hundred rows have two thousand, and each is asked after every
change of the page whether it is meant.  Components in cells can be links, ``Div`` and ``Span``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dash import html
from plotly.io.json import to_json_plotly

from otel_session_agg._page.parts import aria, data, link

__all__ = ["Head", "table"]


class Head(NamedTuple):
    """The head of a column."""

    title: str
    is_number: bool = False
    href: str | None = None
    """Where its title leads: to the rows sorted by it."""
    is_sorted: bool = False
    meaning: str = ""


def table(
    heads: Sequence[Head], rows: Sequence[Sequence[Any]], caption: str, foot: Sequence[Any] = ()
) -> Any:
    """Return a table; it scrolls sideways where it does not fit.  ``foot``: cells of a last row."""
    top = html.Thead(html.Tr([_head(head) for head in heads]))
    body = html.Tbody(
        [
            html.Tr([_cell(cell, head) for cell, head in zip(row, heads, strict=True)])
            for row in rows
        ]
    )
    hidden = html.Caption(caption, className="hidden")
    cells = [_cell(cell, head) for cell, head in zip(foot, heads, strict=False)]
    last = [html.Tfoot(html.Tr(cells))] if cells else []
    built = html.Table([hidden, top, body, *last], className="plain")
    return html.Div(
        className="scroll", tabIndex="0", role="region", **aria(label=caption),
        **data(table=str(to_json_plotly(built))),
    )  # fmt: skip


def _head(head: Head) -> Any:
    title: Any = head.title if head.href is None else link(head.title, head.href)
    shown = [title, " ↓"] if head.is_sorted else title
    more = aria(sort="descending") if head.is_sorted else {}
    return html.Th(
        shown, className="num" if head.is_number else "", scope="col",
        title=head.meaning or None, **more,
    )  # fmt: skip


def _cell(cell: Any, head: Head) -> Any:
    return html.Td(cell, className="num" if head.is_number else "")
