"""Tables and the form of the view of alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import dash_mantine_components as dmc
from dash import html

from otel_session_agg._alerts.rule import KINDS, SEVERITIES
from otel_session_agg._page.parts import aria, chip, link, message, text
from otel_session_agg._untrusted.formatting import counted, short
from otel_session_agg._views.address import State

__all__ = ["FIELDS", "fired_table", "form", "previewed", "rules_table", "said"]

Row = Mapping[str, Any]

FIELDS = (
    "name", "kind", "condition", "where", "by", "over", "min_sessions", "severity", "cooldown",
    "notify",
)  # fmt: skip
"""What the form asks; all but the first three are keys of a rule."""

_TONES = {"triggered": "bad", "muted": "warn", "paused": "warn", "active": "good"}
_OF_RULES = (
    "state", "rule", "what may not be", "of which", "fired", "last (UTC)", "notifies", "actions",
)  # fmt: skip
_MAX_CHARS = 80
_MAX_PREVIEWED = 20
_MAX_SESSIONS = 5
_CONDITIONS = "cost > 0.10   p95(duration) > 20 s   avg(cost) > +30 %   cost"


def said(head: str, what: str, tone: str = "plain") -> Any:
    """Return what came of an action."""
    return message(short(head, _MAX_CHARS), what, tone)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return "unknown"


def _table(caption: str, names: Sequence[str], rows: Sequence[Any]) -> Any:
    head = html.Tr([html.Th(name, scope="col") for name in names])
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
    names = (
        "state",
        "rule",
        "what may not be",
        "of which",
        "fired",
        "last (UTC)",
        "notifies",
        "actions",
    )
    return _table("Rules", names, [_rule(one) for one in rules])


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
            html.Td(_time(one["last_fired_at"])),
            html.Td(_shown(", ".join(one["notify"]) or "nobody")),
        ]
        buttons = _buttons(one)
    state = one["state"]
    return html.Tr(
        [
            html.Td(chip(state, _TONES.get(state, "plain"))),
            html.Td([_shown(name), " ", chip(one.get("severity", ""))], className="strong"),
            *cells,
            html.Td(html.Div(buttons, className="tools")),
        ]
    )


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
    return [*found, _button("delete", "Delete", name)] if one["source"] == "page" else found


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
    names = ("since (UTC)", "until", "rule", "what", "why", "notified")
    rows = [
        html.Tr(
            [
                html.Td(_time(one["fired_at"])),
                html.Td(_time(one["resolved_at"]) or chip("goes on", "bad")),
                html.Td(_shown(one["rule"])),
                html.Td(_subject(one, state)),
                html.Td(_shown_reason(one)),
                html.Td(_delivered(one)),
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
    parts = [part for session in sessions for part in (session, html.Br())]
    if one.get("kind") not in {"session", "anomaly"} and one.get("by"):
        return [f"{_shown(one['by'])} {_shown(one['target'])}", html.Br(), *parts[:-1]]
    return parts[:-1] or "all sessions"


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


# -- a new rule ------------------------------------------------------------------------------------


def form(channels: Sequence[Row]) -> Any:
    """Return the form for a new rule."""
    names = [channel["name"] for channel in channels]
    return html.Div(
        [
            html.Div(
                [
                    _text("name", "Name", "dear sessions"),
                    _select("kind", "Kind", KINDS, "session"),
                    _text("condition", "What may not be", _CONDITIONS, is_wide=True),
                    _text("where", "Only sessions with", "service.name = checkout", is_wide=True),
                    _text("by", "Divided by", "service.name"),
                    _text("over", "Over", "1 h"),
                    dmc.NumberInput(
                        id="alerts-min_sessions", label="Sessions at least", min=1,
                        allowDecimal=False, size="xs", className="field",
                    ),
                    _select("severity", "Severity", SEVERITIES, "warning"),
                    _text("cooldown", "Cool-down", "10 min"),
                    dmc.MultiSelect(
                        id="alerts-notify", label="Notify", data=names, value=names, size="xs",
                        className="field",
                    ),
                ],
                className="fields",
            ),
            html.Div(
                [
                    html.Button("Preview on 7 days", id="alerts-try", className="button"),
                    html.Button("Keep the rule", id="alerts-save", className="button"),
                ],
                className="tools",
            ),
            html.Div(id="alerts-preview", **aria(live="polite")),
        ],
        className="stack",
    )  # fmt: skip


def _text(key: str, label: str, placeholder: str, *, is_wide: bool = False) -> Any:
    return dmc.TextInput(
        id=f"alerts-{key}",
        label=label,
        placeholder=placeholder,
        size="xs",
        className="field written" if is_wide else "field",
        attributes={"input": {"spellCheck": "false"}},
    )


def _select(key: str, label: str, values: Sequence[str], value: str) -> Any:
    return dmc.Select(
        id=f"alerts-{key}",
        label=label,
        data=list(values),
        value=value,
        allowDeselect=False,
        size="xs",
        className="field",
    )


def previewed(found: Row, state: State) -> Any:
    """Return what a rule would have found."""
    number, sent = found["would_fire"], found["would_notify"]
    more = "" if found["is_complete"] else " at least"
    head = f"It would have fired{more} {counted(number, 'time')}, with {sent} notifications."
    rows = [
        html.Tr(
            [
                html.Td(_time(one["at"])),
                html.Td(_subject(one, state)),
                html.Td(_shown_reason(one)),
            ]
        )
        for one in found["fired"][:_MAX_PREVIEWED]
    ]
    table = _table("What it would have found", ("at (UTC)", "what", "why"), rows)
    return html.Div([html.P(head), table if rows else None], className="stack")
