"""Write totals on roots that leave, and make spans for records."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg import attributes as n
from otel_session_agg._guard import Guard
from otel_session_agg._model.details import NO_DETAILS
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import CALLS, Kind, Reading
from otel_session_agg._reading.dimensions import Values
from otel_session_agg._sessions.released_root import ReleasedRoot
from otel_session_agg._spans.made import RootSpan, made_span, sampled_context
from otel_session_agg._spans.own_metadata import OWN_METADATA
from otel_session_agg._spans.received import (
    attributes_of,
    is_copied_session,
    nanoseconds,
)
from otel_session_agg._writing import rollup_attributes
from otel_session_agg._writing.detail_attributes import detail_attributes
from otel_session_agg._writing.inputs import Inputs
from otel_session_agg._writing.naming import Attributes, Naming
from otel_session_agg._writing.own_metadata import with_totals

warned = Guard(logging.getLogger("otel_session_agg"))
"""Warns of each name once per process, however many processors there are."""

_LOGFIRE = "logfire"
"""Scope, or first part of it, of spans of Logfire and its integrations; ``duration`` is in seconds
there."""

_LOGFIRE_TEMPLATE = "logfire.msg_template"
"""Is on all spans that were made by Logfire's functions, whatever their scope, and on no others."""

_SPAN_KINDS = {
    Kind.MODEL: "LLM",
    Kind.EMBEDDING: "EMBEDDING",
    Kind.TOOL: "TOOL",
    Kind.RETRIEVER: "RETRIEVER",
    Kind.AGENT: "AGENT",
    Kind.GUARDRAIL: "GUARDRAIL",
    Kind.EVALUATOR: "EVALUATOR",
}
_OF_CALLS = ("gen_ai.", "llm.", "ai.", "traceloop.")
"""Prefixes of the attributes of calls; a backend that knows them finds the kind itself."""

_CHAIN = "CHAIN"
"""OpenInference's kind for anything else: "a starting point or a link between steps"."""


class RootWriter:
    """Writes totals in the names that the settings choose."""

    def __init__(self, naming: Naming) -> None:
        self.naming = naming
        self.inputs = Inputs(naming.input_chars)

    def root(self, ready: ReleasedRoot, rollup: Rollup, root: ReadableSpan) -> ReadableSpan:
        """Return a copy of a root that leaves, with its totals."""
        own = attributes_of(root)
        existing = set_by_hand(root, own)
        labels = session_labels(ready.labels, ready.dimensions, existing)
        reading = ready.trace.root_reading
        of_call = reading is not None and is_call(reading)
        over = n.OF_PART if ready.is_carried else n.OF_TRACE
        written = rollup_attributes.attributes(rollup, ready.why_partial, over=over)
        if rollup.details is not NO_DETAILS:
            written.update(detail_attributes(rollup))
        if ready.is_exceeded:
            written[n.BUDGET_EXCEEDED] = True
        written.update(labels)
        if self.naming.has_kind:
            self._add_kind(written, reading, existing, self._first_input(root))
        named, replaced = self.naming.on_root(written, existing, is_call=of_call)
        for name in replaced:
            warned.once(
                "reserved",
                name,
                "attribute %s is reserved for session totals: the value set on a root is replaced",
                name,
            )
        stays = {name: own[name] for name in own if name not in replaced} if replaced else own
        if OWN_METADATA in existing:
            named = in_metadata(named, existing)
        return RootSpan(root, {**stays, **named})

    def _first_input(self, root: ReadableSpan) -> str | None:
        """Return the first input in a root or below it, where it is written."""
        if root.context is None:
            return None
        return self.inputs.of(root.context.trace_id, nanoseconds(root.start_time))

    def add_kind(
        self,
        written: Attributes,
        reading: Reading | None,
        own: Mapping[str, Any],
        root: ReadableSpan,
    ) -> None:
        """Add kind and input of a root, where the settings have names for them."""
        if self.naming.has_kind:
            self._add_kind(written, reading, own, self._first_input(root))

    def _add_kind(
        self,
        written: Attributes,
        reading: Reading | None,
        own: Mapping[str, Any],
        first_input: str | None,
    ) -> None:
        """Add kind and input of a root or record.

        A root that may yet turn out to be a call gets no kind.
        """
        kind = reading.kind if reading is not None else Kind.CHAIN
        if not (kind is Kind.SPAN and any(name.startswith(_OF_CALLS) for name in own)):
            written[n.SPAN_KIND] = _SPAN_KINDS.get(kind, _CHAIN)
        if first_input is not None:
            written[n.INPUT] = first_input

    def record(self, record: SessionRecord, resource: Resource) -> ReadableSpan:
        """Return the span that is a session record.

        It has no length, so that it changes no percentile of latencies, and is a child of the
        exported root that ended last, whose trace it does not lengthen.  The times of the session
        are attributes.
        """
        written = rollup_attributes.record_attributes(record)
        if self.naming.has_kind:
            self._add_kind(written, None, {}, record.first_input)
        at_ns = record.rollup.end_ns or time.time_ns()  # nothing but feedback, perhaps
        return made_span(
            n.SESSION_SPAN,
            (record.trace_id, record.span_id),
            (at_ns, at_ns),
            parent=sampled_context(*record.parent) if record.parent is not None else None,
            resource=resource,
            attributes=self.naming.named(written, {}),
            links=record.members,
        )


def set_by_hand(root: ReadableSpan, own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the attributes of a root that count as set by hand.

    Those that do not: a session id that was copied from a conversation or thread, and Logfire's own
    duration.
    """
    gone = set()
    if n.SESSION_ID in own and is_copied_session(root, own):
        gone.add(n.SESSION_ID)
    if n.DURATION in own and (_LOGFIRE_TEMPLATE in own or _is_logfires(root)):
        gone.add(n.DURATION)
    return {name: value for name, value in own.items() if name not in gone} if gone else own


def _is_logfires(root: ReadableSpan) -> bool:
    scope = root.instrumentation_scope
    return scope is not None and str(scope.name).partition(".")[0] == _LOGFIRE


def session_labels(
    labels: SessionTotals, dimensions: Values, existing: Mapping[str, Any]
) -> Attributes:
    """Return user, metadata and dimensions of the session, unless the root has its own."""
    if labels.user is None and not labels.metadata and not dimensions:
        return {}
    labelled: Attributes = {
        n.METADATA_PREFIX + name: label.value for name, label in labels.metadata.items()
    }
    labelled.update(rollup_attributes.dimension_attributes(dimensions))
    if labels.user is not None:
        labelled[n.USER_ID] = labels.user.value
    return {
        name: value
        for name, value in labelled.items()
        if existing.get(name) is None and name not in n.RESERVED
    }


def in_metadata(
    named: Attributes, own: Mapping[str, Any], max_chars: int | None = None
) -> dict[str, Any]:
    """Return the totals, also inside the metadata that a root has already, if it may be so long."""
    if OWN_METADATA not in own:
        return named
    # session() writes metadata as attributes of its own
    beside = {
        name: own[name] for name in own.keys() - n.RESERVED if name.startswith(n.METADATA_PREFIX)
    }
    merged = with_totals(own[OWN_METADATA], {**beside, **named})
    if merged is None or (
        max_chars is not None and isinstance(merged, str) and len(merged) > max_chars
    ):
        return named
    return {**named, OWN_METADATA: merged}


def is_call(reading: Reading) -> bool:
    """Return whether a root is a call, or would be read as one with totals on it."""
    return reading.kind in CALLS or bool(reading.response_model or reading.request_model)
