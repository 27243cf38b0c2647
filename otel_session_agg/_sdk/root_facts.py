"""Note on a trace what its root says beside its totals, and what it was asked first."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._reading.dimensions import DimensionReader
from otel_session_agg._spans.received import attributes_of
from otel_session_agg._trace.trace import Trace
from otel_session_agg._writing.inputs import Inputs


class RootFacts:
    """Reads roots that have ended, or are open in live mode."""

    def __init__(self, dimensions: DimensionReader, inputs: Inputs) -> None:
        self._dimensions = dimensions
        self._inputs = inputs

    def note(self, trace: Trace) -> None:
        """Note whether a root is exported, and what it states; without a root, nothing."""
        root = trace.payload
        if isinstance(root, ReadableSpan):
            context = root.context
            trace.is_sampled = context is None or context.trace_flags.sampled
            trace.dimensions = self._dimensions.of_root(attributes_of(root), root.resource)

    def note_input(self, trace: Trace) -> None:
        """Note the first input of a trace, which may be on a late span."""
        span = trace.root_span
        trace.first_input = self._inputs.raw(trace.trace_id, span.start_ns if span else 0)

    def forget(self, trace: Trace) -> None:
        """Drop what is not needed when a root has left."""
        is_noted = trace.first_input is not None
        trace.payload = trace.written = trace.first_input = None
        if is_noted and not trace.shares_id:
            self._inputs.drop(trace.trace_id)
