"""What the history has of traces that are to be counted again."""

from __future__ import annotations

from collections.abc import Sequence

from otel_session_agg._history.readable import ReadableHistory
from otel_session_agg._live.counting import Stored

_KNOWN = """
SELECT DISTINCT trace_id FROM internal.parts WHERE trace_id IN (SELECT unnest(?::VARCHAR[]))
"""
_LATEST = "SELECT trace_id, spans FROM traces ORDER BY end_time DESC LIMIT ?"
_MAX_LATEST = 5_000
"""Spans of traces that ended last: a second's work."""


def spans_of(history: ReadableHistory, trace_ids: Sequence[int]) -> Stored:
    """Return all spans of traces; most are not there."""
    known = history.rows(_KNOWN, [[f"{trace_id:032x}" for trace_id in trace_ids]])
    if not known:
        return []
    return list(history.stored_spans([int(trace_id, 16) for (trace_id,) in known]))


def latest_spans(history: ReadableHistory) -> Stored:
    """Return the spans of the traces that ended last, whose calls others may report, too."""
    found, number = [], 0
    for trace_id, num_spans in history.rows(_LATEST, [_MAX_LATEST]):
        number += num_spans
        if number > _MAX_LATEST:
            break
        found.append(int(trace_id, 16))
    return list(history.stored_spans(found)) if found else []
