"""The grid of sessions: rows come from the history as they are scrolled to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import dash_ag_grid as dag
from dash import ClientsideFunction, Input, Output, State, dcc, html

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.asking import norms_at, source_at
from otel_session_agg._page.parts import panel
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._untrusted.formatting import duration, short, usd
from otel_session_agg._views import address
from otel_session_agg._views.grid import COLUMNS, GridColumn, Wanted, sessions_page
from otel_session_agg._views.outlier_flags import reasons_of, segment_of
from otel_session_agg._views.ranges import shown

__all__ = ["register", "rows_at", "sessions_grid", "wanted_of"]

_MAX_CHARS = 200
_MAX_MODELS = 3
_BLOCK = 100
"""Rows that are asked for at once."""
_FILTERS = {"text": "agTextColumnFilter", "number": "agNumberColumnFilter",
            "time": "agDateColumnFilter", "list": "agTextColumnFilter"}  # fmt: skip
_WIDTHS = {
    "session": 190,
    "models": 190,
    "start_time": 150,
    "end_time": 150,
    "error": 220,
    "cost": 112,
    "tokens": 100,
    "duration": 104,
}
_DURATIONS = frozenset({"duration", "model_duration", "tool_duration"})
_SELECTION = {"mode": "multiRow", "enableClickSelection": False, "headerCheckbox": False}
_FLAG_AT = 2
FLAG = "flag"
"""The column that says why a session stands out."""


def sessions_grid(state: address.State, *, height: str = "70vh", note: str = "") -> Any:
    """Return the grid of the sessions that a state selects."""
    hidden = _hidden(state)
    grid = dag.AgGrid(
        id="grid",
        rowModelType="infinite",
        columnDefs=_definitions(state, hidden),
        defaultColDef={"resizable": True, "sortable": True, "minWidth": 70},
        getRowId="params.data.id",
        dangerously_allow_code=False,
        dashGridOptions={
            "rowBuffer": 0,
            "cacheBlockSize": _BLOCK,
            "maxBlocksInCache": 20,
            "infiniteInitialRowCount": 30,
            "rowSelection": {
                "mode": "multiRow",
                "enableClickSelection": False,
                "headerCheckbox": False,
            },
            "selectionColumnDef": {"pinned": "left", "width": 40},
            "suppressDragLeaveHidesColumns": True,
            "rowHeight": 32,
            "headerHeight": 34,
            "animateRows": False,
            "overlayNoRowsTemplate": "",
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
    "field": FLAG, "headerName": "Outlier", "sortable": False, "width": 132,
    "cellClass": "bad", "tooltipField": "reason", "headerTooltip": "why it stands out from others",
}  # fmt: skip


def _hidden(state: address.State) -> set[str]:
    given = state.more.get("cols")
    if given is None:
        return {name for name, one in COLUMNS.items() if not one.is_shown}
    return set(COLUMNS) - set(given.split(",")) - {"session"}


def _definitions(state: address.State, hidden: set[str]) -> list[dict[str, Any]]:
    made = [_definition(one, state, hidden) for one in COLUMNS.values()]
    return [*made[:_FLAG_AT], _FLAG, *made[_FLAG_AT:]]


def _definition(one: GridColumn, state: address.State, hidden: set[str]) -> dict[str, Any]:
    sort = dict(_sort(state))
    made: dict[str, Any] = {
        "field": one.name,
        "headerName": one.title,
        "headerTooltip": one.meaning or one.title,
        "hide": one.name in hidden,
        "width": _WIDTHS.get(one.name, 110 if one.kind == "text" else 92),
        "cellDataType": False,
    }
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


def _sort(state: address.State) -> Sequence[tuple[str, bool]]:
    given = [one for one in state.more.get("sort", "").split(",") if one]
    found = [(one.removeprefix("-"), one.startswith("-")) for one in given]
    return [pair for pair in found if pair[0] in COLUMNS] or [("cost", True)]


def wanted_of(request: Mapping[str, Any]) -> Wanted:
    """Return what the grid's request asks for; what is not of its form is left out."""
    start, end = request.get("startRow"), request.get("endRow")
    sort = request.get("sortModel")
    filters = request.get("filterModel")
    first = start if isinstance(start, int) else 0
    return Wanted(
        first,
        end if isinstance(end, int) else first + _BLOCK,
        [
            (str(one.get("colId")), one.get("sort") == "desc")
            for one in (sort if isinstance(sort, list) else [])
            if isinstance(one, Mapping)
        ],
        filters if isinstance(filters, Mapping) else {},
    )


# -- rows ------------------------------------------------------------------------------------------


def _row(row: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    """Return a row as the grid shows it: texts, never markup."""
    made = {name: _shown(name, row[name], row) for name in COLUMNS}
    return {
        **made,
        "id": row["session"],
        "known": row["cost"] is not None,
        FLAG: _flag(reason),
        "reason": reason or "",
    }


def _flag(reason: str | None) -> str:
    """Return the beginning of a reason: by how many times the median it stands out."""
    if not reason:
        return ""
    metric = reason.split(" ", 1)[0]
    times = next((part for part in reason.split(", ") if "median" in part), "")
    return f"{metric} {times.partition(' the median')[0]}" if times else metric


def _shown(name: str, value: Any, row: Mapping[str, Any]) -> str:
    if name == "state":
        return "running" if value == "open" else str(value or "")
    if name == "feedback":
        return "yes" if value else ""
    if value is None:
        return "unknown" if name in {"cost", "tokens", "duration"} else ""
    if name == "cost":
        return usd(float(value)) + (" +" if row["unpriced"] else "")
    return _plain(name, value)


def _plain(name: str, value: Any) -> str:
    if name in _DURATIONS:
        return duration(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        more = f" and {len(value) - _MAX_MODELS} more" if len(value) > _MAX_MODELS else ""
        return ", ".join(short(str(one), 60) for one in value[:_MAX_MODELS]) + more
    if isinstance(value, int | Decimal | float):
        return f"{value:,}"
    return short(str(value), _MAX_CHARS)


def register(app: Any, services: Services) -> None:
    """Register what fills the grid."""

    @app.callback(
        Output("grid", "getRowsResponse"),
        Output("grid-note", "children"),
        Output("grid-said", "children"),
        Input("grid", "getRowsRequest"),
        State("state", "data"),
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


def rows_at(state: address.State, wanted: Wanted, services: Services) -> tuple[dict[str, Any], str]:
    """Return the rows that a grid asks for, and what is said above them."""
    with services.reader() as history:
        page = sessions_page(history, shown(state, history, services.now()).selection, wanted)
        norms, total = norms_at(state, history, services)
        ids = [row["session"] for row in page.rows]
        reasons = reasons_of(source_at(state, history, services), ids, norms, segment_of(state.by))
    still_open = services.open_sessions
    rows = [row | {"state": "open"} if row["session"] in still_open else row for row in page.rows]
    is_of_all = total is not None and not wanted.filters
    outliers = f", {total:,} stand out" if is_of_all else ""
    return {
        "rowData": [_row(row, reasons.get(row["session"])) for row in rows],
        "rowCount": page.total,
    }, f"{page.total:,} sessions{outliers}"
