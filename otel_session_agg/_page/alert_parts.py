"""Tables of the view of alerts: rules, what fired, and what a rule would have found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from dash import html

from otel_session_agg._page.parts import aria, chip, link, message, text
from otel_session_agg._untrusted.formatting import counted, short
from otel_session_agg._views.address import State

__all__ = ["fired_table", "previewed", "rules_table", "said"]

Row = Mapping[str, Any]

_TONES = {"triggered": "bad", "muted": "warn", "paused": "warn", "active": "good"}
_SEVERITIES = {"critical": "bad", "warning": "warn"}
_OF_RULES = (
    "State", "Rule", "Condition", "Applies to", "Fired", "Last, UTC", "Notifies", "Actions",
)  # fmt: skip
_NUMBERS = frozenset({"Fired"})
"""Columns whose heads are above figures."""
_MAX_CHARS = 80
_MAX_PREVIEWED = 20
_MAX_SESSIONS = 5


def said(head: str, what: str, tone: str = "plain") -> Any:
    """Return what came of an action."""
    return message(short(head, _MAX_CHARS), what, tone)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return "unknown"


def _table(caption: str, names: Sequence[str], rows: Sequence[Any]) -> Any:
    head = html.Tr(
        [html.Th(name, scope="col", className="num" if name in _NUMBERS else "") for name in names]
    )
    table = html.Table(
        [html.Caption(caption, className="skip"), html.Thead(head), html.Tbody(list(rows))],
        className="plain alerts",
    )
    return html.Div(table, className="scroll", tabIndex="0", role="region", **aria(label=caption))


def _shown(value: str) -> str:
    return text(short(value, _MAX_CHARS))


# -- rules -----------------------------------------------------------------------------------------


def rules_table(rules: Sequence[Row]) -> Any:
    """Return the rules with their states and what can be done with them."""
    if not rules:
        return html.P("There are no rules: make one below, or start with --alerts FILE.")
    return _table("Rules", _OF_RULES, [_rule(one) for one in rules])


def _rule(one: Row) -> Any:
    name = one["name"]
    if "problem" in one:
        cells = [html.Td(_shown(one["problem"]), colSpan=6, className="bad-text")]
        buttons = [_button("delete", "Delete", name)]
    else:
        cells = [
            html.Td(html.Code(_shown(f"{one['kind']}: {one['text']}"))),
            html.Td(_shown(_about(one))),
            html.Td(str(one["fired"]), className="num"),
            html.Td(_time(one["last_fired_at"]), className="short"),
            html.Td(_shown(", ".join(one["notify"])) or html.Span("nobody", className="dead")),
        ]
        buttons = _buttons(one)
    state = one["state"]
    return html.Tr(
        [
            html.Td(chip(state, _TONES.get(state, "plain"))),
            html.Td([_shown(name), " ", _severity(one)], className="strong"),
            *cells,
            html.Td(html.Div(buttons, className="acts")),
        ]
    )


def _severity(one: Row) -> Any:
    severity = one.get("severity", "")
    return chip(severity, _SEVERITIES.get(severity, "plain"))


def _about(one: Row) -> str:
    parts = [
        one["where"] or "all sessions",
        f"by {one['by']}" if one["by"] else "",
        f"at least {one['min_sessions']}" if one["min_sessions"] else "",
    ]
    return ", ".join(filter(None, parts))


def _buttons(one: Row) -> list[Any]:
    paused, muted, name = one["is_paused"], one["is_muted"], one["name"]
    found = [
        _button("resume", "Resume", name) if paused else _button("pause", "Pause", name),
        _button("unmute", "Unmute", name) if muted else _button("mute", "Mute 1 h", name),
    ]
    if one["source"] != "page":
        return found
    edit = html.Button(
        "Edit", id={"type": "alert-edit", "rule": name}, className="button", type="button",
        **aria(label=f"Edit: {_shown(name)}"),
    )  # fmt: skip
    return [*found, edit, _button("delete", "Delete", name)]


def _button(action: str, shown: str, rule: str) -> Any:
    return html.Button(
        shown,
        id={"type": "alert", "action": action, "rule": rule},
        className="button",
        type="button",
        **aria(label=f"{shown}: {_shown(rule)}"),
    )


# -- what fired ------------------------------------------------------------------------------------


def fired_table(fired: Sequence[Row], state: State) -> Any:
    """Return the episodes, with links to their sessions."""
    if not fired:
        return html.P("Nothing has fired.")
    names = ("Since, UTC", "Until", "Rule", "What", "Why", "Notified")
    rows = [
        html.Tr(
            [
                html.Td(_time(one["fired_at"]), className="short"),
                html.Td(_time(one["resolved_at"]) or chip("goes on", "bad"), className="short"),
                html.Td(_shown(one["rule"])),
                html.Td(_subject(one, state)),
                html.Td(_shown_reason(one)),
                html.Td(_delivered(one), className="short"),
            ]
        )
        for one in fired
    ]
    return _table("What fired", names, rows)


def _shown_reason(one: Row) -> str:
    return text(short(one["reason"], 4 * _MAX_CHARS))


def _subject(one: Row, state: State) -> Any:
    sessions = [
        link(_shown(session), state.going_to("session", id=session).href())
        for session in one["sessions"][:_MAX_SESSIONS]
    ]
    parts: list[Any] = [part for session in sessions for part in (session, ", ")][:-1]
    more = len(one["sessions"]) - _MAX_SESSIONS
    if more > 0:
        parts.append(f" and {more} more")
    if one.get("kind") not in {"session", "anomaly"} and one.get("by"):
        return [f"{_shown(one['by'])} {_shown(one['target'])}", html.Br(), *parts]
    return parts or "all sessions"


def _delivered(one: Row) -> Any:
    if one["outcome"] != "notified":
        return chip(one["outcome"], "warn")
    found = [
        chip(
            f"{_shown(each['channel'])}: {each['status']}",
            "good" if each["status"] == "done" else "warn",
            each["problem"] or counted(each["attempts"], "attempt"),
        )
        for each in one["deliveries"]
    ]
    return html.Div(found, className="tools") if found else "here only"


# -- a preview ------------------------------------------------------------------------------------


def previewed(found: Row, state: State) -> Any:
    """Return what a rule would have found."""
    number, sent = found["would_fire"], found["would_notify"]
    more = "" if found["is_complete"] else " at least"
    head = (
        f"It would have fired{more} {counted(number, 'time')},"
        f" with {counted(sent, 'notification')}."
    )
    rows = [
        html.Tr(
            [
                html.Td(_time(one["at"]), className="short"),
                html.Td(_subject(one, state)),
                html.Td(_shown_reason(one)),
            ]
        )
        for one in found["fired"][:_MAX_PREVIEWED]
    ]
    table = _table("What it would have found", ("At, UTC", "What", "Why"), rows)
    return html.Div([html.P(head), table if rows else None], className="stack")
