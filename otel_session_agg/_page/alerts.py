"""Rules and what fired: states, a preview of a new rule, paused and muted rules.

Everything that changes something goes by callbacks, which are POSTs.  Where notifications go is
only in the file of the server: nothing here shows or sets an address.
"""

from __future__ import annotations

from typing import Any

from dash import ALL, ClientsideFunction, Input, Output, ctx, dcc, html, no_update
from dash import State as Given

from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.alert_form import (
    FIELDS,
    MORE,
    form,
    place_of,
    rule_of,
    shown_for,
    values_of,
    which_of,
)
from otel_session_agg._page.alert_parts import fired_table, previewed, rules_table, said
from otel_session_agg._page.parts import aria, chip, message, page_title, panel
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv, View
from otel_session_agg._untrusted.formatting import short
from otel_session_agg._views.address import State, parse
from otel_session_agg._views.reads import Reads

__all__ = ["VIEW"]

_REFRESH_MS = 5000
_MUTE_SECONDS = 3600.0
_MAX_FIRED = 100
_MAX_CHARS = 80
_MAX_EXPORTED = 10_000
_COLUMNS = (
    "fired_at", "resolved_at", "state", "rule", "severity", "target", "segment", "reason",
    "outcome", "sessions",
)  # fmt: skip


def _layout(state: State, services: Services) -> Any:
    engine = services.alerts
    if engine is None:
        return html.Div([page_title("Alerts"), message("This server checks no rules")])
    return html.Div(
        [
            dcc.Interval(id="alerts-tick", interval=_REFRESH_MS),
            html.Div(id="alerts-said", **aria(live="polite")),
            html.Div(_now(engine, state), id="alerts-now", className="stack"),
            panel("A rule of your own", _kept(engine), form(engine.channels()), id="alerts-form"),
            dcc.Store(id="alerts-edited"),
            dcc.Store(id="alerts-before"),
        ]
    )


def _kept(engine: AlertEngine) -> str:
    if engine.keeps:
        return "tried on the history first; the same name changes a rule"
    return "kept until the server ends: --history keeps it longer"


def _now(engine: AlertEngine, state: State) -> list[Any]:
    """Return what changes by itself: the rules and what fired."""
    rules, fired = engine.rules(), engine.fired(_MAX_FIRED)
    number = sum(rule["state"] == "triggered" for rule in rules)
    chips = [chip(f"{number} triggered", "bad" if number else "good")]
    for channel in engine.channels():
        waits = channel["waiting"]
        text = f"{channel['name']} ({channel['kind']})" + (f": {waits} wait" if waits else "")
        chips.append(chip(text, "warn" if waits else "plain", "where notifications go"))
    problem = engine.problem
    return [
        page_title("Alerts", chips),
        message("Rules are not checked at the moment", problem, "bad") if problem else None,
        panel("Rules", "checked when sessions change", rules_table(rules)),
        panel("What fired", _shown_of(engine.number_fired()), fired_table(fired, state)),
    ]


def _shown_of(number: int) -> str:
    return "the latest first" if number <= _MAX_FIRED else f"the latest {_MAX_FIRED} of {number:,}"


def _csv(state: State, history: Reads, services: Services) -> Csv:  # noqa: ARG001  of all views
    engine = services.alerts
    if engine is None:
        return Csv(_COLUMNS, [])
    fired = engine.fired(_MAX_EXPORTED)
    rows = [
        [tuple(one[name]) if name == "sessions" else one[name] for name in _COLUMNS]
        for one in fired
    ]
    return Csv(_COLUMNS, rows, engine.number_fired())


def _act(engine: AlertEngine, action: str, rule: str) -> str:
    """Do what a button says; return what was done."""
    if action == "mute":
        engine.mute(rule, _MUTE_SECONDS)
    else:
        {
            "pause": engine.pause,
            "resume": engine.resume,
            "unmute": engine.unmute,
            "delete": engine.delete,
        }[action](rule)
    return {
        "pause": "It is not checked any more",
        "resume": "It is checked again",
        "mute": "Nobody is notified for an hour",
        "unmute": "Notifications are sent again",
        "delete": "It is deleted; what it found stays",
    }[action]


