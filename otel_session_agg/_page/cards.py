"""Cards: the figures at the head of a view, asked for when they are on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dash import Input, Output, State, html

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.asking import before_of, figures_at
from otel_session_agg._page.parts import aria, chip, link, message
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._views import address
from otel_session_agg._views.figures import Figures
from otel_session_agg._views.overview import Card, cards_of
from otel_session_agg.analysis._numbers import many

__all__ = ["card", "cards", "register"]

_NUM_CARDS = 6


def cards() -> Any:
    """Return the place of the cards."""
    waiting = [html.Div(className="card loading") for _ in range(_NUM_CARDS)]
    return html.Div(waiting, id="cards", className="cards")


def card(one: Card) -> Any:
    """Return one figure."""
    chips = []
    if one.change is not None:
        chips.append(chip(one.change.text, one.change.tone, one.change.before))
    if one.warning:
        chips.append(chip(one.warning, "warn", "Their cost is unknown, and in no sum"))
    return html.Div(
        [
            html.Div(one.label, className="label"),
            html.Div(one.value, className="value", title=one.exact or None),
            html.Div(chips, className="chips") if chips else None,
            html.Div(one.about, className="about"),
        ],
        className="card",
        role="group",
        **aria(label=one.label),
    )


def register(app: Any, services: Services) -> None:
    """Register what fills them."""

    @app.callback(
        Output("cards", "children"),
        Output("warnings", "children"),
        Input("cards", "id"),
        Input("tick", "data"),
        State("state", "data"),
    )
    @on_thread
    def fill(_there: str, _tick: object, given: dict[str, str]) -> tuple[Sequence[Any], Any]:
        state = address.parse(given.get("path"), given.get("search"))
        try:
            with services.reader() as history:
                now = figures_at(state, history, services)
                before = before_of(state, history, services)
        except SessionAggError as error:
            return [message("The figures cannot be read", str(error), "bad")], None
        notes = [_unpriced(now, state), _unchanged(state, before)]
        return [card(one) for one in cards_of(now, before)], [one for one in notes if one]


def _unpriced(now: Figures, state: address.State) -> Any:
    """Return what no sum has, and where it is; ``None``: sums have all."""
    if not now.unpriced:
        return None
    condition = "unpriced > 0"
    where = condition if state.where is None else f"({state.where}) and {condition}"
    sessions = many(now.sessions_unpriced, "session")
    found = replace(state.going_to("sessions"), where=where)
    return html.Div(
        [
            html.Strong(f"The cost of {many(now.unpriced, 'call')} is unknown"),
            " and in none of the sums here: see the ",
            link("models", state.going_to("models").href()),
            " and the ",
            link(sessions, found.href()),
            ". Prices of your own are given with ",
            html.Code("--prices", className="one-line"),
            ".",
        ],
        className="message warn",
        role="status",
    )


def _unchanged(state: address.State, before: Figures | None) -> Any:
    """Return why figures have no changes, and what to do about it."""
    if before is not None or state.since == address.ALL:
        return None
    return html.P(
        [
            "The history has too little of the time before to say how these figures changed: ",
            link("compare the halves of this time", state.going_to("compare").href()),
            ", or choose a shorter one.",
        ],
        className="dead small changes",
    )
