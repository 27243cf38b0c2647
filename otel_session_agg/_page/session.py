"""The view of one session: what it came to, why, and what happened in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import Input, Output, html, no_update
from dash import State as Given

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page import going
from otel_session_agg._page.asking import context_at
from otel_session_agg._page.memo import Memo
from otel_session_agg._page.parts import chip, link, message, page_title, panel, text
from otel_session_agg._page.services import Services
from otel_session_agg._page.session_parts import cards, detail_panel, split_panel, why_panel
from otel_session_agg._page.session_waterfall import turns_panel, waterfall
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv, View
from otel_session_agg._pricing.price_book import PriceBook
from otel_session_agg._untrusted.formatting import short
from otel_session_agg._views import address
from otel_session_agg._views.address import State
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.session import SessionView, session_view
from otel_session_agg._views.session_costs import WhyCost, why_cost
from otel_session_agg._views.session_links import LinkTemplate
from otel_session_agg._views.session_messages import span_detail
from otel_session_agg._views.session_spans import SpanRow, trace_rows
from otel_session_agg.analysis._outliers import times_text

__all__ = ["VIEW", "SessionOptions"]

_SECONDS = 60.0
_WHY = Memo(_SECONDS)
"""Why sessions cost what they cost: of a large one that takes seconds."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What the view of a session needs of the server: ``Services.more["session"]``."""

    links: Mapping[str, LinkTemplate] | None = None
    """Templates of links to backends, by the words of the link."""
    prices: PriceBook | None = None
    """The prices that sessions are counted with; ``None``: the usual ones."""
    shows_content: bool = True
    """Whether messages and attributes are shown."""


def _options(services: Services) -> SessionOptions:
    found = services.more.get("session")
    return found if isinstance(found, SessionOptions) else SessionOptions()


def _layout(state: State, services: Services) -> Any:
    return html.Div(_content(state, services), id="session-content")


def _content(state: State, services: Services) -> list[Any]:
    session = state.more.get("id")
    if not session:
        return [message("No session is chosen", "Choose one in the view of sessions.")]
    options = _options(services)
    with services.reader() as history:
        context = context_at(state, history, services, session)
        view = session_view(history, session, context)
        if view is None:
            return [_back(state), message("There is no such session", text(short(session)))]
        number = _number(state, view)
        trace_id = view.turns[number - 1].trace_id if number else None
        rows = [] if trace_id is None else trace_rows(history, trace_id, session)
        chosen = _chosen(state, rows)
        detail = None
        if trace_id is not None and chosen is not None:
            detail = span_detail(history, trace_id, chosen)
    links = _links(options, view, trace_id, chosen)
    shown: list[Any] = [_title(state, view), cards(view)]
    if number:
        shown.append(waterfall(state, view, number, rows, chosen=chosen))
    waiting = html.Div(className="chart loading", style={"minHeight": "160px"})
    shown.append(
        html.Div(
            [
                html.Div(panel("Why this cost", "", waiting), id="session-why"),
                html.Div(
                    [split_panel(view.split), turns_panel(state, view, number)], className="stack"
                ),
            ],
            className="grid two",
        )
    )
    shown.append(detail_panel(detail, links, shows_content=options.shows_content))
    shown.append(_facts(view))
    return shown


def _number(state: State, view: SessionView) -> int:
    """Return the place of the trace that is shown, from 1; 0: there is none."""
    number = going.whole_number(state.more.get("trace"), 1)
    return min(max(number, 1), len(view.turns))


def _chosen(state: State, rows: Sequence[SpanRow]) -> str | None:
    """Return the span that is shown: the one of the address, else the first call that counts."""
    given = state.more.get("span")
    if any(row.span_id == given for row in rows):
        return given
    return next((row.span_id for row in rows if row.call is not None and row.call.counts), None)


def _back(state: State) -> Any:
    return link("← Sessions", state.going_to("sessions").href())


