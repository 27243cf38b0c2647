"""Requests in JSON that are not just as the types say: what fits is taken, the rest is reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from msgspec import ValidationError, convert

from otel_session_agg._otlp.batches import Report
from otel_session_agg._otlp.json_documents import documents_of
from otel_session_agg._otlp.json_structs import (
    Event,
    Pair,
    Request,
    Resource,
    ResourceSpans,
    Scope,
    ScopeSpans,
    Span,
)

_Kind = TypeVar("_Kind")
_FIELDS = frozenset(Span.__struct_fields__) - {"links"}


def requests_of(data: bytes, place: str, report: Report) -> Iterator[Request]:
    """Yield the requests in a text."""
    for document in documents_of(data, place, report):
        yield Request(
            [
                _group(group, place, report)
                for group in _objects(document, "resourceSpans", place, report)
            ]
        )


def _group(group: Mapping[str, Any], place: str, report: Report) -> ResourceSpans:
    scopes = _objects(group, "scopeSpans", place, report)
    given = group.get("resource")
    fields = given if type(given) is dict else {}
    resource = _fitting(_with_fitting(fields, place, report), Resource)
    return ResourceSpans(resource, [_scope_group(scope, place, report) for scope in scopes])


def _scope_group(group: Mapping[str, Any], place: str, report: Report) -> ScopeSpans:
    spans = (_span(span, place, report) for span in _objects(group, "spans", place, report))
    scope = _fitting(group.get("scope"), Scope)
    return ScopeSpans(scope, [span for span in spans if span is not None])


def _span(given: Mapping[str, Any], place: str, report: Report) -> Span | None:
    """Return what fits of a span."""
    fields = {name: value for name, value in given.items() if name in _FIELDS}
    found = _fitting(fields, Span) or _fitting(_with_fitting(fields, place, report), Span)
    if found is None:
        report(place, "a span with a field of a wrong type")
    return found


def _with_fitting(fields: Mapping[str, Any], place: str, report: Report) -> dict[str, Any]:
    """Return fields without attributes and events that do not fit."""
    found = dict(fields)
    for name, kind in (("attributes", Pair), ("events", Event)):
        given = found.pop(name, None)
        if given is None:
            continue
        items = given if type(given) is list else []
        found[name] = [item for item in items if _fitting(item, kind) is not None]
        if len(found[name]) < len(items) or items is not given:
            report(place, f"{name} of a wrong type")
    return found


def _fitting(value: Any, kind: type[_Kind]) -> _Kind | None:
    try:
        return convert(value, kind)
    except (ValidationError, RecursionError):
        return None


def _objects(
    owner: Mapping[str, Any], name: str, place: str, report: Report
) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list."""
    found = owner.get(name)
    if found is None:
        return
    if type(found) is not list:
        report(place, f"{name} that is no list")
        return
    for item in found:
        if type(item) is dict:
            yield item
        else:
            report(place, f"an item of {name} that is no object")
