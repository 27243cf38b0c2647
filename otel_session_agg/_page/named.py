"""The views by user, model, tool, agent and segment: what sessions came to under each name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import Input, Output, html
from dash import State as Given

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.asking import named_at, period_at, source_at
from otel_session_agg._page.named_figures import calls_figure, durations_figure
from otel_session_agg._page.named_tables import OF_TOKENS, cells_of, heads_of, sums_of
from otel_session_agg._page.panels import Chart, Drawing, Drawn, chart, register_charts
from otel_session_agg._page.parts import message, page_title, panel, text
from otel_session_agg._page.services import Services
from otel_session_agg._page.tables import table
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv, Grouped, View
from otel_session_agg._untrusted.formatting import short
from otel_session_agg._views import address
from otel_session_agg._views.address import State
from otel_session_agg._views.named import Named, cost_by_period, named
from otel_session_agg._views.outlier_flags import segment_of
from otel_session_agg._views.overview_parts import MAX_BARS, MAX_COLORS, totals_of
from otel_session_agg._views.ranges import has_sessions, shown
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._figures import over_time_figure, split_figure
from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import BREAKDOWNS, NONE, OTHER
from otel_session_agg.analysis._splits import PeriodCost

__all__ = ["cost_drawn", "cost_over_time", "key_at", "rows_panel", "view_by"]

_MAX_EXPORTED = 100_000
_TIME = (("x", "start_time"),)
_FIELDS = Named._fields
_DEFAULT_SEGMENT = "service.name"
SEGMENT = "segment"
"""Stands for the dimension by which sessions are grouped, or the user."""


def key_at(key: str, state: State) -> str:
    """Return what rows are by: a key, or for `SEGMENT` the dimension that the state names."""
    return key if key != SEGMENT else segment_of(state.by) or _DEFAULT_SEGMENT


def cost_over_time(key: str | None) -> Drawing:
    """Return what draws the cost of each period by a key; ``None``: by that of the state."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        period = period_at(state, history, services)
        if period is None:
            return Drawn(None)
        by = key_at(key or state.by or "model", state)
        rows = cost_by_period(source_at(state, history, services), by, MAX_COLORS, period)
        return cost_drawn(rows, period, by)

    return draw


def cost_drawn(rows: Sequence[PeriodCost], period: Period, by: str) -> Drawn:
    """Return a figure of the cost of each period by a key."""
    if not rows:
        return Drawn(None, empty="No cost is known")
    return Drawn(
        over_time_figure(rows, period), f"each {period.name} in UTC, by {short(by, 30)}, USD"
    )


def dearest_of(key: str) -> Drawing:
    """Return what draws the known cost under each of the dearest names."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        by = key_at(key, state)
        rows = named_at(state, history, services, (by, "cost")).rows
        if not rows:
            return Drawn(None, empty=f"There is no {by}")
        first = sorted(rows, key=lambda row: row.name == OTHER)[:MAX_BARS]
        return Drawn(split_figure(totals_of(first)))

    return draw


def most_called(key: str) -> Drawing:
    """Return what draws how often each tool was called; what no tool made is left out."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        found = named_at(state, history, services, (key, "calls"))
        rows = [row for row in found.rows[:MAX_BARS] if row.name != NONE and row.calls]
        if not rows:
            return Drawn(None, empty=f"No {key} was called")
        return Drawn(calls_figure(rows))

    return draw


def slowest(key: str) -> Drawing:
    """Return what draws how long a call of each tool takes, of those that are called most."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        found = named_at(state, history, services, (key, "calls"))
        rows = [
            row for row in found.rows[:MAX_BARS] if row.name != NONE and row.calls and row.duration
        ]
        if not rows:
            return Drawn(None, empty=f"No {key} was called")
        return Drawn(durations_figure(rows))

    return draw


_ONCE = {
    "user": "a session has one user",
    SEGMENT: "a session is in one; group by another at the top",
}


def _charts_of(key: str, name: str) -> tuple[Chart, ...]:
    if key == "tool":  # what a tool does is seldom priced
        return (
            Chart(f"{name}-calls", f"Calls by {key}", most_called(key), "the most called"),
            Chart(f"{name}-slow", "Time of a call", slowest(key), "average of the most called"),
        )
    return (
        Chart(f"{name}-time", f"Cost by {key}", cost_over_time(key), drag=_TIME),
        Chart(f"{name}-dearest", f"The dearest {name}", dearest_of(key), "USD"),
    )


def _sort_of(key: str, state: State) -> str:
    """Return by what the rows are sorted."""
    given = state.more.get("sort", "")
    return given or ("calls" if key == "tool" else "cost")


def view_by(key: str, name: str, title: str) -> View:
    """Return the view by ``model``, ``agent``, ``tool``, ``user`` or `SEGMENT`."""
    charts, place = _charts_of(key, name), f"{name}-table"

    def layout(state: State, services: Services) -> Any:
        with services.reader() as history:
            if not has_sessions(history, shown(state, history, services.now()).selection):
                return html.Div([page_title(title), message("No sessions here")])
        waiting = html.Div(className="chart loading", style={"minHeight": "260px"})
        return html.Div(
            [
                page_title(title),
                html.Div([chart(one) for one in charts], className="grid two"),
                html.Div(panel(title, "", waiting), id=place),
            ]
        )

    def csv(state: State, history: Reads, services: Services) -> Csv:
        sort = _sort_of(key, state)
        by = key_at(key, state)
        found = named(source_at(state, history, services), by, sort, _MAX_EXPORTED)
        return Csv([by, *_FIELDS[1:]], found.rows, found.total)

    def register(app: Any, services: Services) -> None:
        register_charts(charts)

        @app.callback(
            Output(place, "children"), Input(place, "id"), Input("tick", "data"),
            Given("state", "data"),
        )  # fmt: skip
        @on_thread
        def fill(_there: str, _tick: object, given: dict[str, str]) -> Any:
            state = address.parse(given.get("path"), given.get("search"))
            try:
                return rows_panel(key, name, title, state, services)
            except SessionAggError as error:
                return message("This cannot be shown", str(error), "bad")

        del fill

    if key == SEGMENT:
        return View(name, title, layout, register, csv, groups_by=_segments)
    return View(name, title, layout, register, csv)


def _segments(state: State) -> Grouped:
    """Return the dimension that segments are by."""
    return Grouped(key_at(SEGMENT, state), by_parts=False)


def rows_panel(key: str, name: str, title: str, state: State, services: Services) -> Any:
    """Return the table of a view: a row for each name."""
    by, sort = key_at(key, state), _sort_of(key, state)
    with services.reader() as history:
        found = named_at(state, history, services, (by, sort))
    more = f", {len(found.rows):,} are shown" if found.total > len(found.rows) else ""
    each = f"a session counts for each of its {name}" if by in BREAKDOWNS else _ONCE[key]
    heads = heads_of(by, state, sort)
    rows = [cells_of(row, by, state) for row in found.rows]
    foot = sums_of(found.rows, by) if 1 < found.total == len(found.rows) else []
    if not any(row.tokens or row.cost for row in found.rows if row.name != NONE):
        kept = [at for at, head in enumerate(heads) if head.title not in OF_TOKENS]
        heads = [heads[at] for at in kept]
        rows = [[row[at] for at in kept] for row in rows]
        foot = [foot[at] for at in kept if foot]
        if key == "tool":
            each += "; no tool has a cost of its own"
    return panel(
        title if by == key else text(short(by, 60)),
        f"{found.total:,}{more}; {each}",
        table(heads, rows, title, foot),
    )
