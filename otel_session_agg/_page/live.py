"""What runs now, refreshed every second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from dash import Input, Output, State, dcc, html, no_update

from otel_session_agg._alerts.budgets import Used
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._page.cards import card
from otel_session_agg._page.parts import chip, link, message, page_title, panel, share_bar, text
from otel_session_agg._page.services import Services
from otel_session_agg._page.tables import Head, table
from otel_session_agg._page.threads import on_thread
from otel_session_agg._page.views import Csv, View
from otel_session_agg._untrusted.formatting import counted, duration, short, usd
from otel_session_agg._views import address
from otel_session_agg._views.budgets import share_text, tone_of, used_by
from otel_session_agg._views.live import Running, Status, ended_last, running
from otel_session_agg._views.overview import Card
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._numbers import compact, grouped, money

__all__ = ["VIEW"]

_EVERY_MS = 1000
_RECENTLY = timedelta(minutes=30)
_MAX_ENDED = 20
_MAX_SHOWN = 100
_BUDGET = Head(
    "Budget", meaning="of a rule about each session: the limit of which it has used most"
)
_HEADS = (
    Head("Session"),
    Head("State"),
    Head("User"),
    Head("Last span", is_number=True),
    Head("Running for", is_number=True),
    Head("Traces", is_number=True),
    Head("Calls", is_number=True),
    Head("Tokens", is_number=True),
    Head("Cost USD", is_number=True, meaning="known cost; with a plus: calls without a price"),
    Head("Errors", is_number=True),
    Head("Models"),
)
_COLUMNS = (
    "session", "state", "user", "start_time", "end_time", "duration", "traces", "model_events",
    "tokens", "cost", "unpriced", "errors", "models",
)  # fmt: skip
"""Of the file, as those of sessions are called."""
_BUDGET_AT = 9
"""Before the errors."""


def _layout(state: address.State, services: Services) -> Any:
    return html.Div(
        [
            page_title("Live"),
            dcc.Interval(id="live-pulse", interval=_EVERY_MS, disabled=not services.is_live),
            html.Div(_shown(state, services), id="live"),
        ]
    )


def _shown(state: address.State, services: Services) -> list[Any]:
    """Return what is there now."""
    status = services.status() if services.status is not None else None
    now = services.now()
    with services.reader() as history:
        open_ones = running(history)
        ended = ended_last(history, now - _RECENTLY, _MAX_ENDED)
        budgets = services.budgets
        used = used_by(history, budgets, [one.session for one in open_ones[:_MAX_SHOWN]])
    fault = status.fault if status is not None else None
    return [
        message("Something is wrong", fault, "bad") if fault else None,
        _aside(status),
        html.Div([card(one) for one in _cards(open_ones, status)], className="cards"),
        panel(
            "Running sessions",
            "that with the latest span first; every second" if services.is_live else "as stored",
            _table(
                open_ones[:_MAX_SHOWN], state, now, "Running sessions", used if budgets else None
            )
            if open_ones
            else message("No session runs", _nothing(services)),
        ),
        panel("Just ended", "in the last 30 minutes", _table(ended, state, now, "Just ended"))
        if ended
        else None,
    ]


def _aside(status: Status | None) -> Any:
    """Return what is said of requests that are not counted."""
    if status is None or not status.requests_aside:
        return None
    said = (
        f"{counted(status.requests_aside, 'request')} ended the process that counts each time, and"
        f" so were set aside and are not counted; the last one is {short(status.last_aside or '')}"
    )
    return message("Requests are set aside", said, "bad")


def _nothing(services: Services) -> str:
    if services.is_live:
        return "It is here within two seconds after its first span has come."
    return "This server shows stored traces and receives no spans."


def _csv(state: address.State, history: Reads, services: Services) -> Csv:  # noqa: ARG001
    """Return the sessions that the view shows: those that run, and those that ended just now."""
    ended = ended_last(history, services.now() - _RECENTLY, _MAX_ENDED)
    return Csv(_COLUMNS, [_row(one) for one in (*running(history)[:_MAX_SHOWN], *ended)])


def _row(one: Running) -> tuple[object, ...]:
    state = "open" if one.is_open else "ended"
    return (
        one.session, state, one.user, one.start, one.last, one.duration, one.traces, one.calls,
        one.tokens, one.cost, one.unpriced, one.errors, tuple(one.models),
    )  # fmt: skip


def _cards(found: Sequence[Running], status: Status | None) -> list[Card]:
    known = [one.cost for one in found if one.cost is not None]
    unpriced = sum(one.unpriced for one in found)
    cards = [
        Card("running", "Running", f"{len(found):,}", "sessions that are open"),
        Card(
            "cost",
            "Their cost",
            money(sum(known)) if known else "unknown" if found else money(0),
            "so far",
            warning=f"+ {unpriced:,} unpriced" if unpriced else "",
        ),
        Card("tokens", "Their tokens", compact(sum(one.tokens or 0 for one in found)), "so far"),
        Card("errors", "Their errors", f"{sum(one.errors for one in found):,}", "so far"),
    ]
    if status is None:
        return cards
    size = compact(status.backlog_bytes)
    shown = "none" if size == "0" else f"{size}B" if size[-1].isalpha() else f"{size} B"
    about = f"{compact(status.spans_counted)} counted"
    return [
        *cards,
        Card("rate", "Spans a second", grouped(status.spans_per_second), about),
        Card("backlog", "Backlog", shown, "accepted and not yet counted"),
    ]


def _table(
    found: Sequence[Running],
    state: address.State,
    now: datetime,
    caption: str,
    used: Mapping[str, Used] | None = None,
) -> Any:
    """Return a table of sessions; ``used``: what they have used of their budgets."""
    rows = [_cells(one, state, now) for one in found]
    if used is None:
        return table(_HEADS, rows, caption)
    for one, row in zip(found, rows, strict=True):
        row.insert(_BUDGET_AT, _budget(used.get(one.session)))
    return table([*_HEADS[:_BUDGET_AT], _BUDGET, *_HEADS[_BUDGET_AT:]], rows, caption)


def _budget(used: Used | None) -> Any:
    if used is None:
        return html.Span("none", className="dead")
    rule = f"rule {text(short(used.rule, 80))}"
    return share_bar(share_text(used), used.share, tone_of(used), rule)


def _cells(one: Running, state: address.State, now: datetime) -> list[Any]:
    href = state.going_to("session", id=one.session).href()
    cost = usd(None if one.cost is None else float(one.cost))
    return [
        link(short(one.session, 80), href, className="one-line", title=short(one.session, 400)),
        chip("running", "good") if one.is_open else chip("ended"),
        short(one.user or "", 60),
        _ago(one.last, now),
        "" if one.duration is None else duration(one.duration),
        f"{one.traces:,}",
        f"{one.calls:,}",
        "unknown" if one.tokens is None else f"{one.tokens:,}",
        cost + (" +" if one.unpriced and one.cost is not None else ""),
        html.Span(f"{one.errors:,}", className="bad-text" if one.errors else "dead"),
        ", ".join(short(name, 40) for name in one.models[:3]),
    ]


def _ago(last: datetime | None, now: datetime) -> str:
    if last is None:
        return ""
    seconds = max((now - last.replace(tzinfo=timezone.utc)).total_seconds(), 0.0)
    return f"{duration(seconds * 1000)} ago" if seconds >= 1 else "now"


def _register(app: Any, services: Services) -> None:
    @app.callback(
        Output("live", "children"),
        Input("live-pulse", "n_intervals"),
        State("state", "data"),
        prevent_initial_call=True,
    )
    @on_thread
    def refresh(turn: int | None, given: dict[str, str]) -> Any:
        if not turn:
            return no_update
        state = address.parse(given.get("path"), given.get("search"))
        try:
            return _shown(state, services)
        except SessionAggError as error:
            return message("The history cannot be read", str(error), "bad")


VIEW = View("live", "Live", _layout, _register, _csv, is_selected=False)
