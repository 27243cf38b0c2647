"""Write the totals so far on roots that are open, each time that a span below them has ended.

The application waits for this, so nothing is found out or written again that is the same as the
last time: what the application has set on the root by hand, and totals that have not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import Span

from otel_session_agg import attributes as n
from otel_session_agg._model.details import NO_DETAILS, Details
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import Reading
from otel_session_agg._reading.dimensions import Values
from otel_session_agg._reading.span import read
from otel_session_agg._sessions.released_root import why_lacking
from otel_session_agg._spans.received import attributes_of, nanoseconds, span_data
from otel_session_agg._trace.trace import Trace
from otel_session_agg._writing import rollup_attributes
from otel_session_agg._writing.detail_attributes import RowsWritten, detail_attributes
from otel_session_agg._writing.naming import Attributes
from otel_session_agg._writing.root_writer import (
    RootWriter,
    in_metadata,
    is_call,
    session_labels,
    set_by_hand,
    warned,
)

_FREE_ATTRIBUTES = 16
"""How many attributes the application can still set on an open root before the SDK drops the
oldest."""

_DEFAULT_LIMIT = 128
"""The SDK's own limit of attributes on one span."""

_NO_ROWS = "{}"

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
"""What is written first on an open root that has no room for everything."""


class OpenRoot(NamedTuple):
    """An open root since totals were last written on it."""

    attributes: Mapping[str, Any]
    """All that it had then, with these totals."""
    totals: Mapping[str, Any]
    by_hand: Mapping[str, Any]
    """The attributes that count as set by hand."""
    reading: Reading | None
    """What the root itself says; ``None``: no name depends on that."""
    details: Details = NO_DETAILS
    detailed: Attributes = {}  # noqa: RUF012 -- never changed
    """What these details were written as, in the names of the ``default`` profile."""
    rows: RowsWritten | None = None
    """The rows among them, of which most stay as they are when a span ends."""


class LiveWriter:
    """Writes totals on open roots, in the names that the settings choose."""

    def __init__(self, root_writer: RootWriter) -> None:
        self._root_writer = root_writer
        self._naming = root_writer.naming

    def write(  # noqa: PLR0913 -- what is known of a root
        self,
        trace: Trace,
        root: Span,
        rollup: Rollup,
        labels: SessionTotals,
        dimensions: Values,
        *,
        is_exceeded: bool,
    ) -> None:
        """Write the totals so far on a root that is still open."""
        own, before = attributes_of(root), trace.written
        if before is None or own != before.attributes:
            before = self._found(root, own, before)
        began_ns = nanoseconds(root.start_time) or None  # its end is not known yet
        written = rollup_attributes.attributes(
            rollup, why_lacking(trace, rollup), began_ns=began_ns
        )
        if rollup.cost_source is None:
            # an attribute cannot be removed from a span when the cost turns out to be unknown
            written.pop(n.COST, None)
        if is_exceeded:
            written[n.BUDGET_EXCEEDED] = True
        written.update(session_labels(labels, dimensions, before.by_hand))
        max_chars = getattr(getattr(root, "_limits", None), "max_span_attribute_length", None)
        detailed, rows = before.detailed, before.rows
        if rollup.details != before.details:
            rows = {} if rows is None else rows
            found = detail_attributes(rollup, began_ns=began_ns, written=rows)
            detailed = _fit_to_stay(found, detailed, max_chars)
        written.update(detailed)
        self._root_writer.add_kind(written, before.reading, own, root)
        totals = in_metadata(self._fitting(root, own, written, before), own, max_chars)
        if not before.totals.keys() <= totals.keys():
            for name, value in before.totals.items():
                if name not in totals and type(value) is int:
                    totals[name] = 0
        changed = {name: value for name, value in totals.items() if own.get(name) != value}
        if changed:
            root.set_attributes(changed)
        trace.written = OpenRoot(
            {**own, **changed},
            totals,
            before.by_hand,
            before.reading,
            rollup.details,
            detailed,
            rows,
        )

    def _found(self, root: Span, own: Mapping[str, Any], before: OpenRoot | None) -> OpenRoot:
        """Find out about a root on which something was set since the last time."""
        totals = before.totals if before is not None else {}
        others = {name: value for name, value in own.items() if totals.get(name) != value}
        reading = None if self._naming.is_default else read(span_data(root))
        found = OpenRoot(own, totals, set_by_hand(root, others), reading)
        if before is None:
            return found
        return found._replace(details=before.details, detailed=before.detailed, rows=before.rows)

    def _fitting(
        self, root: Span, own: Mapping[str, Any], written: Attributes, found: OpenRoot
    ) -> Attributes:
        """Return as many attributes as a root has room for.

        Beyond the limit of a span, the SDK drops those of the application.
        """
        by_hand, of_call = found.by_hand, found.reading is not None and is_call(found.reading)
        named = self._naming.named(written, by_hand, is_call=of_call)
        limit = getattr(getattr(root, "_limits", None), "max_span_attributes", _DEFAULT_LIMIT)
        if limit is None or len(own) + len(named) <= limit - _FREE_ATTRIBUTES:
            return named
        room = max(0, limit - _FREE_ATTRIBUTES - len(own))
        first = {name: written[name] for name in _FIRST if name in written}
        named = self._naming.named({**first, **written}, by_hand, is_call=of_call)
        new = [name for name in named if name not in own]
        if len(new) > room:
            warned.once(
                "no room",
                n.COST,
                "a root with nearly as many attributes as the SDK allows"
                " has no room for all totals",
            )
        return {name: value for name, value in named.items() if name not in new[room:]}


def _fit_to_stay(
    found: Mapping[str, str | bool | float], before: Attributes, max_chars: int | None
) -> Attributes:
    """Return what totals are made of as it can be written on a root that is still open.

    A text that the SDK would cut is left out, as its beginning is no JSON; rows that are gone are
    none, since an attribute cannot be removed from a span.
    """
    fitting: Attributes = {
        name: value
        for name, value in found.items()
        if max_chars is None or not isinstance(value, str) or len(value) <= max_chars
    }
    return {**{name: _NO_ROWS for name in n.BREAKDOWNS if name in before}, **fitting}
