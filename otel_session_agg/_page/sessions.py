"""All sessions, one by one."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, html, no_update

from otel_session_agg._history.sources import Selection
from otel_session_agg._page.grid_rows import filters_at, sort_at
from otel_session_agg._page.grids import sessions_grid
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv, View, grouped
from otel_session_agg._untrusted.spreadsheets import csv_text
from otel_session_agg._views import address
from otel_session_agg._views.grid import Wanted, exported_sessions
from otel_session_agg._views.ranges import shown
from otel_session_agg._views.reads import Reads

__all__ = ["VIEW"]


def _layout(state: address.State, services: Services) -> Any:
    return html.Div(
        [
            html.H1("Sessions", className="hidden"),
            sessions_grid(state, services, height="calc(100vh - 150px)"),
        ]
    )


def _csv(state: address.State, history: Reads, services: Services) -> Csv:
    wanted = Wanted(sort=sort_at(state), filters=filters_at(state))
    found = exported_sessions(history, shown(state, history, services.now()).selection, wanted)
    return Csv(found.columns, found.rows, found.total)


def _register(app: Any, services: Services) -> None:
    @app.callback(
        Output("download", "data", allow_duplicate=True),
        Input("grid-export", "n_clicks"),
        State("grid", "selectedRows"),
        prevent_initial_call=True,
    )
    @on_thread
    def export(clicks: int | None, rows: list[dict[str, Any]] | None) -> Any:
        if not clicks or not rows:
            return no_update
        ids = [str(row.get("id")) for row in rows]
        with services.reader() as history:
            found = exported_sessions(history, Selection(), Wanted(only=ids))
            text = csv_text(found.columns, found.rows)
        return {"content": text, "filename": "sessions.csv", "type": "text/csv", "base64": False}


VIEW = View("sessions", "Sessions", _layout, _register, _csv, groups_by=grouped)
