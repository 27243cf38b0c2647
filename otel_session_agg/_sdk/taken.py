"""What came out of the engine and is not finished."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._trace.trace import Corrected, Released


class Taken(list[Released | Corrected | ReadableSpan]):
    """Released roots, corrected traces and other spans, in order.

    ``at`` is the index of the one at hand, so that ``Pipeline.finish`` goes on there after an
    interruption.
    """

    at: int = 0


def followed(out: Taken, at: int) -> frozenset[int]:
    """Return the positions from ``at`` of traces that are corrected again before a root leaves.

    Sessions get both changes at once.
    """
    later: set[int] = set()
    found: list[int] = []
    for position in range(len(out) - 1, at - 1, -1):
        item = out[position]
        if isinstance(item, Released):
            later.clear()
        elif isinstance(item, Corrected):
            if id(item.trace) in later:
                found.append(position)
            later.add(id(item.trace))
    return frozenset(found)
