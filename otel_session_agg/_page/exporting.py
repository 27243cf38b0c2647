"""*Export CSV*: what a view shows, as a file for a spreadsheet that takes no cell for a formula."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, no_update

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import views
from otel_session_agg._untrusted.spreadsheets import csv_text
from otel_session_agg._views import address

__all__ = ["exported", "register"]


def register(app: Any, services: Services) -> None:
    """Register what the button does."""

    @app.callback(
        Output("download", "data"),
        Input("export", "n_clicks"),
        State("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def export(clicks: int | None, given: dict[str, str]) -> Any:
        if not clicks:
            return no_update
        state = address.parse(given.get("path"), given.get("search"))
        try:
            text = exported(state, services)
        except SessionAggError:
            return no_update  # the view says it already
        return {
            "content": text, "filename": f"{state.view}.csv", "type": "text/csv", "base64": False,
        }  # fmt: skip


def exported(state: address.State, services: Services) -> str:
    """Return the table of a view as CSV."""
    known = views()
    view = known.get(state.view)
    make = view.csv if view is not None and view.csv is not None else known["sessions"].csv
    if make is None:
        return ""
    with services.reader() as history:
        table = make(state, history, services)
        return csv_text(table.columns, table.rows)
