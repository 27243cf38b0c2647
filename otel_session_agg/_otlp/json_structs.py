"""OTLP's JSON form as types, by which JSON is read in one step.

The types of requests and spans refuse what they do not know, so that other spellings of names are
noticed; ``json_documents.py`` reads those.
"""
# ruff: noqa: N815  -- the names of OTLP's JSON form

from __future__ import annotations

from msgspec import Raw, Struct
from msgspec.json import Decoder

Whole = int | str | float | None
"""OTLP has numbers of 64 bits as text; some emitters write them as numbers."""


class Value(Struct, gc=False):
    """The value of an attribute: one of these."""

    stringValue: str | None = None
    intValue: Whole = None
    doubleValue: float | str | None = None
    boolValue: bool | None = None
    arrayValue: Values | None = None
    kvlistValue: Pairs | None = None
    bytesValue: str | None = None


class Values(Struct, gc=False):
    """A list as the value of an attribute."""

    values: list[Value | None] | None = None


class Pair(Struct, gc=False):
    """An attribute."""

    key: str
    value: Value | None = None


class Pairs(Struct, gc=False):
    """A mapping as the value of an attribute."""

    values: list[Pair] | None = None


class Status(Struct, gc=False):
    """The status of a span."""

    code: int | str | None = None
    message: str | None = None


class Event(Struct, gc=False):
    """An event of a span."""

    timeUnixNano: Whole = None
    name: str | None = None
    attributes: list[Pair] | None = None


class Span(Struct, gc=False, forbid_unknown_fields=True):
    """A span."""

    traceId: str
    spanId: str
    traceState: str | None = None
    parentSpanId: str | None = None
    flags: Whole = None
    name: str | None = None
    kind: int | str | None = None
    startTimeUnixNano: Whole = None
    endTimeUnixNano: Whole = None
    attributes: list[Pair] | None = None
    droppedAttributesCount: Whole = None
    events: list[Event] | None = None
    droppedEventsCount: Whole = None
    links: Raw = Raw(b"")
    droppedLinksCount: Whole = None
    status: Status | None = None


class Scope(Struct, gc=False):
    """An instrumentation scope."""

    name: str | None = None
    version: str | None = None


class ScopeSpans(Struct, gc=False, forbid_unknown_fields=True):
    """The spans of a scope."""

    scope: Scope | None = None
    spans: list[Span] | None = None
    schemaUrl: str | None = None


class Resource(Struct, gc=False):
    """What emitted spans."""

    attributes: list[Pair] | None = None


class ResourceSpans(Struct, gc=False, forbid_unknown_fields=True):
    """The spans of a resource."""

    resource: Resource | None = None
    scopeSpans: list[ScopeSpans] | None = None
    schemaUrl: str | None = None


class Request(Struct, gc=False, forbid_unknown_fields=True):
    """An export request; requests of other signals have no spans."""

    resourceSpans: list[ResourceSpans] | None = None
    resourceMetrics: Raw = Raw(b"")
    resourceLogs: Raw = Raw(b"")
    resourceProfiles: Raw = Raw(b"")


REQUESTS = Decoder(Request)
"""Reads a request, if it is just as the types say."""
