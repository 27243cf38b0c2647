"""Traces of which all spans are at hand: one root, everything below it, and times that nest.

Such a trace is folded in one go, span by span as they ended, with the same results as by starts and
ends one after the other: nothing in it waits, is late, or has a parent that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from otel_session_agg._model.span import SpanData

MAX_SPANS = 200
"""So few that all of their calls can be decided about at the end, and nothing is settled before."""

_END = attrgetter("end_ns")


def in_order_of_ends(spans: Mapping[int, SpanData]) -> list[SpanData] | None:
    """Return the spans of a trace, by id, as they ended: the root last; ``None``: it is no such."""
    if len(spans) > MAX_SPANS:
        return None
    root: SpanData | None = None
    for span in spans.values():
        parent_id = span.parent_id
        if parent_id is None:
            if root is not None or span.carried_parent_id is not None:
                return None
            root = span
            continue
        parent = spans.get(parent_id)
        if (
            parent is None
            or parent is span
            or span.start_ns < parent.start_ns
            or span.end_ns > parent.end_ns
            or span.end_ns < span.start_ns
        ):
            return None
    if root is None or root.end_ns < root.start_ns:
        return None
    found = list(spans.values())
    found.sort(key=_END)  # spans of equal ends stay as they came: mostly inner ones first
    if found[-1] is not root:
        found.remove(root)
        found.append(root)
    ended: set[int] = set()
    for span in found:
        if span.parent_id in ended:  # both ended at once, or each is below the other
            return None
        ended.add(span.span_id)
    return found
