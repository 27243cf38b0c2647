"""The attributes that a processor writes on the roots of a trace, for traces that are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.trace_parts import TraceSums
from otel_session_agg._sessions.released_root import NO_LABELS, ReleasedRoot, why_lacking
from otel_session_agg._settings import Settings
from otel_session_agg._spans.given import as_made
from otel_session_agg._spans.made import sampled_context
from otel_session_agg._writing.naming import Naming
from otel_session_agg._writing.root_writer import RootWriter


class OnRoot(NamedTuple):
    """What is to be changed on a root."""

    trace_id: int
    span_id: int
    attributes: Mapping[str, Any]
    """New values; ``None``: the attribute is to be removed."""


class RootAttributes:
    """Makes the attributes of roots."""

    def __init__(self, settings: Settings) -> None:
        self._writer = RootWriter(Naming(settings))
        self._own: dict[tuple[int, int], tuple[SpanData, Sequence[SpanData]]] = {}

    def note(self, root: SpanData, spans: Iterable[SpanData]) -> None:
        """Keep a root as it was stored, and all copies of it among the spans of its trace."""
        copies = [span for span in spans if span.span_id == root.span_id]
        self._own[root.trace_id, root.span_id] = root, copies

    def of(self, sums: TraceSums, labels: SessionTotals | None) -> list[OnRoot]:
        """Return what the roots of one trace get, as by a processor that has seen all of it."""
        found = []
        for trace, rollup in sums.on_roots.items():
            noted = self._own.pop((trace.trace_id, trace.root_id or 0), None)
            if noted is None:
                continue
            own, copies = noted
            ready = ReleasedRoot(
                trace,
                sums.session_id,
                rollup,
                trace.partial or why_lacking(trace, rollup),
                is_carried=not trace.begins,
                labels=labels or NO_LABELS,
                dimensions=labels.dimension_values if labels is not None else {},
            )
            made = as_made(own)
            written = self._writer.root(ready, rollup, _span_of(made)).attributes or {}
            totals = {
                name: value
                for name, value in written.items()
                if name not in made.attributes or made.attributes[name] != value
            }
            changes: dict[str, Any] = {}
            for copy in copies:
                changes.update(_changes(copy, totals))
            found.append(OnRoot(own.trace_id, own.span_id, changes))
        return found


def _changes(copy: SpanData, totals: Mapping[str, Any]) -> dict[str, Any]:
    """Return the totals that differ, and what is left of an earlier run, as it is without it."""
    own, plain = copy.attributes, as_made(copy).attributes
    earlier = {name: plain.get(name) for name in own if plain.get(name) != own[name]}
    wanted = {**earlier, **totals}
    return {name: value for name, value in wanted.items() if own.get(name) != value}


def _span_of(root: SpanData) -> ReadableSpan:
    return ReadableSpan(
        name=root.name,
        context=sampled_context(root.trace_id, root.span_id),
        attributes=root.attributes,
        instrumentation_scope=InstrumentationScope(root.scope_name, root.scope_version),
        start_time=root.start_ns,
        end_time=root.end_ns,
    )