def _title(state: State, view: SessionView) -> Any:
    is_open = view.state == "open"
    end = f"ended: {view.end_reason}" if view.end_reason else "running" if is_open else view.state
    beside = [chip(text(short(end, 40)), "plain")]
    if view.context is not None:
        beside += [
            chip(f"outlier: {one.metric} {times_text(one.times)} median", "bad")
            for one in view.context.outliers
            if one.times is not None
        ]
    if view.feedback:
        beside.append(chip("feedback", "good"))
    if view.error:
        beside.append(chip(text(short(f"last error: {view.error}", 80)), "bad", text(view.error)))
    user = [html.Span(f"user {text(short(view.user, 60))}", className="dead")] if view.user else []
    row = page_title(text(short(view.session, 200)), [*beside, *user])
    return html.Div([_back(state), row], className="session-title")


def _links(
    options: SessionOptions, view: SessionView, trace_id: str | None, span_id: str | None
) -> list[Any]:
    values = {"session_id": view.session, "trace_id": trace_id, "span_id": span_id}
    if view.start is not None and view.end is not None:
        values["start_ms"] = str(round(view.start.timestamp() * 1000))
        values["end_ms"] = str(round(view.end.timestamp() * 1000))
    known = {name: value for name, value in values.items() if value is not None}
    urls = {words: one.url(known) for words, one in (options.links or {}).items()}
    return [
        html.A(
            f"{words} ↗", href=url, target="_blank", rel="noreferrer noopener", className="button"
        )
        for words, url in urls.items()
        if url is not None
    ]


def _facts(view: SessionView) -> Any:
    """Return what the session is grouped by, and what the application states of it."""
    rows = [
        html.Tr(
            [html.Th(text(short(name, 120)), scope="row"), html.Td(text(short(str(value), 400)))]
        )
        for name, value in (*view.dimensions.items(), *view.metadata.items())
    ]
    if not rows:
        return panel("Dimensions and metadata", "", html.P("There are none.", className="dead"))
    table = html.Table(html.Tbody(rows), className="plain raw-values")
    return panel("Dimensions and metadata", "", html.Div(table, className="scroll"))


def _why(state: State, services: Services) -> WhyCost | None:
    session = state.more.get("id", "")
    with services.reader() as history:
        [(end, cost)] = history.rows(
            "SELECT max(end_time), max(cost) FROM sessions WHERE session = ?", [session]
        )
        prices = _options(services).prices
        key = (id(services), session, end, cost)
        found: WhyCost | None = _WHY.get(
            key, history.revision, lambda: why_cost(history, session, prices)
        )
        return found


def _register(app: Any, services: Services) -> None:
    going.register(app)

    @app.callback(
        Output("session-why", "children"),
        Input("session-why", "id"),
        Given("state", "data"),
    )
    @on_thread
    def explain(_there: str, given: dict[str, str]) -> Any:
        state = address.parse(given.get("path"), given.get("search"))
        try:
            return why_panel(_why(state, services))
        except SessionAggError as error:
            return message("This cannot be read", str(error), "bad")

    @app.callback(
        Output("session-content", "children"),
        Input("tick", "data"),
        Given("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def refresh(_tick: object, given: dict[str, str]) -> Any:
        state = address.parse(given.get("path"), given.get("search"))
        try:
            return _content(state, services)
        except SessionAggError:
            return no_update  # what is shown stays; the next tick may find it

    del explain, refresh


def _csv(state: State, history: Reads, services: Services) -> Csv:
    """Return why the session costs what it costs."""
    why = why_cost(history, state.more.get("id", ""), _options(services).prices)
    columns = ("model", "part", "number", "usd_per_million_or_each", "calls", "usd", "price")
    lines = () if why is None else why.lines
    return Csv(columns, [tuple(line)[:7] for line in lines])


VIEW = View("session", "Session", _layout, _register, csv=_csv, is_in_navigation=False)
