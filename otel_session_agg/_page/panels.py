"""Charts of views: each is a row of a table, and answers by itself when it is on the page.

A view puts ``chart("overview", "cost")`` into its layout, and registers the functions behind its
charts once with `register_charts`.  Each function is asked on a worker thread, and returns a figure
in the colours of the light theme: the browser changes them.

The script of the page (``assets/charts.js``) asks for each figure by itself, not Dash: charts that
are on the screen come first, Plotly draws each once, and what Dash does for each of its callbacks
is as much work as drawing.

What is drawn is never more than a chart shows; the history adds up.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple

from dash import html
from plotly.io.json import to_json_plotly
from starlette.requests import Request
from starlette.responses import Response

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.parts import aria, data, panel
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._views import address
from otel_session_agg._views.reads import Reads

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["PATH", "Chart", "Drawing", "Drawn", "chart", "figures", "register_charts"]

PATH = "/_chart"
"""Where figures are asked for."""
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
    opens: bool = False
    """Whether a click on a point opens the session that its ``customdata`` begins with."""
    classes: str = ""
    height: int = 250
    is_kept: bool = True
    """Whether it shows nothing but the address and the history, so that it is drawn once."""


def chart(one: Chart, note: str = "") -> Any:
    """Return the components of a chart, which asks for its figure when it is on the page."""
    given = {"key": one.key, "drag": one.drag, "opens": one.opens}
    body = html.Div(
        [
            html.Div(className="plot", style={"height": f"{one.height}px"}),
            html.P(className="said"),
        ],
        id=f"chart-{one.key}",
        className="chart loading" + (" opens" if one.opens else ""),
        style={"minHeight": f"{one.height}px"},
        role="group",
        **data(chart=json.dumps(given), asked=token_hex(8)),
        **aria(label=one.title),
    )
    shown = note or one.note
    return panel(one.title, html.Span(shown, **data(note=shown)), body, one.classes)


def register_charts(charts: Mapping[str, Chart] | tuple[Chart, ...]) -> None:
    """Make charts known by their keys, which are those of no other view."""
    for one in charts.values() if isinstance(charts, Mapping) else charts:
        _BY_NAME[one.key] = one


def figures(services: Services) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers with the figure of a chart, as JSON; nothing is changed by it."""

    @on_thread
    def asked(key: str, path: str, search: str) -> str:
        one = _BY_NAME.get(key)
        if one is None:
            return _written({"error": "there is no such chart"})
        return _written(drawn(one, address.parse(path, search), services))

    async def answer(request: Request) -> Response:
        given = request.query_params
        text = await asked(*(given.get(name, "") for name in ("key", "path", "search")))
        headers = {"Cache-Control": "no-store"}
        return Response(text, headers=headers, media_type="application/json")

    return answer


def _written(answer: dict[str, Any]) -> str:
    return str(to_json_plotly(answer))


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
