"""Charts of views: each is a row of a table, and answers by itself when it is on the page.

A view puts ``chart("overview", "cost")`` into its layout, and registers the functions behind its
charts once with `register_charts`.  Each function is asked on a worker thread, all charts of a view
at once, and returns a figure in the colours of the light theme: the browser changes them.

What is drawn is never more than a chart shows; the history adds up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dash import MATCH, ClientsideFunction, Input, Output, State, dcc, html

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.parts import aria, panel
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._views import address
from otel_session_agg._views.reads import Reads

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Chart", "Drawing", "Drawn", "chart", "register_charts"]

_LOGGER = logging.getLogger(__name__)
_CONFIG: Any = {
    "displaylogo": False,
    "displayModeBar": False,
    "responsive": True,
    "doubleClick": False,
    "showTips": False,
}
_BY_NAME: dict[str, Chart] = {}


class Drawn(NamedTuple):
    """A figure, or why there is none."""

    figure: Figure | None
    note: str = ""
    """At the right of the title; empty: that of the chart."""
    empty: str = "No sessions here"
    """What stands in the place of a figure that is not there."""


Drawing = Callable[[address.State, Reads, Services], Drawn]
"""Draws a chart for a state."""


class Chart(NamedTuple):
    """A chart of a view."""

    key: str
    title: str
    draw: Drawing
    note: str = ""
    drag: tuple[tuple[str, str], ...] = ()
    """What dragging over it filters by: axis (``x``, ``y``) and column; ``start_time`` changes the
    time that is shown, any other column is a condition."""
    scale: float = 1.0
    """By what a value of the axis is multiplied for the column."""
    opens: bool = False
    """Whether a click on a point opens the session that its ``customdata`` begins with."""
    classes: str = ""
    height: int = 250
    is_kept: bool = True
    """Whether it shows nothing but the address and the history, so that it is drawn once."""


def chart(one: Chart, note: str = "") -> Any:
    """Return the components of a chart, which asks for its figure when it is on the page."""
    given: dict[str, Any] = {
        "key": one.key, "drag": [list(pair) for pair in one.drag], "scale": one.scale,
        "opens": one.opens, "note": note or one.note,
    }  # fmt: skip
    graph = dcc.Graph(
        id={"type": "graph", "chart": one.key},
        figure={"data": [], "layout": {}},
        config=_CONFIG,
        style={"height": f"{one.height}px"},
    )
    body = html.Div(
        [
            dcc.Store(id={"type": "chart", "chart": one.key}, data=given),
            dcc.Store(id={"type": "drawn", "chart": one.key}),
            graph,
            html.P("", id={"type": "said", "chart": one.key}, className="said"),
        ],
        id={"type": "body", "chart": one.key},
        className="chart loading",
        style={"minHeight": f"{one.height}px"},
        role="group",
        **aria(label=one.title),
    )
    shown = html.Span(given["note"], id={"type": "note", "chart": one.key})
    return panel(one.title, shown, body, one.classes)


def register_charts(charts: Mapping[str, Chart] | tuple[Chart, ...]) -> None:
    """Make charts known by their keys, which are those of no other view."""
    for one in charts.values() if isinstance(charts, Mapping) else charts:
        _BY_NAME[one.key] = one


def register(app: Any, services: Services) -> None:
    """Register the callbacks of all charts."""

    @app.callback(
        Output({"type": "drawn", "chart": MATCH}, "data"),
        Input({"type": "chart", "chart": MATCH}, "data"),
        Input("tick", "data"),
        State("state", "data"),
        on_error=_failed,
    )
    @on_thread
    def draw(given: dict[str, Any], _tick: object, state: dict[str, str]) -> dict[str, Any]:
        one = _BY_NAME.get(str(given.get("key")))
        if one is None:
            return {"error": "there is no such chart"}
        return drawn(one, address.parse(state.get("path"), state.get("search")), services)

    app.clientside_callback(
        ClientsideFunction("explorer", "draw"),
        Output({"type": "graph", "chart": MATCH}, "figure"),
        Output({"type": "body", "chart": MATCH}, "className"),
        Output({"type": "said", "chart": MATCH}, "children"),
        Output({"type": "note", "chart": MATCH}, "children"),
        Input({"type": "drawn", "chart": MATCH}, "data"),
        Input("theme", "data"),
        State({"type": "chart", "chart": MATCH}, "data"),
    )


def _failed(error: Exception) -> dict[str, str]:
    """Return what is said in the place of a chart; the other charts are drawn."""
    _LOGGER.error("a chart could not be drawn", exc_info=error)
    return {"error": "this could not be drawn; the log of the server says why"}


def drawn(one: Chart, state: address.State, services: Services) -> dict[str, Any]:
    """Return what the browser draws: a figure, or what is said in its place."""
    try:
        with services.reader() as history:
            if not one.is_kept:
                return _drawn(one, state, history, services)
            return services.answers.get(
                ("chart", one.key, state.of_view),
                history.revision,
                lambda: _drawn(one, state, history, services),
            )
    except SessionAggError as error:
        return {"error": str(error)}


def _drawn(one: Chart, state: address.State, history: Reads, services: Services) -> dict[str, Any]:
    made = one.draw(state, history, services)
    if made.figure is None:
        return {"empty": made.empty}
    plain = made.figure.to_plotly_json()
    plain["layout"].pop("template", None)
    return {"figure": plain, "note": made.note or one.note}
