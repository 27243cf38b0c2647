"""Totals put on spans: on roots that leave, on roots that are still open, and on the spans that are session records."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span

from otel_session_agg import _names as n
from otel_session_agg import _writer, conventions
from otel_session_agg._guard import Guard
from otel_session_agg._model import Event, Kind
from otel_session_agg._naming import Attributes, Naming
from otel_session_agg._ready import Ready, why_lacking
from otel_session_agg._rollup import Rollup
from otel_session_agg._sdk import (
    EnrichedSpan,
    attributes_of,
    is_copied_session,
    made_span,
    nanoseconds,
    sampled_context,
    span_data,
)
from otel_session_agg._session_record import SessionRecord
from otel_session_agg._session_totals import SessionTotals
from otel_session_agg._traces import Trace

_warned = Guard(logging.getLogger("otel_session_agg"))
"""Names are warned of once per process, however many processors there are."""

_CALLS = frozenset({Kind.MODEL, Kind.EMBEDDING})

_LOGFIRE = "logfire"
"""Scope, or first part of it, of what Logfire and its integrations write; ``duration`` is in seconds there."""

_LOGFIRE_MARK = "logfire.msg_template"
"""Stands on all spans that were made by Logfire's functions, whatever their scope; on no others."""

_FREE_ATTRIBUTES = 16
"""Of an open root, how many attributes its application can still set before the SDK drops the oldest."""

_DEFAULT_LIMIT = 128
"""The SDK's own limit of attributes on one span."""

_FIRST = (
    n.NUM_UNPRICED_EVENTS,
    n.COST,
    n.ROLLUP,
    n.TOTAL_TOKENS,
    n.PROMPT_TOKENS,
    n.COMPLETION_TOKENS,
    n.SESSION_ID,
    n.BUDGET_EXCEEDED,
)
"""What is written on an open root that has no room for everything."""


class Enrichment:
    """Writes totals in the names that the settings choose."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming

    def root(self, ready: Ready, rollup: Rollup, root: ReadableSpan) -> ReadableSpan:
        """A copy of a root that leaves, with its totals."""
        existing = _by_hand(root, attributes_of(root))
        over = n.OF_PART if ready.is_carried else n.OF_TRACE
        written = _writer.attributes(rollup, self._naming.kept_by(existing), ready.why_partial, over=over)
        if ready.is_exceeded:
            written[n.BUDGET_EXCEEDED] = True
        written.update(_said_of_session(ready.labels, existing))
        event = ready.trace.root_event
        is_call = event is not None and _is_call(event)
        named = self._naming.named(written, existing, is_call=is_call)
        replaced = self._naming.replaced(existing, named)
        for name in replaced:
            _warned.once(
                "reserved", name, "attribute %s is reserved for session totals: the value set on a root is replaced", name
            )
        return EnrichedSpan(root, named, replaced)

    def live(self, trace: Trace, root: Span, rollup: Rollup, labels: SessionTotals, *, is_exceeded: bool) -> None:
        """Write the totals so far on a root that is still open."""
        rollup += Rollup(start_ns=nanoseconds(root.start_time) or None)  # its end is not known yet
        own, before = attributes_of(root), trace.written or {}
        by_hand = _by_hand(root, {name: value for name, value in own.items() if before.get(name) != value})
        written = _writer.attributes(rollup, self._naming.kept_by(by_hand), why_lacking(trace, rollup))
        if rollup.cost_source is None:
            written.pop(n.COST, None)  # what stands on a span cannot be taken back when the cost turns out to be unknown
        if is_exceeded:
            written[n.BUDGET_EXCEEDED] = True
        written.update(_said_of_session(labels, by_hand))
        is_call = not self._naming.is_default and _is_call(conventions.read(span_data(root)))
        now = self._fitting(root, own, written, by_hand, is_call=is_call)
        trace.written = {**{name: 0 for name, value in before.items() if type(value) is int}, **now}
        root.set_attributes({name: value for name, value in trace.written.items() if own.get(name) != value})

    def _fitting(
        self, root: Span, own: Mapping[str, Any], written: Attributes, by_hand: Mapping[str, Any], *, is_call: bool
    ) -> Attributes:
        """As many attributes as a root has room for: beyond its limit, the SDK drops those of the application."""
        named = self._naming.named(written, by_hand, is_call=is_call)
        limit = getattr(getattr(root, "_limits", None), "max_span_attributes", _DEFAULT_LIMIT)
        if limit is None or len(own) + len(named) <= limit - _FREE_ATTRIBUTES:
            return named
        room = max(0, limit - _FREE_ATTRIBUTES - len(own))
        first = {name: written[name] for name in _FIRST if name in written}
        named = self._naming.named({**first, **written}, by_hand, is_call=is_call)
        new = [name for name in named if name not in own]
        if len(new) > room:
            _warned.once("no room", n.COST, "a root with nearly as many attributes as the SDK allows has no room for all totals")
        return {name: value for name, value in named.items() if name not in new[room:]}

    def record(self, record: SessionRecord, resource: Resource) -> ReadableSpan:
        """The span that is a session record.

        It has no length, so that it changes no percentile of latencies, and is a child of the exported root that ended last, whose
        trace it does not lengthen.  The times of the session are attributes.
        """
        at_ns = record.rollup.end_ns or time.time_ns()  # nothing but feedback, perhaps
        return made_span(
            n.SESSION_SPAN,
            (record.trace_id, record.span_id),
            (at_ns, at_ns),
            parent=sampled_context(*record.parent) if record.parent is not None else None,
            resource=resource,
            attributes=self._naming.named(_writer.record_attributes(record), {}),
            links=record.members,
        )


def _by_hand(root: ReadableSpan, own: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of a root without those that no hand has set, of those that may stay.

    These are a session id that was copied from a conversation or thread, and Logfire's own duration.
    """
    gone = set()
    if n.SESSION_ID in own and is_copied_session(root, own):
        gone.add(n.SESSION_ID)
    if n.DURATION in own and (_LOGFIRE_MARK in own or _is_logfires(root)):
        gone.add(n.DURATION)
    return {name: value for name, value in own.items() if name not in gone} if gone else own


def _is_logfires(root: ReadableSpan) -> bool:
    scope = root.instrumentation_scope
    return scope is not None and str(scope.name).partition(".")[0] == _LOGFIRE


def _said_of_session(labels: SessionTotals, existing: Mapping[str, Any]) -> Attributes:
    """Who uses the session and its metadata, as far as the root does not say so itself."""
    said: Attributes = {n.METADATA_PREFIX + name: label.value for name, label in labels.metadata.items()}
    if labels.user is not None:
        said[n.USER_ID] = labels.user.value
    return {name: value for name, value in said.items() if existing.get(name) is None and name not in n.RESERVED}


def _is_call(event: Event) -> bool:
    """Whether a root is a call, or would be read as one with totals on it."""
    return event.kind in _CALLS or bool(event.response_model or event.request_model)
