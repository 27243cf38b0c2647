"""The view that compares two segments, versions or periods."""

from __future__ import annotations

from collections.abc import Callable
from math import log10
from typing import Any

from dash import Input, Output, html
from dash import State as Given

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page import fields
from otel_session_agg._page.asking import overlays_at, sides_at, values_at
from otel_session_agg._page.compare_parts import differences_table, drivers_table
from otel_session_agg._page.going import go_button, tabs
from otel_session_agg._page.panels import Chart, Drawing, Drawn, chart, register_charts
from otel_session_agg._page.parts import chip, message, page_title, panel, text
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv, View
from otel_session_agg._views import address
from otel_session_agg._views.address import State
from otel_session_agg._views.compare import compare
from otel_session_agg._views.drivers import drivers
from otel_session_agg._views.measures import PARTS
from otel_session_agg._views.names import names_of
from otel_session_agg._views.overlay import Overlay
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.sides import DEFAULT_KEY, MODES, Sides
from otel_session_agg.analysis._figures import figure
from otel_session_agg.analysis._numbers import money_ticks, time_ticks
from otel_session_agg.analysis._style import color, label

__all__ = ["VIEW"]

_COLORS = ("series-1", "series-2")
_MIN_DECADES = 1.5
"""With more of them, the axis names only these."""
_AXES: dict[str, dict[str, Any]] = {
    "cost": money_ticks(), "duration": time_ticks(), "tokens": {"tickformat": "~s"},
}  # fmt: skip


def _layout(state: State, services: Services) -> Any:
    mode = state.more.get("mode", "period")
    plain = state.with_more(a=None, b=None, key=None)
    head = page_title("Compare", [tabs("mode", dict(MODES), mode, plain, "What is compared")])
    with services.reader() as history:
        controls = _controls(state, history, services, mode)
        try:
            sides = sides_at(state, history, services)
        except SessionAggError as error:
            return html.Div([head, controls, message("Nothing to compare yet", str(error))])
    kind = state.more.get("kind", "model")
    waiting = html.Div(className="chart loading", style={"minHeight": "260px"})
    kinds = tabs("kind", {one: one for one in PARTS}, kind, state, "By what costs are split")
    driven = html.Div(waiting, id="compare-drivers")
    return html.Div(
        [
            head,
            controls,
            _said_of(sides, mode),
            _legend(sides),
            panel("Figures", "differences are of the second from the first",
                  html.Div(waiting, id="compare-table")),
            html.Div([chart(one) for one in CHARTS], className="grid three"),
            panel("What drives the difference in the cost of a session", kinds, driven),
        ]
    )  # fmt: skip


def _legend(sides: Sides) -> Any:
    return html.Div(
        [
            html.Span([html.Span(className=f"swatch {name}"), text(shown_)], className="legend")
            for name, shown_ in zip(("first", "second"), (sides.name_a, sides.name_b), strict=True)
        ],
        className="row-of",
    )


def _said_of(sides: Sides, mode: str) -> Any:
    """Return what is said of periods: which they are, and when one is no measure for the other."""
    if sides.begins is not None:
        said = (
            f"The history begins on {sides.begins:%d %b %Y, %H:%M} UTC, and has too little of the"
            " time before: the later half of what is shown is compared with the earlier half."
        )
        return html.P(said, className="dead")
    if mode != "period":
        return None
    if not sides.lacks:
        said = "The time that is shown is compared with the one before it, as long as that."
        return html.P(said, className="dead")
    said = (
        f" The history has only a part of {', and of '.join(sides.lacks)}, so that numbers and sums"
        " cannot be compared."
    )
    return html.P([chip("a part only", "warn"), said], className="dead small")


def _controls(state: State, history: Reads, services: Services, mode: str) -> Any:
    if mode == "segment":
        key = state.more.get("key", DEFAULT_KEY)
        groups = [name for name in names_of(history).groups if name not in PARTS]
        values = values_at(state, history, services, key)
        first, second = [*values[:2], "", ""][:2]
        a, b = state.more.get("a", first), state.more.get("b", second)
        swapped = state.with_more(a=b, b=a)
        given = [
            fields.choice("key", "Segments by", groups, key, DEFAULT_KEY),
            fields.choice("a", "First", values, a, first),
            fields.choice("b", "Second", values, b, second),
            go_button("swap", "⇄ swap", swapped, "step low"),
        ]
    elif mode == "filter":
        a, b = state.more.get("a", ""), state.more.get("b", "")
        given = [
            fields.written("a", "First", a, "all sessions; or: user = ada"),
            fields.written("b", "Second", b, "all sessions; or: metadata.plan = pro"),
            go_button("swap", "⇄ swap", state.with_more(a=b, b=a), "step low"),
        ]
    else:
        return None
    return html.Div(given, className="fields")


