"""What is attached to a span that has not ended: counts and calls of the spans below it.

Calls are summarised in *flags*, so that a span above need not look at each of them.  The flags of
calls behind a tool are kept apart, shifted: to a model call they are other calls.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.duplicates import WINDOW
from otel_session_agg._trace.event_counts import EventCounts

COUNTED = 1
"""Some usage below counts."""
STRONG = 2
"""Usage of a model below counts."""
MODEL = 4
"""A model event is below."""
RECORDED = 8
"""A recorded cost below counts."""
SETTLED = 16
"""Some call below can no longer be corrected."""
EMBEDDED = 32
"""Usage of an embedding below counts."""

DIRECT = 0xFF
"""The flags of calls that are not behind a tool."""
TOOL_SHIFT = 8
"""Shift of the same flags for calls behind a tool."""

_EMBEDDING, _GUARDRAIL = Kind.EMBEDDING, Kind.GUARDRAIL  # faster to read than an enum's members


class Node(EventCounts):
    """What is attached to a span that has not ended.

    These are the counts of ended spans below it that have no session yet, the calls that these
    spans reported, and flags for what the calls mean to spans above.
    """

    __slots__ = ("calls", "flags", "weak")

    def __init__(self) -> None:
        super().__init__()
        self.flags = 0
        self.calls: list[Call] = []
        self.weak: dict[str, EventCounts] | None = None
        """Counts by weak session id, as long as no ancestor states a better one."""

    def merge_below(self, below: Node) -> None:
        """Add the counts of a descendant that has ended."""
        self.merge(below)
        for session, counts in (below.weak or {}).items():
            self.weak_counts(session).merge(counts)

    def weak_counts(self, session: str) -> EventCounts:
        """Return the counts of a weak session id, to be added to."""
        self.weak = self.weak or {}
        return self.weak.get(session) or self.weak.setdefault(session, EventCounts())

    def add_calls(self, calls: list[Call], flags: int) -> None:
        """Add the calls of a descendant that has ended."""
        self.flags |= flags
        if not self.calls:
            self.calls = calls
            return
        self.calls += calls
        if len(self.calls) > 2 * WINDOW:
            self.prune()

    def with_calls(self, calls: list[Call], flags: int) -> Node:
        """Add calls, if there are any, and return the node itself."""
        if calls or flags:
            self.add_calls(calls, flags)
        return self

    def prune(self) -> None:
        """Drop calls that lost or are settled."""
        if any(call.settled for call in self.calls):
            self.flags |= SETTLED
        # a call comes again with each repeat
        self.calls = [call for call in dict.fromkeys(self.calls) if call.alive]


def is_fee(call: Call) -> bool:
    """Return whether it is no call, but a cost on top of those of calls."""
    return call.kind is _GUARDRAIL and not call.usage_counts


def flags_of(call: Call) -> int:
    """Return the flags of a call: what it means to the spans above it."""
    if is_fee(call):
        return 0
    flags = MODEL if call.model_events and not call.is_server_side else 0
    if call.usage_counts:
        flags |= EMBEDDED if call.kind is _EMBEDDING else COUNTED | (STRONG if call.strong else 0)
    return flags | (RECORDED if call.recorded_pusd is not None else 0)


def put_behind_tool(calls: list[Call], flags: int) -> int:
    """Mark calls as behind a tool; return their flags as seen from above the tool."""
    for call in calls:
        call.behind_tool = True
    return flags_behind(flags)


def flags_behind(flags: int) -> int:
    """Return flags below a tool as seen from above it."""
    return (flags & DIRECT) << TOOL_SHIFT | flags & (DIRECT << TOOL_SHIFT)
