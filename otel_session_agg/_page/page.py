"""`build_page`: the page as a part of the server's application.

Dash has an application of its own below the server's, after all other routes, so that nothing it
adds (hooks, routes) touches ingestion or the API.  The path of every view leads to the same page,
whose script reads the address.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from threading import Lock
from typing import Any

from dash import Dash, Input, Output, State, html, no_update
from dash.backends._fastapi import FastAPIDashServer
from dash.exceptions import DependencyException
from fastapi import FastAPI, HTTPException, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.sources import Selection
from otel_session_agg._page import cards, exporting, grids, panels, shell
from otel_session_agg._page.parts import message
from otel_session_agg._page.requests import Requests
from otel_session_agg._page.services import Services
from otel_session_agg._page.styles import index_page
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import View, views
from otel_session_agg._views import address
from otel_session_agg._views.names import Names, names_of
from otel_session_agg._views.ranges import shown_range

__all__ = ["build_page"]

_LOGGER = logging.getLogger(__name__)
_NAMES_SECONDS = 20.0
_POLYFILL = re.compile(r'<script src="[^"<>]*/polyfill@[^"<>]*"></script>')
_FILTERS = (
    "Filters are written as cost > 0.10 and service.name = checkout, or as a condition in SQL; the"
    " field proposes names while you type."
)

_NOT_FOUND = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>otel-session-agg: no such page</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 24rem; margin: 15vh auto; padding: 0 1rem }</style></head>
<body><main><h1>There is no such page</h1>
<p><a href="/">Go to the overview</a></p></main></body></html>
"""


def build_page(app: FastAPI, services: Services) -> Dash:
    """Add the page to an application, after all of its other routes: it answers for the rest.

    Its scripts and styles are of the same origin, and no inline script is but those whose hashes
    ``csp_hashes()`` of what is returned states; styles are made in attributes, too.

    Args:
        app: The application of the server.
        services: Where the page reads, and what the server can do.

    """
    dash = _dash(services)
    app.add_route(panels.PATH, panels.figures(services), include_in_schema=False)
    app.mount("/", Requests(_Addresses(dash.server), dash.callback_map))
    return dash


def _not_found(request: Request, _error: Exception) -> Response:
    """Answer what there is not: people, whose browsers ask for pages, with a way back."""
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_NOT_FOUND, 404)
    return JSONResponse({"detail": "Not Found"}, 404)


class _Backend(FastAPIDashServer):
    """Dash's own, without a web socket, which no callback of the page uses."""

    websocket_capability = False

    @staticmethod
    def create_app(name: str = "", config: dict[str, Any] | None = None) -> FastAPI:  # noqa: ARG004
        """Return the application that has the routes of the page, and no other."""
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        app.add_exception_handler(404, _not_found)
        return app

    def serve_component_suites(
        self, dash_app: Dash, package_name: str, fingerprinted_path: str, request: Request
    ) -> Any:
        """Return a script of a library of components."""
        try:
            return super().serve_component_suites(
                dash_app, package_name, fingerprinted_path, request
            )
        except (DependencyException, OSError, ValueError):
            raise HTTPException(404, "there is no such script") from None


class _Dash(Dash):
    """Dash, without the script for browsers of before 2018: it would take a tenth of the start."""

    def interpolate_index(self, **parts: Any) -> str:  # type: ignore[override]
        """Return the page."""
        parts["scripts"] = _POLYFILL.sub("", parts.get("scripts", ""))
        page: str = super().interpolate_index(**parts)  # type: ignore[no-untyped-call]
        return page


def _dash(services: Services) -> Dash:
    dash = _Dash(
        __name__,
        backend=_Backend,
        on_error=_failed,
        assets_folder=str(Path(__file__).with_name("assets")),
        index_string=index_page(),
        title="otel-session-agg",
        update_title="",
        suppress_callback_exceptions=True,
        add_log_handler=False,
        enable_mcp=False,
        compress=False,
    )
    dash.layout = shell.shell(is_live=services.is_live)
    _register(dash, services)
    shell.register(dash, services)
    cards.register(dash, services)
    grids.register(dash, services)
    exporting.register(dash, services)
    for view in views().values():
        view.register(dash, services)
    return dash


def _failed(error: Exception) -> None:
    """Log what a callback raised; the browser shows what is there."""
    _LOGGER.error("a callback of the page failed", exc_info=error)


def _not_shown(error: Exception) -> tuple[Any, Any, Any]:
    """Return what is said in the place of a view; header and navigation stay."""
    _failed(error)
    said = message("This could not be shown", "The log of the server says why.", "bad")
    return no_update, no_update, said


class _Addresses:
    """Answer the paths of all views with the one page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].strip("/") in views():
            scope = {**scope, "path": "/", "raw_path": b"/"}
        await self._app(scope, receive, send)


class _KnownNames:
    """The names of a history, asked for now and then."""

    def __init__(self, services: Services) -> None:
        self._services, self._lock = services, Lock()
        self._names, self._until = Names((), ()), float("-inf")

    def get(self) -> Names:
        """Return the names, which may be some seconds old."""
        now = self._services.now().timestamp()
        with self._lock:
            if now < self._until:
                return self._names
            self._until = now + _NAMES_SECONDS
        with self._services.reader() as history:
            self._names = names_of(history)
        return self._names


def _register(dash: Any, services: Services) -> None:
    """Register what shows the state: the header, the navigation and the view."""
    known = _KnownNames(services)

    @dash.callback(
        Output("header", "children"),
        Output("sidebar", "children"),
        Output("view", "children"),
        Input("state", "data"),
        State("theme", "data"),
        on_error=_not_shown,
    )
    @on_thread
    def show(given: dict[str, str] | None, _theme: object) -> tuple[Any, Any, Any]:
        if given is None:
            return no_update, no_update, no_update
        state = address.parse(given.get("path"), given.get("search"))
        return _shown(state, services, known)


def _shown(state: address.State, services: Services, known: _KnownNames) -> tuple[Any, Any, Any]:
    sidebar, is_live = shell.sidebar(state), services.is_live
    try:
        names = known.get()
        with services.reader() as history:
            automatic = shown_range(history, services.now())
            error = _error_of(state, history)
        view = views().get(state.view)
        grouped, is_selected = view and view.groups_by(state), view is None or view.is_selected
        error = error if is_selected else None
        offered = shell.Offered(names, automatic, is_live)
        head = shell.header(state, offered, grouped, error, is_selected=is_selected)
        if error is not None:
            said = f"{error.removesuffix('.')}. {_FILTERS}"
            return head, sidebar, _instead("The filter is not understood", said, "bad")
        if view is None:
            return head, sidebar, _instead("There is no such view")
        return head, sidebar, _layout(view, state, services)
    except SessionAggError as error:
        head = shell.header(state, shell.Offered(Names((), ()), "all", is_live), None, None)
        return head, sidebar, _instead("The history cannot be read", str(error), "bad")


def _layout(view: View, state: address.State, services: Services) -> Any:
    try:
        return view.layout(state, services)
    except SessionAggError as error:
        return _instead("This cannot be shown", str(error), "bad")


def _instead(head: str, said: str = "", tone: str = "plain") -> Any:
    """Return what is said in the place of a view, below a heading for those who do not see it."""
    return html.Div([html.H1(head, className="hidden"), message(head, said, tone)])


def _error_of(state: address.State, history: Any) -> str | None:
    if state.where is None:
        return None
    try:
        history.filtered(Selection(where=state.where))
    except SessionAggError as error:
        return str(error)
    return None
