"""Read what stands in one cell of a table: maps and lists, however they are written there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_session_agg._otlp.field_values import record
from otel_session_agg._reading.objects import literal
from otel_session_agg._untrusted.json_text import loaded

_MAX_DEPTH = 12
"""Of objects that are made flat: keys grow with it, and instrumentations nest five or so."""
_NOTATION = ("{'", "['", "[{'")
"""How objects and lists begin in Python's notation, and not in JSON."""


def mapping(cell: object) -> Mapping[str, Any]:
    """Return a map: an object, its text, or a list of its pairs; empty: it is none."""
    value = _parsed(cell)
    if isinstance(value, (list, tuple)):
        return dict(_pairs(value))
    return record(value)


def _pairs(value: Sequence[object]) -> Iterator[tuple[str, Any]]:
    for pair in value:
        match (pair.get("key"), pair.get("value")) if isinstance(pair, dict) else pair:
            case (str(key), of_key):
                yield key, of_key


def sequence(cell: object) -> Sequence[Any]:
    """Return a list, or what its text stands for; empty: it is none."""
    value = _parsed(cell)
    return value if isinstance(value, (list, tuple)) else ()


def _parsed(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    try:
        return loaded(cell)
    except ValueError:
        return None


def written_out(cell: str) -> object:
    """Return what a cell of CSV stands for if it is an object or a list in Python's notation.

    Pandas writes them so, and ClickHouse its maps.
    """
    if not cell.startswith(_NOTATION):
        return cell
    try:
        return literal(cell)
    except ValueError:
        return cell


def flat(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with dots in their keys in place of objects, and lists of objects."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Mapping[str, Any], int]] = [("", nested, 1)]
    while waiting:
        prefix, inner, depth = waiting.pop()
        for key, value in inner.items():
            below = _below(value) if depth < _MAX_DEPTH else None
            if below is not None:
                waiting.append((f"{prefix}{key}.", below, depth + 1))
            elif value is not None:
                found[f"{prefix}{key}"] = value
    return found


def _below(value: object) -> Mapping[str, Any] | None:
    """Return what is below a key; ``None``: it has a value of its own."""
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return {str(number): one for number, one in enumerate(value)}
    return value if isinstance(value, dict) else None
