"""Controls of single views whose values stand in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Input, Output
from dash import State as Given

from otel_session_agg._untrusted.formatting import short

__all__ = ["choice", "register", "written"]

_MAX_CHARS = 80


def choice(
    key: str,
    label: str,
    values: Mapping[str, str] | Sequence[str],
    value: str,
    default: str = "",
    **more: Any,
) -> Any:
    """Return a list to choose from: names, or names with what they are called.

    Args:
        key: The name in the address.
        label: What is chosen.
        values: What can be chosen; the value is always among it.
        value: What is chosen now.
        default: What an address without the name means.
        more: Further properties.

    """
    known = dict(values) if isinstance(values, Mapping) else {one: one for one in values}
    known.setdefault(value, value)
    data = [{"value": name, "label": short(shown, _MAX_CHARS)} for name, shown in known.items()]
    return dmc.Select(
        id={"type": "field", "key": key, "default": default},
        label=label,
        data=data,
        value=value,
        allowDeselect=False,
        checkIconPosition="right",
        size="xs",
        className="field",
        **{"searchable": len(known) > 8, **more},  # noqa: PLR2004 -- more than is seen at once
    )


def written(key: str, label: str, value: str, placeholder: str, default: str = "") -> Any:
    """Return a text that counts when it is left, or with Enter."""
    return dmc.TextInput(
        id={"type": "field", "key": key, "default": default},
        label=label,
        value=value,
        placeholder=placeholder,
        debounce=True,
        size="xs",
        className="field written",
        attributes={"input": {"spellCheck": "false"}},
    )


def register(app: Any) -> None:
    """Register what a change does: it is in the address."""
    app.clientside_callback(
        ClientsideFunction("views", "field"),
        Output("address", "search", allow_duplicate=True),
        Input({"type": "field", "key": ALL, "default": ALL}, "value"),
        Given({"type": "field", "key": ALL, "default": ALL}, "id"),
        prevent_initial_call=True,
    )
