"""Buttons that change the address of a view, without leaving where one has scrolled to."""

from __future__ import annotations

from typing import Any

from dash import ALL, ClientsideFunction, Input, Output, html

from otel_session_agg._page.parts import aria
from otel_session_agg._views.address import State

__all__ = ["go_button", "register", "tabs", "whole_number"]

_MAX_DIGITS = 8


def go_button(key: str, shown: Any, state: State, classes: str = "", **more: Any) -> Any:
    """Return a button that makes a state of the same view the address; ``key``: its own."""
    return html.Button(
        shown,
        id={"type": "go", "key": key, "to": state.search() or "?"},
        className=f"go {classes}".strip(),
        type="button",
        **more,
    )


def tabs(key: str, names: dict[str, str], active: str, state: State, label: str) -> Any:
    """Return buttons of which one is pressed: values of ``key`` in the address, with titles."""
    buttons = [
        go_button(
            f"{key}-{name}",
            title,
            state.with_more(**{key: name}),
            "tab active" if name == active else "tab",
            **aria(pressed=str(name == active).lower()),
        )
        for name, title in names.items()
    ]
    return html.Div(buttons, className="tabs", role="group", **aria(label=label))


def whole_number(given: str | None, default: int) -> int:
    """Return a number of an address that counts something; ``default``: it is none."""
    text = given or ""
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if is_number else default


def register(app: Any) -> None:
    """Register what such a button does."""
    app.clientside_callback(
        ClientsideFunction("views", "go"),
        Output("address", "search", allow_duplicate=True),
        Input({"type": "go", "key": ALL, "to": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
