"""Session roots whose parent is in this process but will not be seen.

``_sdk/parents.py`` finds them: the parent is made up, was dropped by a sampler, belongs to another
tracer provider, or had ended before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from otel_session_agg._model.span import SpanData
from otel_session_agg._trace.trace import Trace

_NONE: OrderedDict[int, Trace] = OrderedDict()


class TopRoots:
    """These roots, by their span id and by their parent."""

    def __init__(self) -> None:
        self.by_span: dict[int, Trace] = {}
        self._below: dict[tuple[int, int], OrderedDict[int, Trace]] = {}
        """By trace id and parent, the oldest first."""

    def add(self, trace: Trace, parent_id: int) -> None:
        """Note that a root has such a parent."""
        if trace.root_id is not None:
            trace.above_id = parent_id
            self.by_span[trace.root_id] = trace
            self._below.setdefault((trace.trace_id, parent_id), OrderedDict())[id(trace)] = trace

    def as_root(self, span: SpanData) -> SpanData:
        """Return an ended span, changed to a root if it began as one."""
        trace = self.by_span.get(span.span_id)
        if trace is None or trace.trace_id != span.trace_id or span.parent_id is None:
            return span
        return span._replace(parent_id=None, carried_parent_id=span.parent_id, is_part=True)

    def below(self, trace_id: int, parent_id: int) -> Iterable[Trace]:
        """Return the roots with this parent, the newest first."""
        return reversed(self._below.get((trace_id, parent_id), _NONE).values())

    def drop(self, trace: Trace) -> None:
        """Forget a root, if it is one of these."""
        if trace.root_id is not None and self.by_span.get(trace.root_id) is trace:
            del self.by_span[trace.root_id]
        if trace.above_id is not None:
            name = (trace.trace_id, trace.above_id)
            alike = self._below.get(name)
            if alike is not None:
                alike.pop(id(trace), None)
                if not alike:
                    del self._below[name]
