"""What is around every view: header, navigation, and the address as the state of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple

import dash_mantine_components as dmc
from dash import ClientsideFunction, Input, Output, State, dcc, html

from otel_session_agg._page.parts import aria, link, message
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Grouped, navigation
from otel_session_agg._views import address
from otel_session_agg._views.calendar_ranges import CALENDAR
from otel_session_agg._views.names import Names
from otel_session_agg.analysis._source import BREAKDOWNS

__all__ = ["Offered", "days_of", "fault_of", "header", "register", "shell", "sidebar"]

_RANGES = {
    "1h": "last hour",
    "6h": "last 6 hours",
    "24h": "last 24 hours",
    "7d": "last 7 days",
    "14d": "last 14 days",
    "30d": "last 30 days",
    "90d": "last 90 days",
    **{name: title for name, (title, _, _) in CALENDAR.items()},
    "all": "all time",
}
_PARENTS = {"session": "sessions"}
"""Views that the navigation has under another one."""
_REFRESH_MS = 30_000
"""How often a page that is looked at asks for its figures again, where these change."""
_INSTANT = timedelta(microseconds=1)
"""The end of a range is no part of it."""
_GIVEN = "given"
"""The value of the range that is stated by times."""


class Offered(NamedTuple):
    """What there is to choose from, whatever the view."""

    names: Names
    """What conditions and groups may name."""
    shown_range: str
    """The time that is shown when the address says nothing."""
    is_live: bool
    """Whether spans are received."""


def shell(*, is_live: bool) -> Any:
    """Return the page without a view."""
    return dmc.MantineProvider(
        id="provider",
        theme={"primaryColor": "indigo", "fontFamily": "var(--font)", "defaultRadius": "sm"},
        children=[
            dcc.Location(id="address", refresh="callback-nav"),
            dcc.Store(id="state"),
            dcc.Store(id="theme"),
            dcc.Store(id="tick"),
            dcc.Interval(id="pulse", interval=_REFRESH_MS, disabled=not is_live),
            dcc.Download(id="download"),
            html.A("Skip to the view", href="#view", className="skip"),
            html.Header(id="header", children=_brand(is_live=False)),
            html.Div(
                [
                    html.Nav(id="sidebar", **aria(label="Views")),
                    html.Div(
                        [html.Div(id="fault"), html.Main(id="view", tabIndex="-1")],
                        className="shown",
                    ),
                ],
                className="columns",
            ),
            html.Div(id="notice", role="status"),
        ],
    )


def _brand(*, is_live: bool) -> list[Any]:
    badge = html.Span(
        [html.Span(className="dot"), "LIVE" if is_live else "STORED"],
        className=f"badge {'live' if is_live else ''}",
        title="Spans are received, figures change" if is_live else "Figures of stored traces",
    )
    return [html.Span("otel-session-agg", className="brand"), badge]


def sidebar(state: address.State) -> list[Any]:
    """Return the links to all views, with the same filter."""
    shown = _PARENTS.get(state.view, state.view)
    return [
        html.Span(
            link(
                view.title,
                state.going_to(view.name).href(),
                className="nav-link" + (" active" if view.name == shown else ""),
            ),
            **aria(current="page" if view.name == shown else "false"),
        )
        for view in navigation()
    ]


def header(
    state: address.State,
    offered: Offered,
    grouped: Grouped | None,
    error: str | None,
    *,
    is_selected: bool = True,
) -> list[Any]:
    """Return the controls; they show the state.

    ``grouped``: what the view groups by, ``None``: by nothing that is chosen here; ``error``: what
    is wrong with the condition; ``is_selected``: whether filter and time say what is shown: they
    are hidden else, not absent, as callbacks read them.
    """
    names, hidden = offered.names, not is_selected
    return [
        *_brand(is_live=offered.is_live),
        html.Div(_where(state, error), className="where", hidden=hidden),
        html.Div(
            [_times(state, offered.shown_range), _days(state)], className="times", hidden=hidden
        ),
        _groups(grouped, names.groups),
        html.Button("Export CSV", id="export", className="button export", type="button"),
        html.Button(
            "◐", id="switch", className="button icon switch", type="button", title="Light or dark",
            **aria(label="Switch between light and dark"),
        ),
        dcc.Store(id="completions", data=list(names.columns)),
    ]  # fmt: skip


def _where(state: address.State, error: str | None) -> Any:
    return dmc.Autocomplete(
        id="where",
        value=state.where or "",
        data=[],
        debounce=False,
        placeholder="filter: cost > 0.10 and service.name = checkout-bot",
        leftSection=html.Span("⌕", **aria(hidden="true")),
        error=error,
        limit=12,
        maxDropdownHeight=320,
        inputProps={"aria-label": "Filter"},
        attributes={"input": {"aria-label": "Filter", "spellCheck": "false"}},
        n_submit=0,
    )


def _times(state: address.State, shown_range: str) -> Any:
    data = [{"value": value, "label": label} for value, label in _RANGES.items()]
    value = state.since if state.since in _RANGES else shown_range
    if (state.since and state.since not in _RANGES) or state.until is not None:
        value = _GIVEN
        data.insert(0, {"value": _GIVEN, "label": _given(state)})
    return dmc.Select(
        id="range", data=data, value=value, allowDeselect=False, checkIconPosition="right",
        className="control given" if value == _GIVEN else "control",
        attributes={"input": {"aria-label": "Time"}},
    )  # fmt: skip


def _days(state: address.State) -> Any:
    """Return a calendar in which a range of days is chosen, in UTC."""
    first, last = days_of(state)
    calendar = dmc.DatePicker(
        id="days", type="range", value=[first, last], allowSingleDateInRange=True,
        allowDeselect=True, defaultDate=last or first, size="sm",
        ariaLabels={"nextMonth": "Next month", "previousMonth": "Previous month"},
    )  # fmt: skip
    choices = html.Div([html.P("From day to day, in UTC", className="hint"), calendar])
    label = html.Span(className="days", **aria(hidden="true"))
    summary = html.Summary(
        [label, html.Span("Own range of days", className="hidden")],
        className="button icon", title="Own range of days",
    )  # fmt: skip
    return html.Details([summary, html.Div(choices, className="choices")], className="menu")


def days_of(state: address.State) -> tuple[date | None, date | None]:
    """Return the first and the last day of a range that is stated by times."""
    if state.since in _RANGES:
        return None, None
    first = state.times(datetime.now(timezone.utc)).since
    last = None if state.until is None else state.until - _INSTANT
    return first and first.date(), last and last.date()


def _given(state: address.State) -> str:
    """Return the range that is stated by times, in words: days, where it has whole ones."""
    since, until = state.times(datetime.now(timezone.utc))
    if all(one is None or one.time() == time() for one in (since, until)):
        first, last = days_of(state)
        if first is not None and first == last:
            return f"{first:%d %b %Y}"
        shown = [None if one is None else f"{one:%d %b %Y}" for one in (first, last)]
    else:
        shown = [None if one is None else f"{one:%d %b %H:%M}" for one in (since, until)]
    return f"{shown[0]} to {shown[1] or 'now'}" if shown[0] else f"until {shown[1]}"


def _groups(grouped: Grouped | None, groups: Sequence[str]) -> Any:
    """Return what sessions are grouped by; it is hidden, not absent, as a callback reads it."""
    value = grouped.by if grouped else ""
    if grouped and not grouped.by_parts:
        groups = [name for name in groups if name not in BREAKDOWNS]
    names = list(dict.fromkeys([*groups, value]))
    return dmc.Select(
        id="by",
        data=[{"value": name, "label": f"group by {name}"} for name in names],
        value=value, allowDeselect=False, checkIconPosition="right", searchable=True,
        className="control groups", display=None if grouped else "none",
        attributes={"input": {"aria-label": "Group by", "data-shown": value}},
    )  # fmt: skip


def fault_of(view: str, services: Services) -> Any:
    """Return what is wrong with the server; the view of what runs says that itself."""
    fault = services.status().fault if services.status is not None and view != "live" else None
    return message("Something is wrong", fault, "bad") if fault else None


def register(app: Any, services: Services) -> None:
    """Register what keeps the address, the controls and the theme together, in the browser."""
    run = app.clientside_callback

    @app.callback(Output("fault", "children"), Input("state", "data"), Input("tick", "data"))
    @on_thread
    def fault(given: dict[str, str] | None, _tick: object) -> Any:
        return fault_of(address.parse((given or {}).get("path"), None).view, services)

    del fault
    run(
        ClientsideFunction("explorer", "state"),
        Output("state", "data"),
        Input("address", "pathname"),
        Input("address", "search"),
        State("state", "data"),
    )
    run(ClientsideFunction("explorer", "current"), Input("sidebar", "children"))
    run(
        ClientsideFunction("explorer", "nothing"),
        Output("notice", "children", allow_duplicate=True),
        Input("state", "data"),
        prevent_initial_call=True,
    )
    run(
        ClientsideFunction("explorer", "tick"),
        Output("tick", "data"),
        Input("pulse", "n_intervals"),
    )
    run(
        ClientsideFunction("explorer", "theme"),
        Output("provider", "forceColorScheme"),
        Output("theme", "data"),
        Input("address", "search"),
    )
    run(
        ClientsideFunction("explorer", "controls"),
        Output("address", "search"),
        Input("where", "n_submit"),
        Input("range", "value"),
        Input("by", "value"),
        Input("days", "value"),
        Input("switch", "n_clicks"),
        prevent_initial_call=True,
    )
    run(
        ClientsideFunction("explorer", "complete"),
        Output("where", "data"),
        Input("where", "value"),
        State("completions", "data"),
    )
