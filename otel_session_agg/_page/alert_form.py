"""The form in which rules are made and changed; it asks what rules of the chosen kind have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from otel_session_agg._alerts.quantities import period
from otel_session_agg._alerts.rule import KINDS, SEVERITIES
from otel_session_agg._alerts.rules_file import keys_of, rule
from otel_session_agg._page.parts import aria, text
from otel_session_agg._untrusted.formatting import short

__all__ = [
    "DEFAULTS",
    "FIELDS",
    "MORE",
    "defaults_of",
    "form",
    "in_form",
    "place_of",
    "rule_of",
    "shown_for",
    "values_of",
    "which_of",
]

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
DEFAULTS = ("over", "min_sessions", "max_age", "cooldown", "threshold")
"""Fields that say what a rule has where they are empty, which depends on its kind."""
_LABELS: Mapping[str, str] = {
    "name": "Name",
    "kind": "Kind",
    "where": "Only sessions with",
    "by": "For each",
    "over": "Over the last",
    "min_sessions": "Sessions at least",
    "threshold": "Score at least",
    "max_age": "Ended in the last",
    "severity": "Severity",
    "cooldown": "Then quiet for",
    "notify_resolved": "Notify of the end",
    "notify": "Notify",
    **dict.fromkeys(KINDS, "Condition"),
}
"""What the fields are called, by the keys of rules."""
_KEY = re.compile(r"key '(\w+)': ")
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
                    html.Div(_text("name", "expensive sessions"), className="field"),
                    html.Div(_select("kind", kinds, KINDS[0]), className="field wider"),
                    html.Div(
                        _text("condition", _CONDITIONS[KINDS[0]], "session"),
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


def in_form(error: str) -> str:
    """Return what is wrong with a rule in the words of the form."""
    return _KEY.sub(lambda found: f"{_LABELS.get(found[1], found[1])}: ", error)


def defaults_of(kind: str) -> list[str]:
    """Return of each of ``DEFAULTS`` what a rule of a kind has that does not say it."""
    known = kind if kind in KINDS else KINDS[0]
    unsaid = rule("new", {known: _CONDITIONS[known]}, {})
    least, quiet = unsaid.min_sessions, unsaid.cooldown_seconds
    shown = (
        period(unsaid.over_seconds),
        str(least) if least else "any number",
        period(unsaid.max_age_seconds),
        ("same as Over" if unsaid.limit else period(quiet)) if quiet else "no time",
        f"{unsaid.threshold:g}",
    )
    return list(shown)


def _fields(channels: list[str]) -> dict[str, Any]:
    """Return the fields for the keys that only some rules have."""
    unsaid = dict(zip(DEFAULTS, defaults_of(KINDS[0]), strict=True))
    yes_no = [{"value": one, "label": one} for one in (_NO, _YES)]
    return {
        "where": _text("where", "such as service.name = checkout"),
        "by": _text("by", "such as service.name"),
        "over": _text("over", unsaid["over"]),
        "min_sessions": _number("min_sessions", unsaid["min_sessions"]),
        "threshold": _number("threshold", unsaid["threshold"]),
        "max_age": _text("max_age", unsaid["max_age"]),
        "severity": _select("severity", list(SEVERITIES), "warning"),
        "cooldown": _text("cooldown", unsaid["cooldown"]),
        "notify_resolved": _select("notify_resolved", yes_no, _NO),
        "notify": dmc.MultiSelect(
            id="alerts-notify", label=_LABELS["notify"], data=channels, value=channels, size="xs",
            placeholder="nobody" if channels else "no channels",
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


def _text(key: str, placeholder: str, named: str = "") -> Any:
    return dmc.TextInput(
        id=f"alerts-{key}",
        label=_LABELS[named or key],
        placeholder=placeholder,
        size="xs",
        attributes={"input": {"spellCheck": "false"}},
    )


def _number(key: str, placeholder: str) -> Any:
    return dmc.NumberInput(
        id=f"alerts-{key}", label=_LABELS[key], placeholder=placeholder, min=1, size="xs",
        allowDecimal=key == "threshold",
    )  # fmt: skip


def _select(key: str, data: Sequence[Any], value: str) -> Any:
    return dmc.Select(
        id=f"alerts-{key}",
        label=_LABELS[key],
        data=list(data),
        value=value,
        allowDeselect=False,
        size="xs",
    )
