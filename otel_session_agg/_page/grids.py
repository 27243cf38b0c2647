"""The grid of sessions: rows come from the history as they are scrolled to."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag
from dash import ClientsideFunction, Input, Output, State, dcc, html

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.grid_rows import (
    BLOCK,
    BUDGET,
    FLAG,
    check_names,
    filters_at,
    rows_at,
    sort_at,
    wanted_of,
)
from otel_session_agg._page.parts import panel
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._views import address
from otel_session_agg._views.grid import COLUMNS, GridColumn

__all__ = ["register", "sessions_grid"]

_FILTERS = {"text": "agTextColumnFilter", "number": "agNumberColumnFilter",
            "time": "agDateColumnFilter", "list": "agTextColumnFilter"}  # fmt: skip
_WIDTHS = {
    "session": 150,
    "user": 84,
    "models": 190,
    "agents": 170,
    "tools": 190,
    "start_time": 136,
    "end_time": 144,
    "error": 220,
    "cost": 98,
    "tokens": 84,
    "duration": 98,
    "traces": 70,
    "model_events": 66,
    "state": 84,
    "errors": 68,
    "feedback": 78,
}
_SELECTION = {"mode": "multiRow", "enableClickSelection": False, "headerCheckbox": False}
_FLAG_AT = 2


def sessions_grid(
    state: address.State, services: Services, *, height: str = "70vh", note: str = ""
) -> Any:
    """Return the grid of the sessions that a state selects."""
    hidden = _hidden(state)
    grid = dag.AgGrid(
        id="grid",
        rowModelType="infinite",
        columnDefs=_definitions(state, hidden, has_budgets=bool(services.budgets)),
        defaultColDef={"resizable": True, "sortable": True, "minWidth": 60},
        getRowId="params.data.id",
        dangerously_allow_code=False,
        dashGridOptions={
            "rowBuffer": 0,
            "cacheBlockSize": BLOCK,
            "maxBlocksInCache": 20,
            "infiniteInitialRowCount": 30,
            "rowSelection": {
                "mode": "multiRow",
                "enableClickSelection": False,
                "headerCheckbox": False,
            },
            "selectionColumnDef": {
                "pinned": "left",
                "width": 40,
                "headerName": "Selected",
                "headerClass": "unseen",
            },
            "suppressDragLeaveHidesColumns": True,
            "rowHeight": 32,
            "headerHeight": 34,
            "animateRows": False,
            "localeText": {"noRowsToShow": "No session meets the filters in this time"},
            "initialState": {"filter": {"filterModel": filters_at(state)}},
        },
        style={"height": height},
        className="grid-box",
    )
    columns = html.Details(
        [
            html.Summary("Columns", className="button"),
            dcc.Checklist(
                id="grid-columns",
                options=[{"label": one.title, "value": one.name} for one in COLUMNS.values()],
                value=[name for name in COLUMNS if name not in hidden],
                className="choices",
            ),
        ],
        className="menu",
    )
    tools = html.Div(
        [
            html.Span(note, id="grid-note", className="note"),
            html.Button("Export selected", id="grid-export", className="button", disabled=True),
            columns,
        ],
        className="tools",
    )
    said = html.P("", id="grid-said", className="bad-text", role="alert")
    return panel("Sessions", tools, html.Div([said, grid]), "wide")


_FLAG: dict[str, Any] = {
    "field": FLAG, "headerName": "Outlier", "sortable": False, "width": 124,
    "cellClass": "bad", "tooltipField": "reason", "headerTooltip": "why it stands out from others",
}  # fmt: skip


_BUDGET: dict[str, Any] = {
    "field": BUDGET, "headerName": "Budget", "sortable": False, "width": 138,
    "cellRenderer": "ShareBar", "tooltipField": "limit",
    "headerTooltip": "of running sessions: the rule's limit of which they have used most",
}  # fmt: skip


def _hidden(state: address.State) -> set[str]:
    given = state.more.get("cols")
    if given is None:
        return {name for name, one in COLUMNS.items() if not one.is_shown}
    shown_ones = [one for one in given.split(",") if one]
    check_names(shown_ones, [*COLUMNS, FLAG, BUDGET])
    return set(COLUMNS) - {*shown_ones, "session"}


def _definitions(
    state: address.State, hidden: set[str], *, has_budgets: bool
) -> list[dict[str, Any]]:
    made = [_definition(one, state, hidden) for one in COLUMNS.values()]
    at = list(COLUMNS).index("state") + 1
    more = [_BUDGET] if has_budgets else []
    return [*made[:_FLAG_AT], _FLAG, *made[_FLAG_AT:at], *more, *made[at:]]


def _definition(one: GridColumn, state: address.State, hidden: set[str]) -> dict[str, Any]:
    sort = dict(sort_at(state))
    made: dict[str, Any] = {
        "field": one.name,
        "headerName": one.title,
        "headerTooltip": one.meaning or one.title,
        "hide": one.name in hidden,
        "width": _WIDTHS.get(one.name, 110 if one.kind == "text" else 92),
        "cellDataType": False,
    }
    if one.kind == "list" or one.name == "error":  # what is left of a wide screen
        made |= {"flex": 1, "minWidth": made["width"]}
    if one.name in sort:
        made["sort"] = "desc" if sort[one.name] else "asc"
    if one.kind in _FILTERS:
        made |= {"filter": _FILTERS[one.kind], "filterParams": {"buttons": ["reset", "apply"]}}
    if one.kind == "number":
        made |= {"cellClass": "num", "headerClass": "ag-right-aligned-header"}
    if one.name == "session":
        made |= {"cellRenderer": "SessionLink", "pinned": "left"}
    elif one.kind in {"text", "list"}:
        made |= {"tooltipField": one.name}
    if one.name == "cost":
        made |= {
            "cellClassRules": {"bad": "params.data && params.data.flag",
                               "dim": "params.data && !params.data.known"},
        }  # fmt: skip
    return made


def register(app: Any, services: Services) -> None:
    """Register what fills the grid."""

    @app.callback(
        Output("grid", "getRowsResponse"),
        Output("grid-note", "children"),
        Output("grid-said", "children"),
        Input("grid", "getRowsRequest"),
        State("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def rows(request: dict[str, Any] | None, given: dict[str, str]) -> tuple[Any, str, str]:
        state = address.parse(given.get("path"), given.get("search"))
        try:
            return *rows_at(state, wanted_of(request or {}), services), ""
        except SessionAggError as error:
            return {"rowData": [], "rowCount": 0}, "", str(error)

    app.clientside_callback(
        ClientsideFunction("explorer", "gridState"),
        Output("grid", "className"),
        Input("grid", "getRowsRequest"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("explorer", "gridColumns"),
        Output("grid", "columnState"),
        Input("grid-columns", "value"),
        State("grid", "columnDefs"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("explorer", "gridSelected"),
        Output("grid-export", "children"),
        Output("grid-export", "disabled"),
        Input("grid", "selectedRows"),
    )