# -- distributions ---------------------------------------------------------------------------------


def _overlaid(name: str) -> Drawing:
    def draw(state: State, history: Reads, services: Services) -> Drawn:
        sides = sides_at(state, history, services)
        found = overlays_at(state, history, services)[name]
        if found is None:
            return Drawn(None, empty=f"No {name} is known")
        return Drawn(_figure(found, sides, name), "share, log scale")

    return draw


def _figure(found: Overlay, sides: Sides, name: str) -> Any:
    lows = found.bounds[:-1]
    widths = [high - low for low, high in zip(lows, found.bounds[1:], strict=True)]
    traces = [
        {
            "type": "bar", "name": label(shown_), "x": lows, "y": spread.shares, "width": widths,
            "offset": 0,
            "marker": {"color": color(key)}, "opacity": 0.55, "customdata": spread.counts,
            "hovertemplate": "%{y:.1%} of sessions (%{customdata:,})",
        }
        for spread, shown_, key in zip(
            (found.a, found.b), (sides.name_a, sides.name_b), _COLORS, strict=True
        )
    ]  # fmt: skip
    marks = [
        {
            "type": "line", "x0": spread.median, "x1": spread.median, "y0": 0, "y1": 1,
            "yref": "paper", "line": {"color": color(key), "width": 2, "dash": "dot"},
        }
        for spread, key in zip((found.a, found.b), _COLORS, strict=True)
        if spread.median is not None
    ]  # fmt: skip
    decades = log10(found.bounds[-1] / found.bounds[0])
    ticks = {"dtick": 1} if decades > _MIN_DECADES else {}
    return figure(
        traces,
        barmode="overlay",
        bargap=0,
        hovermode="x unified",
        shapes=marks,
        showlegend=False,
        xaxis={"type": "log", **ticks, **_AXES[name]},
        yaxis={"tickformat": ".0%", "rangemode": "tozero"},
    )


CHARTS = tuple(
    Chart(f"compare-{name}", f"{title} of a session", _overlaid(name), "dotted: medians")
    for name, title in (("cost", "Cost"), ("tokens", "Tokens"), ("duration", "Duration"))
)


# -- callbacks -------------------------------------------------------------------------------------


def _answered(
    given: dict[str, str], services: Services, ask: Callable[[State, Reads, Sides], Any]
) -> Any:
    """Return components that are made of both sides, or why there are none."""
    state = address.parse(given.get("path"), given.get("search"))
    try:
        with services.reader() as history:
            return ask(state, history, sides_at(state, history, services))
    except SessionAggError as error:
        return message("This cannot be compared", str(error), "bad")


def _table(_state: State, history: Reads, sides: Sides) -> Any:
    found = compare(history, sides.both, is_whole=not sides.lacks)
    shown_ = [differences_table(found, sides)]
    if found.is_cost_partial:
        said = (
            " Some calls have no known cost: costs are those of the others, and sessions without"
            " any known cost are in no average."
        )
        shown_.append(html.P([chip("unknown costs", "warn"), said], className="dead small"))
    return shown_


def _drivers(state: State, history: Reads, sides: Sides) -> Any:
    kind = state.more.get("kind", "model")
    return drivers_table(drivers(history, sides.both, kind), sides)


def _register(app: Any, services: Services) -> None:
    fields.register(app)
    register_charts(CHARTS)

    @app.callback(
        Output("compare-table", "children"), Input("compare-table", "id"), Given("state", "data")
    )
    @on_thread
    def table(_there: str, given: dict[str, str]) -> Any:
        return _answered(given, services, _table)

    @app.callback(
        Output("compare-drivers", "children"),
        Input("compare-drivers", "id"),
        Given("state", "data"),
    )
    @on_thread
    def driven(_there: str, given: dict[str, str]) -> Any:
        return _answered(given, services, _drivers)

    del table, driven


def _csv(state: State, history: Reads, services: Services) -> Csv:
    """Return all figures of both sides."""
    sides = sides_at(state, history, services)
    columns = ("figure", "unit", "first", "second", "difference", "low", "high", "method")
    rows = [
        (
            one.title, one.unit, one.a, one.b, one.difference,
            None if one.interval is None else one.interval.low,
            None if one.interval is None else one.interval.high,
            one.note,
        )
        for one in compare(history, sides.both, is_whole=not sides.lacks).differences
    ]  # fmt: skip
    return Csv(columns, rows)


VIEW = View("compare", "Compare", _layout, _register, csv=_csv)
