"""The overview: what sessions came to in a time, how that changed, and which stand out."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Input, Output, dcc, html, no_update
from dash import State as Given

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.sources import Selection
from otel_session_agg._page.cards import cards
from otel_session_agg._page.grids import sessions_grid
from otel_session_agg._page.overview_charts import CHARTS
from otel_session_agg._page.panels import chart, register_charts
from otel_session_agg._page.parts import link, message
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import View, grouped
from otel_session_agg._views import address
from otel_session_agg._views.address import ALL, State
from otel_session_agg._views.ranges import has_sessions, shown

__all__ = ["VIEW"]

_AGAIN_MS = 2000
"""How often it is asked whether there is something by now."""


def _layout(state: State, services: Services) -> Any:
    heading = html.H1("Overview", className="hidden")
    missing = _missing(state, services)
    if missing is not None:
        waiting = dcc.Interval(id="overview-waits", interval=_AGAIN_MS)
        return html.Div([heading, missing, waiting if services.is_live else None])
    return html.Div(
        [
            heading,
            html.Div(id="warnings", className="stack"),
            cards(),
            html.Div([chart(one) for one in CHARTS], className="grid"),
            dcc.Store(id="overview-settled"),
            html.Div(
                html.Div(className="panel loading"), id="overview-sessions", className="below"
            ),
        ]
    )


def _missing(state: State, services: Services) -> Any:
    """Return what is said in the place of figures of no session; ``None``: there are some."""
    with services.reader() as history:
        if has_sessions(history, shown(state, history, services.now()).selection):
            return None
        is_empty = not has_sessions(history, Selection())
    if is_empty:
        said = "These traces have no session."
        if services.is_live:
            said = (
                "They are here within seconds. Exporters send OTLP/HTTP to this server when"
                " OTEL_EXPORTER_OTLP_ENDPOINT is the address of the receiver, which the server"
                " has printed when it began."
            )
        return message("No spans have come yet" if services.is_live else "Nothing is here", said)
    ways = [
        link(
            "Show all time",
            State(state.view, state.where, ALL, by=state.by).href(),
            className="step",
        )
    ]
    if state.where is not None:
        times = State(state.view, None, state.since, state.until, state.by)
        ways = [link("Take the filter away", times.href(), className="step"), *ways]
    said = message(
        "No session meets the filter in this time" if state.where else "No session is in this time"
    )
    return html.Div([said, html.Div(ways, className="row-of")], className="stack")


def _register(app: Any, services: Services) -> None:
    register_charts(CHARTS)
    app.clientside_callback(
        ClientsideFunction("explorer", "settled"),
        Output("overview-settled", "data"),
        Input("overview-sessions", "id"),
    )

    @app.callback(
        Output("overview-sessions", "children"),
        Input("overview-settled", "data"),
        Given("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def below(there: str | None, given: dict[str, str]) -> Any:
        """Return the grid when the charts on the screen are drawn: nobody has scrolled to it."""
        if not there:
            return no_update
        state = address.parse(given.get("path"), given.get("search"))
        try:
            return sessions_grid(state, services, height="420px")
        except SessionAggError as error:
            return message("The sessions cannot be shown", str(error), "bad")

    @app.callback(
        Output("view", "children", allow_duplicate=True),
        Input("overview-waits", "n_intervals"),
        Given("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def again(turn: int | None, given: dict[str, str]) -> Any:
        state = address.parse(given.get("path"), given.get("search"))
        try:
            is_there = bool(turn) and _missing(state, services) is None
        except SessionAggError:
            return no_update  # it is asked again
        return _layout(state, services) if is_there else no_update


VIEW = View("overview", "Overview", _layout, _register, groups_by=grouped)
