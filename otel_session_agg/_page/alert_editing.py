"""How a rule comes into the form: a new one, one to be changed, or one as it was left."""

from __future__ import annotations

from typing import Any

from dash import ALL, ClientsideFunction, Input, Output, ctx, no_update

from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._page.alert_form import (
    DEFAULTS,
    FIELDS,
    MORE,
    defaults_of,
    place_of,
    shown_for,
    values_of,
    which_of,
)
from otel_session_agg._page.services import Services
from otel_session_agg._page.threads import on_thread

__all__ = ["edited", "made", "register_form"]


def made(engine: AlertEngine, name: str) -> dict[str, Any] | None:
    """Return the definition of a rule that was made here; ``None``: there is none of that name."""
    made = [one for one in engine.rules() if one["source"] == "page" and one["name"] == name]
    return made[0]["definition"] if made else None


def edited(engine: AlertEngine, name: str) -> list[Any]:
    """Return what the fields of the form show of a rule that was made here."""
    definition = made(engine, name)
    if definition is None:
        return [no_update] * (len(FIELDS) + 1)
    return [*values_of(name, definition), name]


def register_form(app: Any, services: Services) -> None:
    """Register what the form does by itself: its fields for a kind, and a rule to change."""

    @app.callback(
        Output("alerts-condition", "placeholder"),
        *(Output(f"alerts-{key}", "placeholder") for key in DEFAULTS),
        *(Output(place_of(key), "hidden") for key in MORE),
        Input("alerts-kind", "value"),
        prevent_initial_call=True,
    )
    def fields(kind: str | None) -> list[Any]:
        written, hidden = shown_for(str(kind))
        return [written, *defaults_of(str(kind)), *hidden]

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
        return edited(engine, str(asked["rule"]))

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
    app.clientside_callback(
        ClientsideFunction("views", "draft"),
        Output("alerts-draft", "data"),
        Input("alerts-new", "n_clicks"),
        Input("alerts-before", "data"),
        *(Input(f"alerts-{name}", "value") for name in FIELDS),
    )
