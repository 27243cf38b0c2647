"""The views by user, model, tool, agent and segment: what sessions came to under each name."""

from __future__ import annotations

from typing import Any

from dash import Input, Output, html
from dash import State as Given

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.columns import literal
from otel_session_agg._page.asking import period_at, source_at
from otel_session_agg._page.named_figures import calls_figure, durations_figure
from otel_session_agg._page.panels import Chart, Drawing, Drawn, chart, register_charts
from otel_session_agg._page.parts import link, message, page_title, panel, text
from otel_session_agg._page.services import Services
from otel_session_agg._page.tables import Head, table
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv, Grouped, View
from otel_session_agg._untrusted.formatting import duration, short
from otel_session_agg._views import address
from otel_session_agg._views.address import State
from otel_session_agg._views.named import Named, cost_by_period, dearest, named
from otel_session_agg._views.names import in_conditions
from otel_session_agg._views.outlier_flags import segment_of
from otel_session_agg._views.ranges import has_sessions, shown
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._figures import over_time_figure, split_figure
from otel_session_agg.analysis._numbers import exact, money
from otel_session_agg.analysis._source import BREAKDOWNS, NONE, OTHER, value_named

__all__ = ["cost_over_time", "dearest_of", "key_at", "most_called", "rows_panel", "view_by"]

_MAX_ROWS = 200
_MAX_EXPORTED = 100_000
_MAX_CHARS = 80
_MAX_BARS = 12
_MAX_COLORS = 8
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
        rows = cost_by_period(source_at(state, history, services), by, _MAX_COLORS, period)
        if not rows:
            return Drawn(None, empty="No cost is known")
        return Drawn(over_time_figure(rows, period), f"each {period.name}, by {short(by, 30)}, USD")

    return draw


def dearest_of(key: str) -> Drawing:
    """Return what draws the known cost under each of the dearest names."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        by = key_at(key, state)
        rows = dearest(source_at(state, history, services), by, _MAX_BARS)
        if not rows:
            return Drawn(None, empty=f"There is no {by}")
        return Drawn(split_figure(rows))

    return draw


def most_called(key: str) -> Drawing:
    """Return what draws how often each tool was called; what no tool made is left out."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        found = named(source_at(state, history, services), key, "calls", _MAX_BARS)
        rows = [row for row in found.rows if row.name != NONE and row.calls]
        if not rows:
            return Drawn(None, empty=f"No {key} was called")
        return Drawn(calls_figure(rows))

    return draw


def slowest(key: str) -> Drawing:
    """Return what draws how long a call of each tool takes, of those that are called most."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        found = named(source_at(state, history, services), key, "calls", _MAX_BARS)
        rows = [row for row in found.rows if row.name != NONE and row.calls and row.duration]
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
        found = named(source_at(state, history, services), by, sort, _MAX_ROWS)
    more = f", {len(found.rows):,} are shown" if found.total > len(found.rows) else ""
    each = f"a session counts for each of its {name}" if by in BREAKDOWNS else _ONCE[key]
    heads = _heads(by, state, sort)
    rows = [_cells(row, by, state) for row in found.rows]
    if not any(row.tokens or row.cost for row in found.rows if row.name != NONE):
        kept = [at for at, head in enumerate(heads) if head.title not in _OF_TOKENS]
        heads = [heads[at] for at in kept]
        rows = [[row[at] for at in kept] for row in rows]
        if key == "tool":
            each += "; no tool has a cost of its own"
    return panel(
        title if by == key else text(short(by, 60)),
        f"{found.total:,}{more}; {each}",
        table(heads, rows, title),
    )


_COST, _EACH, _PER_MILLION = "Cost USD", "Cost / session", "USD / 1M tokens"
_USED, _CACHED = "Tokens", "From a cache"
_OF_TOKENS = frozenset({_COST, _EACH, _PER_MILLION, _USED, _CACHED})
"""Columns that say nothing of what uses no tokens, as most tools."""
_MANY_CALLS, _MANY_SESSIONS = 0.05, 0.1
"""Shares of calls and of sessions that fail, from which on they are red."""


def _heads(key: str, state: State, sort: str) -> list[Head]:
    is_part = key in BREAKDOWNS
    failed = "calls that failed, and their share" if is_part else "the share of sessions with any"

    def by(name: str, title: str, meaning: str = "") -> Head:
        href = state.with_more(sort=name).href()
        return Head(title, name != "name", href, name == sort, meaning)

    return [
        by("name", key.capitalize() if is_part or key == "user" else text(short(key, 40))),
        by("cost", _COST, "known cost; with a plus: calls without a price"),
        by("average_cost", _EACH, "of sessions with a known cost"),
        by("cost_per_million", _PER_MILLION, "what it cost, prompts and completions together"),
        by("sessions", "Sessions"),
        by("calls", "Calls", "model calls" if key != "tool" else "calls of the tool"),
        by("tokens", _USED),
        by("cache_share", _CACHED, "share of prompt tokens"),
        by("errors", "Errors", failed),
        by("call_duration", "Time / call") if is_part else by("duration", "Median duration"),
        by("last", "Last session, UTC"),
    ]


def _cells(row: Named, key: str, state: State) -> list[Any]:
    cached = row.cache_share
    return [
        link(short(row.name, _MAX_CHARS), _sessions_of(row.name, key, state), title=row.name[:400]),
        html.Span(
            "unknown" if row.cost is None else money(row.cost) + (" +" if row.unpriced else ""),
            title=_about_cost(row),
        ),
        money(row.average_cost),
        "" if row.cost_per_million is None else money(row.cost_per_million),
        f"{row.sessions:,}",
        f"{row.calls:,}",
        f"{row.tokens:,}",
        "" if cached is None else f"{cached:.0%}",
        _errors(row, key),
        _time(row, key),
        "" if row.last is None else f"{row.last:%Y-%m-%d %H:%M}",
    ]


def _errors(row: Named, key: str) -> Any:
    if not row.errors:
        return html.Span("0", className="dead")
    if key in BREAKDOWNS:
        share, is_much = row.error_share, (row.error_share or 0) >= _MANY_CALLS
    else:
        share, is_much = row.failed_share, row.failed_share >= _MANY_SESSIONS
    shown_ = f"{row.errors:,}" + ("" if share is None else f" ({share:.1%})")
    return html.Span(shown_, className="bad-text" if is_much else "")


def _time(row: Named, key: str) -> str:
    if not row.duration:
        return ""
    if key not in BREAKDOWNS:
        return duration(row.duration)
    return "" if row.call_duration is None else duration(row.call_duration)


def _about_cost(row: Named) -> str:
    known = "no cost is known" if row.cost is None else f"{exact(row.cost)} USD"
    return known + (f", and {row.unpriced:,} calls without a price" if row.unpriced else "")


def _sessions_of(name: str, key: str, state: State) -> str:
    """Return where the sessions of a name are shown; of what has no name, all."""
    if key not in BREAKDOWNS:
        value, column = value_named(name), "user" if key == "user" else in_conditions(key)
        condition = f"{column} IS NULL" if value is None else f"{column} = {literal(value)}"
    else:
        value = None if name == OTHER else value_named(name)
        if value is None:
            return state.going_to("sessions").href()
        condition = f"{key}s = {literal(value)}"
    where = condition if state.where is None else f"({state.where}) and {condition}"
    return State("sessions", where, state.since, state.until, state.by, state.theme).href()
