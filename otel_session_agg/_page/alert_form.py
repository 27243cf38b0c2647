"""The form in which rules are made and changed; it asks what rules of the chosen kind have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from otel_session_agg._alerts.rule import KINDS, SEVERITIES
from otel_session_agg._alerts.rules_file import keys_of
from otel_session_agg._page.parts import aria, text
from otel_session_agg._untrusted.formatting import short

__all__ = ["FIELDS", "MORE", "form", "place_of", "rule_of", "shown_for", "values_of", "which_of"]

_FIRST = ("name", "kind", "condition")
MORE = (
    "where", "by", "over", "min_sessions", "threshold", "max_age", "severity", "cooldown",
    "notify_resolved", "notify",
)  # fmt: skip
"""Keys of rules; which of them a rule has depends on its kind."""
FIELDS = (*_FIRST, *MORE)
"""What the form asks."""

_CONDITIONS: Mapping[str, str] = {
    "session": "cost > 0.10",
    "aggregate": "p95(duration) > 20 s",
    "drift": "avg(cost) > +30 %",
    "anomaly": "cost",
}
"""A rule of each kind, to see how it is written."""
_KINDS: Mapping[str, str] = {
    "session": "session: each by itself",
    "aggregate": "aggregate: a figure of many",
    "drift": "drift: against the time before",
    "anomaly": "anomaly: one that stands out",
}
_YES, _NO = "yes", "no"
_MAX_CHARS = 80


def place_of(key: str) -> str:
    """Return the id of what is around a field."""
    return f"alerts-place-{key}"


def form(channels: Sequence[Mapping[str, Any]]) -> Any:
    """Return the form; ``channels``: who can be notified."""
    kinds = [{"value": kind, "label": _KINDS[kind]} for kind in KINDS]
    fields = _fields([channel["name"] for channel in channels])
    hidden = dict(zip(MORE, shown_for(KINDS[0])[1], strict=True))
    places = [
        html.Div(
            fields[key], id=place_of(key), hidden=hidden[key],
            className="field written" if key == "where" else "field",
        )
        for key in MORE
    ]  # fmt: skip
    return html.Div(
        [
            html.Div(
                [
                    html.Div(_text("name", "Name", "expensive sessions"), className="field"),
                    html.Div(_select("kind", "Kind", kinds, KINDS[0]), className="field wider"),
                    html.Div(
                        _text("condition", "Condition", _CONDITIONS[KINDS[0]]),
                        className="field written",
                    ),
                    *places,
                ],
                className="fields",
            ),
            html.Div(
                [
                    html.Button("Preview on 7 days", id="alerts-try", className="button"),
                    html.Button("Save rule", id="alerts-save", className="button primary"),
                    html.Button(
                        "Save as a new rule", id="alerts-save-new", className="button", hidden=True
                    ),
                    html.Span(which_of(None), id="alerts-which", **aria(live="polite")),
                ],
                className="row-of",
            ),
            html.Div(id="alerts-preview", **aria(live="polite")),
        ],
        className="stack",
    )


def which_of(before: str | None) -> str:
    """Return which rule is saved, in words; ``before``: the name of the one that was chosen."""
    if before is None:
        return ""
    return f"This changes the rule {text(short(before, _MAX_CHARS))}: another name renames it"


def _fields(channels: list[str]) -> dict[str, Any]:
    """Return the fields for the keys that only some rules have."""
    yes_no = [{"value": one, "label": one} for one in (_NO, _YES)]
    return {
        "where": _text("where", "Only sessions with", "service.name = checkout"),
        "by": _text("by", "For each", "service.name"),
        "over": _text("over", "Over", "1 h"),
        "min_sessions": _number("min_sessions", "Sessions at least", "20"),
        "threshold": _number("threshold", "Score at least", "3.5"),
        "max_age": _text("max_age", "Ended at most ... ago", "1 h"),
        "severity": _select("severity", "Severity", list(SEVERITIES), "warning"),
        "cooldown": _text("cooldown", "Cool-down", "10 min"),
        "notify_resolved": _select("notify_resolved", "Notify of the end", yes_no, _NO),
        "notify": dmc.MultiSelect(
            id="alerts-notify", label="Notify", data=channels, value=channels, size="xs",
            placeholder="nobody" if channels else "no channel in the file of rules",
        ),
    }  # fmt: skip


def shown_for(kind: str) -> tuple[str, list[bool]]:
    """Return how a rule of a kind is written, and of each further field whether it is hidden."""
    known = keys_of(kind if kind in KINDS else KINDS[0])
    return _CONDITIONS.get(kind, ""), [key not in known for key in MORE]


def rule_of(fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the rule that the form says; hidden fields are no part of it."""
    kind = str(fields["kind"])
    rule: dict[str, Any] = {kind: str(fields["condition"] or "").strip()}
    known = keys_of(kind) if kind in KINDS else ()
    given = {key: fields.get(key) for key in MORE if key in known}
    if "notify_resolved" in given:
        given["notify_resolved"] = True if given["notify_resolved"] == _YES else None
    rule |= {key: value for key, value in given.items() if value not in (None, "")}
    return str(fields["name"] or "").strip(), rule


def values_of(name: str, rule: Mapping[str, Any]) -> list[Any]:
    """Return what the fields show of a rule, in their order."""
    kind = next((kind for kind in KINDS if kind in rule), KINDS[0])
    notify = rule.get("notify", [])
    shown: dict[str, Any] = {key: _shown(rule.get(key)) for key in MORE}
    shown |= {
        "name": name,
        "kind": kind,
        "condition": str(rule.get(kind, "")),
        "min_sessions": rule.get("min_sessions", ""),
        "threshold": rule.get("threshold", ""),
        "severity": rule.get("severity", "warning"),
        "notify_resolved": _YES if rule.get("notify_resolved") is True else _NO,
        "notify": [notify] if isinstance(notify, str) else list(notify),
    }
    return [shown[key] for key in FIELDS]


def _shown(value: object) -> str:
    return "" if value is None else str(value)


# -- fields ----------------------------------------------------------------------------------------


def _text(key: str, label: str, placeholder: str) -> Any:
    return dmc.TextInput(
        id=f"alerts-{key}",
        label=label,
        placeholder=placeholder,
        size="xs",
        attributes={"input": {"spellCheck": "false"}},
    )


def _number(key: str, label: str, placeholder: str) -> Any:
    return dmc.NumberInput(
        id=f"alerts-{key}", label=label, placeholder=placeholder, min=1, size="xs",
        allowDecimal=key == "threshold",
    )  # fmt: skip


def _select(key: str, label: str, data: Sequence[Any], value: str) -> Any:
    return dmc.Select(
        id=f"alerts-{key}",
        label=label,
        data=list(data),
        value=value,
        allowDeselect=False,
        size="xs",
    )
