"""What came out of the engine and is not finished."""

from __future__ import annotations

from otel_session_agg._trace.trace import Changed, Out, Trace


class Taken(list[object]):
    """Released roots, changed traces and other spans, in order.

    ``at`` is the index of the one at hand, so that ``Pipeline.finish`` goes on there after an
    interruption.
    """

    at: int = 0


def followed(out: Out, at: int) -> frozenset[int]:
    """Return the positions from ``at`` of changed traces that change again before a root leaves.

    Sessions get both changes at once.
    """
    later: set[int] = set()
    found: list[int] = []
    for position in range(len(out) - 1, at - 1, -1):
        item = out[position]
        if type(item) is Trace:
            later.clear()
        elif type(item) is Changed:
            if id(item.trace) in later:
                found.append(position)
            later.add(id(item.trace))
    return frozenset(found)
