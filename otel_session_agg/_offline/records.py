"""Spans as bytes, to be put aside on disk or handed to another process.

The spans of a trace that come together are one record: it is written, sorted and read as a whole.
Records are written and read by this library only, in one run, in a folder of its own.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.source_spans import Resource, SourceSpan

_MAX_RESOURCES = 1024
"""Resources that are kept as one object; beyond that they are read again."""

_START, _END = (
    itemgetter(SpanData._fields.index("start_ns")),
    itemgetter(SpanData._fields.index("end_ns")),
)
_new = tuple.__new__  # the named tuple's own ``__new__`` costs twice as much


class Record(NamedTuple):
    """Spans of one trace and one resource as bytes, and what they are sorted by."""

    trace_id: int
    num_spans: int
    start_ns: int
    """The first start."""
    end_ns: int
    """The last end."""
    data: bytes


def records_of(
    spans: Iterable[SpanData], resource: Mapping[str, Any], keys: frozenset[str]
) -> list[Record]:
    """Return spans of one resource as bytes; ``keys``: attributes of it that are kept."""
    kept = {name: resource[name] for name in sorted(keys) if name in resource}
    shared = pickle.dumps(kept, pickle.HIGHEST_PROTOCOL)
    by_trace: dict[int, list[tuple[Any, ...]]] = {}
    for span in spans:
        fields = tuple(span)
        rows = by_trace.get(span.trace_id)
        if rows is None:
            by_trace[span.trace_id] = [fields]
        else:
            rows.append(fields)
    return [
        Record(
            trace_id,
            len(rows),
            min(map(_START, rows)),
            max(map(_END, rows)),
            pickle.dumps((shared, rows), pickle.HIGHEST_PROTOCOL),
        )
        for trace_id, rows in by_trace.items()
    ]


class RecordReader:
    """Reads records; spans of one resource share it."""

    def __init__(self) -> None:
        self._resources: dict[bytes, Resource] = {}

    def read(self, data: bytes) -> list[SourceSpan]:
        """Return the spans of a record."""
        # only what `records_of` wrote in a private folder is read
        shared, rows = pickle.loads(data)  # noqa: S301
        resource = self._resources.get(shared)
        if resource is None:
            if len(self._resources) >= _MAX_RESOURCES:
                self._resources.clear()
            attributes = pickle.loads(shared)  # noqa: S301
            resource = self._resources[shared] = Resource(attributes)
        return [_new(SourceSpan, (_new(SpanData, fields), resource)) for fields in rows]
