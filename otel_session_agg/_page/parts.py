"""Components that views share: all foreign text in them is text, never markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html

from otel_session_agg._untrusted.formatting import printable

__all__ = [
    "TONES",
    "aria",
    "chip",
    "data",
    "link",
    "message",
    "page_title",
    "panel",
    "percent",
    "scrolled",
    "share_bar",
    "text",
]

TONES = ("good", "bad", "warn", "plain")
"""The classes of a chip."""


def aria(**values: str) -> dict[str, Any]:
    """Return ``aria-`` attributes by the rest of their names."""
    return {f"aria-{name}": value for name, value in values.items()}


def data(**values: str) -> dict[str, Any]:
    """Return ``data-`` attributes by the rest of their names."""
    return {f"data-{name}": value for name, value in values.items()}


def text(value: str) -> str:
    """Return foreign text as a page shows it: without control characters and turned directions."""
    return printable(value)


def chip(shown: str, tone: str = "plain", title: str = "") -> Any:
    """Return a few words with a colour."""
    return html.Span(shown, className=f"chip {tone}", title=title)


def share_bar(shown: str, share: float | None, tone: str, title: str = "") -> Any:
    """Return a share in words with a bar below them; ``None``: it is not known.

    ``tone``: one of `TONES`; ``shown``: says all that the bar says.
    """
    length = percent(100 * min(max(share or 0.0, 0.0), 1.0))
    filled = html.Span(style={"width": length}, className="filled")
    bar = html.Span(filled, className="share-track", **aria(hidden="true"))
    return html.Div([html.Span(shown), bar], className=f"share {tone}", title=title)


def link(shown: Any, href: str, **more: Any) -> Any:
    """Return a link to another view; the page is not loaded again."""
    return dcc.Link(shown, href=href, **more)


def message(head: str, said: str = "", tone: str = "plain") -> Any:
    """Return a notice in the place of a view or a panel: nothing there, or an error."""
    return html.Div(
        [html.Strong(head), html.P(said) if said else None],
        className=f"message {tone}",
        role="alert" if tone == "bad" else "status",
    )


def page_title(title: str, beside: Sequence[Any] = ()) -> Any:
    """Return the heading of a view."""
    return html.Div([html.H1(title), *beside], className="title-row")


def scrolled(label: str, body: Any, classes: str = "scroll") -> Any:
    """Return what may be wider or higher than its place; the keyboard can scroll it, too."""
    return html.Div(body, className=classes, tabIndex="0", role="region", **aria(label=label))


def percent(value: float) -> str:
    """Return a length of a style, in percent of what is around it."""
    return f"{round(value, 2)}%"


def panel(title: str, note: Any, body: Any, classes: str = "", **more: Any) -> Any:
    """Return a card with a title and a note at its right."""
    head = html.Div([html.H2(title), html.Span(note, className="note")], className="panel-head")
    return html.Section([head, body], className=f"panel {classes}".strip(), **more)
