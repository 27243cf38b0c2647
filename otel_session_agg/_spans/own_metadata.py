"""A root's own ``metadata``: OpenInference's attribute, an object as JSON, that may hold totals."""

from __future__ import annotations

import json
from typing import Any

from otel_session_agg import attributes as n

OWN_METADATA = "metadata"
"""The attribute; OpenInference writes JSON."""

_MAX_CHARS = 100_000
"""Characters of JSON that is read and written anew: ten times what frameworks put there."""

_TOTALS = frozenset(
    name.removeprefix(n.METADATA_PREFIX)
    for name in n.RESERVED
    if name.startswith(n.METADATA_PREFIX)
)


def object_of(text: str) -> dict[str, Any] | None:
    """Return an object in JSON; ``None``: it is none, or too long."""
    if len(text) > _MAX_CHARS or not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def without_totals(own: object) -> object:
    """Return a root's metadata without the totals that were written into it."""
    found = object_of(own) if isinstance(own, str) else None
    if found is None or _TOTALS.isdisjoint(found):
        return own
    return json.dumps({name: value for name, value in found.items() if name not in _TOTALS})
