"""JSON texts of OTLP -> objects with the names of OTLP's JSON form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from otel_session_agg._otlp.batches import Report
from otel_session_agg._otlp.json_pieces import pieces
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._untrusted.values import encodable

_SNAKE = re.compile(rb'"[a-z]+_[a-z_]+"\s*:')
"""A field's name in the form of the ``.proto`` files, which readers have to take, too."""

_OLD_NAMES = {
    "batches": "resourceSpans",  # Grafana Tempo's API
    "instrumentationLibrarySpans": "scopeSpans",  # OTLP before 0.19
    "instrumentationLibrary": "scope",
}
_OLD = re.compile(rb'"(?:batches|instrumentationLibrarySpans)"\s*:')

_OTHER_SIGNALS = frozenset({"resourceMetrics", "resourceLogs", "resourceProfiles"})

_MAX_DEPTH = 200
"""Objects and lists inside each other; what is deeper keeps its names."""


def documents_of(data: bytes, place: str, report: Report) -> Iterator[dict[str, Any]]:
    """Yield the objects with ``resourceSpans`` in a text: a request, or a list of them.

    Of a text that breaks off, the spans before that are returned.
    """
    values = [parsed(data, place, report)]
    if values == [None]:
        values = [parsed(piece.data, place, report) for piece in pieces(iter([data]), "", _ignore)]
    for value in values:
        if _SNAKE.search(data) is not None or _OLD.search(data) is not None:
            value = _renamed(value, 0)  # noqa: PLW2901 -- the same with other names
        for document in value if type(value) is list else [value]:
            yield from _request(document, place, report)


def _ignore(place: str, what: str) -> None:
    """Do not report again what was reported."""


def _request(document: Any, place: str, report: Report) -> Iterator[dict[str, Any]]:
    if type(document) is dict and type(document.get("trace")) is dict:  # Tempo's second API
        document = document["trace"]
    if type(document) is dict and "resourceSpans" in document:
        yield document
    elif type(document) is not dict or (document and not document.keys() & _OTHER_SIGNALS):
        report(place, "JSON without resourceSpans")


def parsed(data: bytes, place: str, report: Report) -> Any:
    """Return the value of a JSON text; ``None``: it is none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        report(place, "text that is not UTF-8 is replaced")
    try:
        value = loaded(text)
    except ValueError:
        report(place, "no JSON, or not all of it")
        return None
    return _encodable(value) if "\\ud" in text or "\\uD" in text else value


def _encodable(value: Any) -> Any:
    """Return a value without halves of surrogate pairs, which nothing can store."""
    text = json.dumps(value, ensure_ascii=False)
    return value if encodable(text) == text else loaded(encodable(text))


def _renamed(value: Any, depth: int) -> Any:
    """Return a value with the names of the JSON form; names are never the users' own."""
    if depth > _MAX_DEPTH:
        return value
    if type(value) is dict:
        return {_name(key): _renamed(inner, depth + 1) for key, inner in value.items()}
    if type(value) is list:
        return [_renamed(inner, depth + 1) for inner in value]
    return value


def _name(name: str) -> str:
    first, *others = name.split("_")
    name = first + "".join(other.capitalize() for other in others)
    return _OLD_NAMES.get(name, name)
