"""Spans with totals on them: roots that leave, and session records."""

from __future__ import annotations

import logging
import time

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg import _names as n
from otel_session_agg import _writer
from otel_session_agg._departures import Ready
from otel_session_agg._guard import Guard
from otel_session_agg._model import Event, Kind
from otel_session_agg._naming import Naming
from otel_session_agg._rollup import Rollup
from otel_session_agg._sdk import EnrichedSpan, attributes_of, made_span
from otel_session_agg._session_record import SessionRecord

_warned = Guard(logging.getLogger("otel_session_agg"))
"""Reserved names are warned of once per process, however many processors there are."""

_CALLS = frozenset({Kind.MODEL, Kind.EMBEDDING})


class Enrichment:
    """Writes totals under the names that a processor's settings choose."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming

    def root(self, ready: Ready, rollup: Rollup, root: ReadableSpan) -> ReadableSpan:
        """A copy of a root, with its totals."""
        existing = attributes_of(root)
        replaced = self._naming.reserved & existing.keys()
        for name in replaced:
            _warned.once(
                "reserved", name, "attribute %s is reserved for session totals: the value set on a root is replaced", name
            )
        written = _writer.attributes(rollup, self._naming.kept_by(existing), ready.why_partial)
        if ready.is_exceeded:
            written[n.BUDGET_EXCEEDED] = True
        event = ready.trace.root_event
        as_call = event is not None and is_call(event)
        return EnrichedSpan(root, self._naming.named(written, existing, is_call=as_call), replaced)

    def record(self, record: SessionRecord, resource: Resource) -> ReadableSpan:
        """The span that is a session record; ``resource``: what it stands for."""
        rollup = record.rollup
        at_ns = rollup.start_ns or rollup.end_ns or time.time_ns()  # nothing but feedback, perhaps
        times = (at_ns, rollup.end_ns or at_ns)
        return made_span(
            n.SESSION_SPAN,
            (record.trace_id, record.span_id),
            times,
            resource=resource,
            attributes=self._naming.named(_writer.record_attributes(record), {}),
            links=record.members,
        )


def is_call(event: Event) -> bool:
    """Whether a root is a call, or would be read as one with totals on it."""
    return event.kind in _CALLS or bool(event.response_model or event.request_model)
