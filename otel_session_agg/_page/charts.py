"""The view in which charts are made, saved on boards, and looked at together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output, dcc, html, no_update
from dash import State as Given

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page import fields
from otel_session_agg._page.chart_boards import (
    asked_at,
    board_csv,
    board_grid,
    boards_of,
    drawing,
    register_boards,
)
from otel_session_agg._page.chart_figures import note_of, table_of
from otel_session_agg._page.panels import Chart, Drawn, chart, register_charts
from otel_session_agg._page.parts import aria, link, message, page_title, panel
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv, View
from otel_session_agg._views import address
from otel_session_agg._views.address import State, Times
from otel_session_agg._views.boards import DEFAULT_BOARD, MAX_NAME_CHARS, SavedChart
from otel_session_agg._views.chart_address import (
    BUCKETS,
    KINDS,
    NO_GROUP,
    chart_of,
    groups_of,
    metrics_of,
)
from otel_session_agg._views.chart_csv import rows_of
from otel_session_agg._views.charts import Chart as Wanted
from otel_session_agg._views.charts import title_of
from otel_session_agg._views.measures import AGGREGATIONS, SCOPES
from otel_session_agg._views.names import names_of
from otel_session_agg._views.ranges import shown
from otel_session_agg._views.reads import Reads

__all__ = ["VIEW"]

_KEY = "made"
_LIMIT: Any = {"input": {"maxLength": MAX_NAME_CHARS}}
_STAYS: Any = {"persistence": True, "persistence_type": "session"}
"""Of a field: what was typed is in it until it is cleared, however often the view is shown."""
_STARTS: tuple[dict[str, str], ...] = (
    {"scope": "calls", "agg": "p95", "metric": "duration", "group": "model"},
    {"agg": "average", "group": "user"},
    {"agg": "average", "metric": "traces"},
    {"agg": "average", "metric": "tokens"},
    {"agg": "p95", "metric": "duration"},
    {"scope": "events", "agg": "count", "metric": "failed", "group": "name", "filter": "failed"},
)
"""Charts to begin with, as addresses have them."""
_FILTERS = {"calls": "model = gpt-4o and cost > 0.01", "events": "failed and kind = 'tool'"}
"""Conditions to see how they are written, where it is not as on sessions and traces."""
_TOPS = ("3", "5", "8", "10", "20", "50")


def _draw(state: State, history: Reads, services: Services) -> Drawn:
    return drawing(state, history, services)


_MADE = Chart(_KEY, "Chart", _draw, height=380, drag=(("x", "start_time"),))


def _layout(state: State, services: Services) -> Any:
    boards = boards_of(services)
    board = state.more.get("board")
    names = boards.names()
    tabs = [_tab("Make a chart", state.going_to("charts"), is_active=board is None)]
    tabs += [
        _tab(one, state.going_to("charts", board=one), is_active=one == board) for one in names
    ]
    head = page_title("Charts", [html.Div(tabs, className="tabs", role="group")])
    png = dcc.Store(id="chart-png")
    if board is not None:
        return html.Div([head, board_grid(boards.charts(board), board, state), png])
    with services.reader() as history:
        wanted = chart_of(state, shown(state, history, services.now()).times)
        groups = groups_of(wanted.scope, names_of(history))
    controls = _controls(state, wanted, groups)
    said = html.P("", id="chart-said", role="status")
    waiting = html.Div(className="chart loading", style={"minHeight": "120px"})
    return html.Div(
        [
            head,
            _starts(state),
            html.Div(controls, className="panel"),
            chart(_MADE._replace(title=_title(wanted))),
            html.Div(_saving(wanted, names, said), className="panel"),
            panel("Groups", "over all of the time", html.Div(waiting, id="chart-table")),
            png,
        ]
    )


def _starts(state: State) -> Any:
    """Return links to charts that many ask for; each can be changed like any other."""
    found: list[Any] = [html.Span("Begin with")]
    for one in _STARTS:
        there = state.going_to("charts", **one)
        title = _title(chart_of(there, Times(None, None)))
        found.append(link(title, there.href(), className="step"))
    return html.Div(found, className="row-of", role="group", **aria(label="Charts to begin with"))


def _tab(name: str, state: State, *, is_active: bool) -> Any:
    return link(name, state.href(), className=f"tab{' active' if is_active else ''}")


def _title(wanted: Wanted) -> str:
    metric = metrics_of(wanted.scope, wanted.group_by)[wanted.metric]
    return title_of(wanted, metric)


def _controls(state: State, wanted: Wanted, groups: Sequence[str]) -> Any:
    more, scope = state.more, wanted.scope
    metrics = {name: one.title for name, one in metrics_of(scope, wanted.group_by).items()}
    default = "cost" if "cost" in metrics else next(iter(metrics))
    scopes = {name: one.title for name, one in SCOPES.items()}
    aggregations = {name: one.title for name, one in AGGREGATIONS.items()}
    bucket, kind = more.get("bucket", "auto"), more.get("kind", "auto")
    return html.Div(
        [
            fields.choice("scope", "Of", scopes, scope, "sessions"),
            fields.choice("agg", "Aggregation", aggregations, wanted.aggregation, "sum"),
            fields.choice("metric", "Metric", metrics, wanted.metric, default),
            fields.choice("group", "By", groups, wanted.group_by or NO_GROUP, NO_GROUP),
            fields.choice("top", "Top", _TOPS, more.get("top", "5"), "5"),
            fields.choice("bucket", "Each", BUCKETS, bucket, "auto"),
            fields.choice("kind", "As", KINDS, kind, "auto"),
            fields.written(
                "filter", f"Only {SCOPES[scope].title} with", more.get("filter", ""),
                _FILTERS.get(scope, "errors > 0"),
            ),
        ],
        className="fields",
    )  # fmt: skip


def _first(boards: Sequence[str]) -> str:
    """Return the board that is meant when none is named."""
    return boards[0] if boards else DEFAULT_BOARD


def _saving(wanted: Wanted, boards: list[str], said: Any) -> Any:
    return html.Div(
        [
            dmc.TextInput(
                id="chart-name", label="Name", size="xs", className="field wider", value="",
                placeholder=_title(wanted), attributes=_LIMIT, **_STAYS,
            ),
            dmc.Autocomplete(
                id="chart-board", label="Board", size="xs", className="field", value="",
                placeholder=_first(boards), data=boards or [DEFAULT_BOARD], attributes=_LIMIT,
                **_STAYS,
            ),
            html.Button("Save on the board", id="chart-save", className="button", type="button"),
            html.Button(
                "PNG", id={"type": "png", "chart": _KEY}, className="button", type="button",
                **aria(label="Save the chart as a PNG"),
            ),
            said,
        ],
        className="fields",
    )  # fmt: skip


# -- callbacks -------------------------------------------------------------------------------------


def _state(given: dict[str, str]) -> State:
    return address.parse(given.get("path"), given.get("search"))


def _table(state: State, services: Services) -> Any:
    try:
        with services.reader() as history:
            data = asked_at(state, history, services)
    except SessionAggError as error:
        return message("This cannot be shown", str(error), "bad")
    said = note_of(data, of_time=False)
    return [table_of(data), html.P(said, className="dead small") if said else None]


def _saved(state: State, name: str, board: str, services: Services) -> Any:
    """Save what an address shows; return what is said."""
    search = replace(state, since=None, until=None, theme=None).search().removeprefix("?")
    title = _title(chart_of(state, Times(None, None)))
    boards = boards_of(services)
    try:
        given = SavedChart(board or _first(boards.names()), name or title, search)
        kept, is_replaced = boards.save(given)
    except SessionAggError as error:
        return html.Span(str(error), className="bad-text")
    what = "Saved in place of the chart of that name: " if is_replaced else "Saved: "
    return [what, link(f"open {kept.board}", state.going_to("charts", board=kept.board).href())]


def _register(app: Any, services: Services) -> None:
    register_charts((_MADE,))
    register_boards(app, services)

    @app.callback(
        Output("chart-table", "children"), Input("chart-table", "id"), Given("state", "data")
    )
    @on_thread
    def table(_there: str, given: dict[str, str]) -> Any:
        return _table(_state(given), services)

    @app.callback(
        Output("chart-said", "children"),
        Input("chart-save", "n_clicks"),
        Given("chart-name", "value"),
        Given("chart-board", "value"),
        Given("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def save(clicks: int | None, name: str, board: str, given: dict[str, str]) -> Any:
        return _saved(_state(given), name, board, services) if clicks else no_update

    app.clientside_callback(
        ClientsideFunction("views", "png"),
        Output("chart-png", "data"),
        Input({"type": "png", "chart": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    del table, save


def _csv(state: State, history: Reads, services: Services) -> Csv:
    """Return the figures of the chart, or of those on the board."""
    board = state.more.get("board")
    if board is not None:
        return board_csv(board, state, history, services)
    columns, rows = rows_of(asked_at(state, history, services))
    return Csv(columns, rows)


VIEW = View("charts", "Charts", _layout, _register, csv=_csv)
