"""*Export CSV*: what a view shows, as a file for a spreadsheet that takes no cell for a formula."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, State, no_update

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.parts import message
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
        Output("notice", "children"),
        Input("export", "n_clicks"),
        State("address", "pathname"),
        State("address", "search"),
        prevent_initial_call=True,
    )
    @on_thread
    def export(clicks: int | None, path: str | None, search: str | None) -> Any:
        if not clicks:
            return no_update, no_update
        state = address.parse(path, search)  # the grid's own part of it is not in the state
        try:
            text, said = exported(state, services)
        except SessionAggError:
            return no_update, no_update  # the view says it already
        file = {
            "content": text, "filename": f"{state.view}.csv", "type": "text/csv", "base64": False,
        }  # fmt: skip
        return file, message("Not all is in the file", said, "warn") if said else None


def exported(state: address.State, services: Services) -> tuple[str, str]:
    """Return the table of a view as CSV, and what it lacks, in words: nothing, if it is whole."""
    known = views()
    view = known.get(state.view)
    make = view.csv if view is not None and view.csv is not None else known["sessions"].csv
    if make is None:
        return "", ""
    with services.reader() as history:
        table = make(state, history, services)
        rows = list(table.rows)
        said = ""
        if table.total is not None and table.total > len(rows):
            said = (
                f"It has the first {len(rows):,} of {table.total:,} rows, as they are sorted here:"
                " filter them, or export all with otel-session-agg query."
            )
        return csv_text(table.columns, rows), said
