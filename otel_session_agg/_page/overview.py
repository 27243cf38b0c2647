"""The overview: what sessions came to in a time, how that changed, and which stand out."""

from __future__ import annotations

from typing import Any

from dash import html

from otel_session_agg._page.cards import cards
from otel_session_agg._page.grids import sessions_grid
from otel_session_agg._page.overview_charts import CHARTS
from otel_session_agg._page.panels import chart, register_charts
from otel_session_agg._page.services import Services
from otel_session_agg._page.views import View
from otel_session_agg._views.address import State

__all__ = ["VIEW"]


def _layout(state: State, services: Services) -> Any:
    return html.Div(
        [
            html.H1("Overview", className="hidden"),
            html.Div(id="warnings"),
            cards(),
            html.Div([chart(one) for one in CHARTS], className="grid"),
            sessions_grid(state, services, height="420px"),
        ]
    )


def _register(app: Any, services: Services) -> None:  # noqa: ARG001  of all views
    register_charts(CHARTS)


VIEW = View("overview", "Overview", _layout, _register)
