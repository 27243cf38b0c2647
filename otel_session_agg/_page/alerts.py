"""Rules and what fired: states, a preview of a new rule, paused and muted rules.

Everything that changes something goes by callbacks, which are POSTs.  Where notifications go is
only in the file of the server: nothing here shows or sets an address.
"""

from __future__ import annotations

from typing import Any

from dash import ALL, Input, Output, ctx, dcc, html, no_update
from dash import State as Given

from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.alert_editing import made, register_form
from otel_session_agg._page.alert_fired import fired_table, previewed
from otel_session_agg._page.alert_form import (
    FIELDS,
    form,
    in_form,
    rule_of,
)
from otel_session_agg._page.alert_parts import action_button, rules_table, said
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
            dcc.Store(id="alerts-draft"),
            dcc.Store(id="alerts-deleted"),
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
        page_title("Alerts", [*chips, _new_rule()]),
        message("Rules are not checked at the moment", problem, "bad") if problem else None,
        panel("Rules", "checked when sessions change", rules_table(rules)),
        panel("What fired", _shown_of(engine.number_fired()), fired_table(fired, state)),
    ]


def _new_rule() -> Any:
    return html.Button("New rule", id="alerts-new", className="button", type="button")


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


def _done(
    engine: AlertEngine, action: str, rule: str, deleted: dict[str, Any] | None
) -> tuple[Any, Any]:
    """Do what a button says; return what is said, and a rule that was deleted, to undo it."""
    if action == "restore":
        if not deleted or deleted["name"] != rule:
            return no_update, no_update
        engine.save(rule, deleted["definition"])
        return said(rule, "It is there again, and checked from now on"), None
    definition = made(engine, rule) if action == "delete" else None
    what: Any = _act(engine, action, rule)
    if definition is None:
        return said(rule, what), no_update
    undo = action_button("restore", "Undo", rule)
    return said(rule, [what, " ", undo]), {"name": rule, "definition": definition}


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
    register_form(app, services)
    _register_buttons(app, services)
    _register_making(app, services)


def _register_buttons(app: Any, services: Services) -> None:
    """Register what the buttons of rules do, and what is shown again by itself."""

    @app.callback(
        Output("alerts-now", "children"),
        Output("alerts-said", "children"),
        Output("alerts-deleted", "data"),
        Input("alerts-tick", "n_intervals"),
        Input({"type": "alert", "action": ALL, "rule": ALL}, "n_clicks"),
        Given("state", "data"),
        Given("alerts-deleted", "data"),
        # What a button did would not be said if the rules were asked for again meanwhile.
        running=[(Output("alerts-tick", "disabled"), True, False)],
        prevent_initial_call=True,
    )
    @on_thread
    def act(
        _: int | None,
        clicks: list[int | None],
        given: dict[str, str] | None,
        deleted: dict[str, Any] | None,
    ) -> Any:
        engine, asked = services.alerts, ctx.triggered_id
        if engine is None or (not isinstance(asked, str) and not any(clicks)):
            return no_update, no_update, no_update
        found: Any = no_update, no_update
        if not isinstance(asked, str) and asked is not None:
            try:
                found = _done(engine, asked["action"], asked["rule"], deleted)
            except SessionAggError as error:
                found = said(asked["rule"], in_form(str(error)), "bad"), no_update
        return _now(engine, _state_of(given)), *found


def _register_making(app: Any, services: Services) -> None:
    """Register the buttons below the form: a rule is tried, or kept."""

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
        if ctx.triggered_id == "alerts-save-new" and made(engine, rule_of(fields)[0]):
            return _not_kept("there is a rule of that name: choose another name")
        renamed = before if ctx.triggered_id == "alerts-save" else None
        return _kept_so(engine, fields, state, None if renamed is None else str(renamed))


def _tried(engine: AlertEngine, fields: dict[str, Any], state: State) -> Any:
    """Return what the rule in the form would have found."""
    _, rule = rule_of(fields)
    try:
        return previewed(engine.preview(rule), rule, state)
    except SessionAggError as error:
        return said("The rule is not understood", in_form(str(error)), "bad")


def _not_kept(why: str) -> tuple[Any, Any, Any]:
    return said("The rule is not kept", in_form(why), "bad"), no_update, no_update


def _kept_so(
    engine: AlertEngine, fields: dict[str, Any], state: State, before: str | None
) -> tuple[Any, Any, Any]:
    """Keep the rule in the form; return what is shown, and that the next one is a new one.

    ``before``: the name that it had when it came into the form; ``None``: it is a new one.
    """
    name, rule = rule_of(fields)
    is_changed = made(engine, name) is not None
    try:
        engine.save(name, rule, before)
    except SessionAggError as error:
        return _not_kept(str(error))
    what = f"It is {'changed' if is_changed else 'kept'}, and checked from now on"
    if before not in {None, name}:
        what = f"It is renamed: its name was {short(str(before), _MAX_CHARS)}"
    return said(name, what), _now(engine, state), None


def _state_of(given: dict[str, str] | None) -> State:
    return parse((given or {}).get("path"), (given or {}).get("search"))


VIEW = View("alerts", "Alerts", _layout, _register, _csv, is_selected=False)
