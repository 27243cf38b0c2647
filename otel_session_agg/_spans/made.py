"""Make spans: the copy of a root with its totals, and spans of this library's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, TraceFlags

from otel_session_agg._spans import received
from otel_session_agg._spans.scope import SCHEMA_URL, version
from otel_session_agg.attributes import OUR_SCOPE

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class RootSpan(ReadableSpan):
    """A root with its totals: a copy with other attributes."""

    def __init__(self, root: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        """Copy all but the attributes, the counts of what was dropped included."""
        if type(root) is received._OWN:  # noqa: SLF001 -- the class whose fields are read
            self.__dict__.update(root.__dict__)
            self._attributes: Mapping[str, Any] = attributes
        else:
            super().__init__(
                name=root.name,
                context=root.context,
                parent=root.parent,
                resource=root.resource,
                attributes=attributes,
                events=root.events,
                links=root.links,
                kind=root.kind,
                status=root.status,
                start_time=root.start_time,
                end_time=root.end_time,
                instrumentation_scope=root.instrumentation_scope,
            )
        self._dropped = (root.dropped_attributes, root.dropped_events, root.dropped_links)

    @property
    def dropped_attributes(self) -> int:
        """Number of attributes that the SDK's limits dropped from the root."""
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        """Number of events that the SDK's limits dropped from the root."""
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        """Number of links that the SDK's limits dropped from the root."""
        return self._dropped[2]


def made_span(  # noqa: PLR0913 -- one for each field of such a span
    name: str,
    context: tuple[int, int],
    times_ns: tuple[int, int],
    *,
    resource: Resource | None,
    attributes: Mapping[str, Any],
    parent: SpanContext | None = None,
    links: Iterable[tuple[int, int]] = (),
    events: Sequence[Event] = (),
) -> ReadableSpan:
    """Return a span of this library's scope.

    ``context`` is its trace and span id, ``links`` those of other spans; ``times_ns`` are start and
    end.
    """
    return ReadableSpan(
        name=name,
        context=sampled_context(*context),
        parent=parent,
        resource=resource,
        attributes=attributes,
        events=events,
        links=[Link(sampled_context(trace_id, span_id)) for trace_id, span_id in links if span_id],
        kind=SpanKind.INTERNAL,
        status=Status(),
        start_time=times_ns[0],
        end_time=times_ns[1],
        instrumentation_scope=_scope(),
    )


def sampled_context(trace_id: int, span_id: int) -> SpanContext:
    """Return the context of a span that is exported."""
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)


@cache
def _scope() -> InstrumentationScope:
    return InstrumentationScope(OUR_SCOPE, version(), SCHEMA_URL)
