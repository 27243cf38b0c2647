"""Boards: saved charts beside each other, each drawn by itself, and arranged by buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import ALL, Input, Output, ctx, html, no_update
from dash import State as Given

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.chart_figures import note_of, plot
from otel_session_agg._page.panels import Chart, Drawing, Drawn, chart, register_charts
from otel_session_agg._page.parts import aria, link, message
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv
from otel_session_agg._views import address, chart_csv
from otel_session_agg._views.address import State
from otel_session_agg._views.boards import MAX_CHARTS, Boards, SavedChart
from otel_session_agg._views.chart_address import chart_of
from otel_session_agg._views.charts import ChartData
from otel_session_agg._views.charts import chart as asked
from otel_session_agg._views.ranges import shown
from otel_session_agg._views.reads import Reads

__all__ = ["asked_at", "board_csv", "board_grid", "boards_of", "drawing", "register_boards"]


def boards_of(services: Services) -> Boards:
    """Return the boards of the server; those of a server without are gone when it ends."""
    boards = services.more.setdefault("charts", Boards(None))
    return boards if isinstance(boards, Boards) else Boards(None)


def asked_at(state: State, history: Reads, services: Services) -> ChartData:
    """Return what the chart of an address shows; the figure and the table ask once for both."""
    return _asked(state, history, services, "")


def drawing(state: State, history: Reads, services: Services, where: str = "") -> Drawn:
    """Draw the chart of an address; ``where``: a further condition on sessions."""
    data = _asked(state, history, services, where)
    made = plot(data, state.more.get("kind", "auto"))
    return Drawn(made, note_of(data), empty="Nothing of it is known in this time")


def _asked(state: State, history: Reads, services: Services, where: str) -> ChartData:
    def ask() -> ChartData:
        wanted = chart_of(state, shown(state, history, services.now()).times)
        return asked(history, wanted._replace(where=(*wanted.conditions, where)))

    return services.answers.get(("asked", state.of_view, where), history.revision, ask)


def _at(place: int) -> Drawing:
    """Return what draws the chart at a place of the board of the address."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        charts = boards_of(services).charts(state.more.get("board", ""))
        if place >= len(charts):
            return Drawn(None, empty="It was removed")
        return drawing(_on_board(charts[place], state), history, services, state.where or "")

    return draw


def _on_board(saved: SavedChart, state: State) -> State:
    """Return what a saved chart shows on a board: its own state, in the time of the board."""
    own = address.parse("/charts", saved.search)
    return State(own.view, own.where, state.since, state.until, own.by, None, own.more)


def board_csv(board: str, state: State, history: Reads, services: Services) -> Csv:
    """Return the figures of all charts of a board, each row with the name of its chart."""
    columns, rows = chart_csv.COLUMNS, []
    for saved in boards_of(services).charts(board):
        data = _asked(_on_board(saved, state), history, services, state.where or "")
        rows += [(saved.name, data.title, *row) for row in chart_csv.rows_of(data)[1]]
    return Csv(("chart", "figure", *columns), rows)


_PLACES = tuple(
    Chart(f"board-{at}", "", _at(at), height=260, is_kept=False) for at in range(MAX_CHARTS)
)


def board_grid(charts: Sequence[SavedChart], board: str, state: State) -> Any:
    """Return the charts of a board."""
    return html.Div(_cells(charts, board, state), id="board-grid", className="grid board")


def _cells(charts: Sequence[SavedChart], board: str, state: State) -> list[Any]:
    if not charts:
        return [message("There is nothing on this board", "Make a chart, and save it on a board.")]
    return [
        html.Div(
            [
                chart(_PLACES[at]._replace(title=one.name)),
                _buttons(one, at, len(charts), board, state),
            ],
            className=f"cell{' wide' if one.is_wide else ''}",
        )
        for at, one in enumerate(charts)
    ]


def _buttons(one: SavedChart, at: int, number: int, board: str, state: State) -> Any:
    given = [
        ("before", "◀", "Move it forward", at > 0),
        ("after", "▶", "Move it back", at < number - 1),
        ("narrow", "half", "Half the width", one.is_wide),
        ("wide", "wide", "Wide, over the whole board", not one.is_wide),
        ("remove", "remove", "Remove it from the board", True),
    ]
    opened = address.parse("/charts", one.search)
    place = State("charts", opened.where, state.since, state.until, opened.by, None, opened.more)
    buttons = [
        html.Button(
            shown_, id={"type": "board", "do": do, "name": one.name, "board": board},
            className="go step", type="button", title=title, **aria(label=f"{title}: {one.name}"),
        )
        for do, shown_, title, is_there in given
        if is_there
    ]  # fmt: skip
    png = html.Button(
        "PNG", id={"type": "png", "chart": f"board-{at}"}, className="go step", type="button",
        **aria(label=f"Save as a PNG: {one.name}"),
    )  # fmt: skip
    return html.Div([link("open", place.href(), className="step"), *buttons, png],
                    className="row-of arranging")  # fmt: skip


def _arranged(boards: Boards, do: str, board: str, name: str) -> None:
    if do in {"before", "after"}:
        boards.move(board, name, -1 if do == "before" else 1)
    elif do in {"wide", "narrow"}:
        boards.resize(board, name, is_wide=do == "wide")
    elif do == "remove":
        boards.remove(board, name)


def register_boards(app: Any, services: Services) -> None:
    """Register the charts of boards, and what their buttons do."""
    register_charts(_PLACES)

    @app.callback(
        Output("board-grid", "children"),
        Input({"type": "board", "do": ALL, "name": ALL, "board": ALL}, "n_clicks"),
        Given("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def arrange(clicks: list[int | None], given: dict[str, str]) -> Any:
        one = ctx.triggered_id
        if not one or not any(clicks):
            return no_update
        state = address.parse(given.get("path"), given.get("search"))
        boards = boards_of(services)
        try:
            _arranged(boards, str(one["do"]), str(one["board"]), str(one["name"]))
        except SessionAggError as error:
            return [message("It cannot be changed", str(error), "bad")]
        return _cells(boards.charts(str(one["board"])), str(one["board"]), state)

    del arrange
