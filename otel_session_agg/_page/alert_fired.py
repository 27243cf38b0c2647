"""Tables of what fired, and of what a rule would have found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from otel_session_agg._alerts.reading import moment
from otel_session_agg._alerts.rule import KINDS
from otel_session_agg._page.alert_parts import Row, shown, table, time_text
from otel_session_agg._page.named_tables import segment_condition
from otel_session_agg._page.parts import chip, link, text
from otel_session_agg._untrusted.formatting import counted, short
from otel_session_agg._views.address import ALL, State
from otel_session_agg.analysis._source import value_named

__all__ = ["fired_table", "previewed"]

_OF_SESSIONS = frozenset({"session", "anomaly"})
"""Kinds of rules that find single sessions."""
_STATUSES: Mapping[str, str] = {
    "done": "sent",
    "waiting": "not sent yet",
    "sending": "not sent yet",
    "failed": "not sent",
    "lost": "not sent, too many waited",
}
_MAX_CHARS = 80
_MAX_PREVIEWED = 20
_MAX_SESSIONS = 5


def fired_table(fired: Sequence[Row], state: State) -> Any:
    """Return the episodes, with links to their sessions."""
    if not fired:
        return html.P("Nothing has fired.")
    names = ("Since, UTC", "Until", "Rule", "What", "Why", "Notified")
    rows = [
        html.Tr(
            [
                html.Td(time_text(one["fired_at"]), className="short"),
                html.Td(time_text(one["resolved_at"]) or chip("goes on", "bad"), className="short"),
                html.Td(shown(one["rule"])),
                html.Td(_subject(one, state)),
                html.Td(_shown_reason(one)),
                html.Td(_delivered(one)),
            ]
        )
        for one in fired
    ]
    return table("What fired", names, rows)


def _shown_reason(one: Row) -> str:
    return text(short(one["reason"], 4 * _MAX_CHARS))


def _subject(one: Row, state: State) -> Any:
    """Return the session that was found, or the segment and those that did most of it."""
    sessions = [
        link(shown(session), state.going_to("session", id=session).href())
        for session in one["sessions"][:_MAX_SESSIONS]
    ]
    parts: list[Any] = [part for session in sessions for part in (session, ", ")][:-1]
    if one["kind"] in _OF_SESSIONS:
        return parts
    by = one["by"]
    name = f"{shown(by)} {shown(one['target'])}" if by else "all sessions"
    segment = _sessions_of(one, state)
    found: list[Any] = [name if segment is None else link(name, segment)]
    most = html.Div(["most of it: ", *parts], className="most")
    return [*found, most] if parts else found


def _sessions_of(one: Row, state: State) -> str | None:
    """Return where the sessions of a segment are shown that were counted; ``None``: not known.

    A rule with a condition of its own has another language than a filter, and what an older version
    found does not say its period.
    """
    if not one.get("ended") or one["where"]:
        return None
    since, until = (moment(seconds).isoformat() for seconds in one["ended"])
    where = f"end_time >= '{since}' and end_time < '{until}'"
    if one["by"]:
        where += f" and {segment_condition(one['by'], value_named(one['target']))}"
    return State("sessions", where, ALL, theme=state.theme).href()


def _delivered(one: Row) -> Any:
    if one["outcome"] != "notified":
        return chip(one["outcome"], "warn")
    found = [_delivery(each) for each in one["deliveries"]]
    if not found:
        return html.Span("here only", className="short")
    return html.Div(found, className="deliveries")


def _delivery(each: Row) -> Any:
    """Return what became of a notification: what is wrong is text, for everybody to read."""
    status, tried = each["status"], counted(each["attempts"], "attempt")
    of_end = "the end " if each["phase"] == "resolved" else ""
    said = chip(
        f"{shown(each['channel'])}: {of_end}{_STATUSES.get(status, status)}",
        "good" if status == "done" else "warn",
        tried,
    )
    if status == "done" or not each["problem"]:
        return html.Div(said)
    why = f"{short(each['problem'], _MAX_CHARS)}, {tried}"
    return html.Div([said, html.Div(text(why), className="dead")])


# -- a preview ------------------------------------------------------------------------------------


def previewed(found: Row, rule: Row, state: State) -> Any:
    """Return what a rule would have found; ``rule``: as it was tried."""
    number, sent = found["would_fire"], found["would_notify"]
    more = "" if found["is_complete"] else " at least"
    tried = html.Div(["tried: ", html.Code(shown(_condition(rule)))], className="dead")
    if not number:
        return html.Div([html.P("It would not have fired in these 7 days."), tried])
    head = (
        f"It would have fired{more} {counted(number, 'time')},"
        f" with {counted(sent, 'notification')}."
    )
    rows = [
        html.Tr(
            [
                html.Td(time_text(one["at"]), className="short"),
                html.Td(_subject(one, state)),
                html.Td(_shown_reason(one)),
            ]
        )
        for one in found["fired"][:_MAX_PREVIEWED]
    ]
    listed = table("What it would have found", ("At, UTC", "What", "Why"), rows)
    return html.Div([html.Div([html.P(head), tried]), listed], className="stack")


def _condition(rule: Row) -> str:
    """Return the condition of a rule, as it was typed."""
    kind = next((kind for kind in KINDS if kind in rule), "")
    return f"{kind}: {rule.get(kind, '')}"
