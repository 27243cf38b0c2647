"""The table of rules with their states, and what tables of alerts share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from dash import html

from otel_session_agg._alerts.quantities import period
from otel_session_agg._page.parts import aria, chip, message, text
from otel_session_agg._untrusted.formatting import counted, short

__all__ = ["Row", "action_button", "rules_table", "said", "shown", "table", "time_text"]

Row = Mapping[str, Any]
"""Plain values, as the API has them."""

_TONES = {"triggered": "bad", "muted": "warn", "paused": "warn", "active": "good"}
_SEVERITIES = {"critical": "bad", "warning": "warn"}
_OF_RULES = (
    "State", "Rule", "Condition", "Applies to", "Fired", "Last, UTC", "Notifies", "Actions",
)  # fmt: skip
_NUMBERS = frozenset({"Fired"})
"""Columns whose heads are above figures."""
_MAX_CHARS = 80


def said(head: str, what: Any, tone: str = "plain") -> Any:
    """Return what came of an action."""
    return message(short(head, _MAX_CHARS), what, tone)


def time_text(seconds: float | None) -> str:
    """Return a time in UTC; nothing, where there is none."""
    if seconds is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return "unknown"


def table(caption: str, names: Sequence[str], rows: Sequence[Any]) -> Any:
    """Return a table with its caption, which can be scrolled by the keyboard.

    On narrow screens rows are cards, in which each value has the name of its column.
    """
    for row in rows:
        cells = row.children
        for cell, name in zip(cells, names if len(cells) == len(names) else (), strict=False):
            setattr(cell, "data-label", name)
    head = html.Tr(
        [html.Th(name, scope="col", className="num" if name in _NUMBERS else "") for name in names]
    )
    whole = html.Table(
        [html.Caption(caption, className="skip"), html.Thead(head), html.Tbody(list(rows))],
        className="plain alerts",
    )
    return html.Div(whole, className="scroll", tabIndex="0", role="region", **aria(label=caption))


def shown(value: str) -> str:
    """Return a foreign text, not too long."""
    return text(short(value, _MAX_CHARS))


# -- rules -----------------------------------------------------------------------------------------


def rules_table(rules: Sequence[Row]) -> Any:
    """Return the rules with their states and what can be done with them."""
    if not rules:
        return html.P("There are no rules: make one below, or start with --alerts FILE.")
    return table("Rules", _OF_RULES, [_rule(one) for one in rules])


def _rule(one: Row) -> Any:
    name = one["name"]
    if "problem" in one:
        cells = [html.Td(shown(one["problem"]), colSpan=6, className="bad-text")]
        buttons = [action_button("delete", "Delete", name)]
    else:
        cells = [
            html.Td(html.Code(shown(f"{one['kind']}: {one['text']}"))),
            html.Td(text(short(_about(one), 4 * _MAX_CHARS))),
            html.Td(f"{one['fired']:,}", className="num"),
            html.Td(time_text(one["last_fired_at"]), className="short"),
            html.Td(shown(", ".join(one["notify"])) or html.Span("nobody", className="dead")),
        ]
        buttons = _buttons(one)
    state = one["state"]
    return html.Tr(
        [
            html.Td([chip(state, _TONES.get(state, "plain")), *_until(one)]),
            html.Td([shown(name), " ", _severity(one)], className="strong"),
            *cells,
            html.Td(html.Div(buttons, className="acts")),
        ]
    )


def _until(one: Row) -> list[Any]:
    """Return until when a rule is muted, where that is said."""
    until = one.get("muted_until")
    if one["state"] != "muted" or until is None:
        return []
    return [html.Br(), html.Span(f"until {time_text(until)}", className="dead")]


def _severity(one: Row) -> Any:
    severity = one.get("severity", "")
    return chip(severity, _SEVERITIES.get(severity, "plain"))


def _about(one: Row) -> str:
    """Return in words which sessions a rule is about."""
    ended, over, least = one["max_age_seconds"], one["over_seconds"], one["min_sessions"]
    parts = [
        one["where"] or "all sessions",
        f"for each {one['by']}" if one["by"] else "",
        f"over {period(over)}" if over else "",
        f"of at least {counted(least, 'session')}" if least else "",
        f"score above {one['threshold']:g}" if one["threshold"] else "",
        f"that ended in the last {period(ended)}" if ended else "",
    ]
    return ", ".join(filter(None, parts))


def _buttons(one: Row) -> list[Any]:
    paused, muted, name = one["is_paused"], one["is_muted"], one["name"]
    found = [
        action_button("resume", "Resume", name)
        if paused
        else action_button("pause", "Pause", name),
        action_button("unmute", "Unmute", name)
        if muted
        else action_button("mute", "Mute 1 h", name),
    ]
    if one["source"] != "page":
        return found
    edit = html.Button(
        "Edit", id={"type": "alert-edit", "rule": name}, className="button", type="button",
        **aria(label=f"Edit: {shown(name)}"),
    )  # fmt: skip
    return [*found, edit, action_button("delete", "Delete", name)]


def action_button(action: str, label: str, rule: str) -> Any:
    """Return a button that does something with a rule."""
    return html.Button(
        label,
        id={"type": "alert", "action": action, "rule": rule},
        className="button",
        type="button",
        **aria(label=f"{label}: {shown(rule)}"),
    )