def _register(app: Any, services: Services) -> None:
    _register_form(app, services)

    @app.callback(
        Output("alerts-now", "children"),
        Output("alerts-said", "children"),
        Input("alerts-tick", "n_intervals"),
        Input({"type": "alert", "action": ALL, "rule": ALL}, "n_clicks"),
        Given("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def act(_: int | None, clicks: list[int | None], given: dict[str, str] | None) -> Any:
        engine, asked = services.alerts, ctx.triggered_id
        if engine is None or (not isinstance(asked, str) and not any(clicks)):
            return no_update, no_update
        found: Any = no_update
        if not isinstance(asked, str) and asked is not None:
            try:
                found = said(asked["rule"], _act(engine, asked["action"], asked["rule"]))
            except SessionAggError as error:
                found = said(asked["rule"], str(error), "bad")
        return _now(engine, _state_of(given)), found

    @app.callback(
        Output("alerts-preview", "children"),
        Output("alerts-now", "children", allow_duplicate=True),
        Output("alerts-before", "data", allow_duplicate=True),
        Input("alerts-try", "n_clicks"),
        Input("alerts-save", "n_clicks"),
        Input("alerts-save-new", "n_clicks"),
        Given("alerts-before", "data"),
        Given("state", "data"),
        *(Given(f"alerts-{name}", "value") for name in FIELDS),
        prevent_initial_call=True,
    )
    @on_thread
    def make(
        _try: int | None,
        _save: int | None,
        _new: int | None,
        before: str | None,
        given: dict[str, str] | None,
        *values: Any,
    ) -> Any:
        engine = services.alerts
        if engine is None or ctx.triggered_id is None:
            return no_update, no_update, no_update
        fields, state = dict(zip(FIELDS, values, strict=True)), _state_of(given)
        if ctx.triggered_id == "alerts-try":
            return _tried(engine, fields, state), no_update, no_update
        renamed = before if ctx.triggered_id == "alerts-save" else None
        return _kept_so(engine, fields, state, None if renamed is None else str(renamed))


def _edited(engine: AlertEngine, name: str) -> list[Any]:
    """Return what the fields of the form show of a rule that was made here."""
    rules = {one["name"]: one for one in engine.rules() if one["source"] == "page"}
    if name not in rules:
        return [no_update] * (len(FIELDS) + 1)
    return [*values_of(name, rules[name]["definition"]), name]


def _register_form(app: Any, services: Services) -> None:
    """Register what the form does by itself: its fields for a kind, and a rule to change."""

    @app.callback(
        Output("alerts-condition", "placeholder"),
        *(Output(place_of(key), "hidden") for key in MORE),
        Input("alerts-kind", "value"),
        prevent_initial_call=True,
    )
    def fields(kind: str | None) -> list[Any]:
        written, hidden = shown_for(str(kind))
        return [written, *hidden]

    @app.callback(
        *(Output(f"alerts-{name}", "value") for name in FIELDS),
        Output("alerts-before", "data"),
        Input({"type": "alert-edit", "rule": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    @on_thread
    def edit(clicks: list[int | None]) -> list[Any]:
        engine, asked = services.alerts, ctx.triggered_id
        if engine is None or asked is None or not any(clicks):
            return [no_update] * (len(FIELDS) + 1)
        return _edited(engine, str(asked["rule"]))

    @app.callback(
        Output("alerts-which", "children"),
        Output("alerts-save-new", "hidden"),
        Input("alerts-before", "data"),
    )
    def which(before: str | None) -> tuple[str, bool]:
        return which_of(None if before is None else str(before)), before is None

    app.clientside_callback(
        ClientsideFunction("views", "edited"),
        Output("alerts-edited", "data"),
        Input({"type": "alert-edit", "rule": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )


def _tried(engine: AlertEngine, fields: dict[str, Any], state: State) -> Any:
    """Return what the rule in the form would have found."""
    _, rule = rule_of(fields)
    try:
        return previewed(engine.preview(rule), state)
    except SessionAggError as error:
        return said("The rule is not understood", str(error), "bad")


def _kept_so(
    engine: AlertEngine, fields: dict[str, Any], state: State, before: str | None
) -> tuple[Any, Any, Any]:
    """Keep the rule in the form; return what is shown, and that the next one is a new one.

    ``before``: the name that it had when it came into the form; ``None``: it is a new one.
    """
    name, rule = rule_of(fields)
    try:
        engine.save(name, rule, before)
    except SessionAggError as error:
        return said("The rule is not kept", str(error), "bad"), no_update, no_update
    what = "It is kept, and checked from now on"
    if before not in {None, name}:
        what = f"It is renamed: its name was {short(str(before), _MAX_CHARS)}"
    return said(name, what), _now(engine, state), None


def _state_of(given: dict[str, str] | None) -> State:
    return parse((given or {}).get("path"), (given or {}).get("search"))


VIEW = View("alerts", "Alerts", _layout, _register, _csv)
