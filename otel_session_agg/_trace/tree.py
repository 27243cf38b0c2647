"""Where the calls of a trace are: the nearest call above each span."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from otel_session_agg._model.span import Kind
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.caller import NO_CALLER, Caller
from otel_session_agg._trace.session_key import NO_SESSION, SessionKey

_TOOL = Kind.TOOL  # a global is read twenty times faster than an enum's member


class Place(NamedTuple):
    """Where a span is that has ended and reports no call, and what it states of its session."""

    parent_id: int | None
    is_tool: bool = False
    session: SessionKey = NO_SESSION
    caller: Caller = NO_CALLER
    """The agent or tool that it is."""


class Mark(NamedTuple):
    """What calls that are in the totals for good mean to the spans above them."""

    parent_id: int | None
    """The span above them."""
    is_behind_tool: bool
    """Whether a tool was between that span and the calls."""
    call: Call
    """What stands for them (``Call.mark``)."""

    def note(self, call: Call) -> None:
        """Note a call that is settled, and what it means to spans above."""
        mark = self.call
        mark.usage_counts = mark.usage_counts or call.usage_counts
        mark.strong = mark.strong or (call.usage_counts and call.strong)
        mark.model_events = mark.model_events or int(call.is_model_event)
        if call.recorded_pusd is not None:
            mark.recorded_pusd = 0


Above = tuple["Call | None", bool]
"""The nearest call at or above a span, and whether a tool is on the way."""

_NONE_OPEN: Mapping[int, int | None] = {}


class Tree:
    """Where the calls of a trace are: the nearest call above each span.

    ``places``: spans that have ended and report no call.  ``opened``: open spans and their parents.
    ``top_id``: the root, once it has ended; a span whose parents are not known is below it.
    """

    def __init__(
        self,
        calls: Mapping[int, Call],
        places: Mapping[int, Place],
        opened: Mapping[int, int | None] | None = None,
        top_id: int | None = None,
    ) -> None:
        self._calls, self._places, self._opened = calls, places, opened or _NONE_OPEN
        self._top_id = top_id
        root = calls.get(top_id) if top_id is not None else None
        self._top: Above = (root, False)
        self._found: dict[int, Above] = {}

    def above(self, span_id: int | None) -> Above:
        """Return the call that a span reports, else the nearest above it, and a tool's presence."""
        if span_id is None:
            return self._top
        call = self._calls.get(span_id)
        if call is not None:
            return (call, False)
        known = self._found.get(span_id)
        if known is not None:
            return known
        path: list[tuple[int, bool]] = []
        found = self._top
        at: int | None = span_id
        while at is not None and at != self._top_id:
            call = self._calls.get(at)
            known = (call, False) if call is not None else self._found.get(at)
            if known is not None:
                found = known
                break
            place = self._places.get(at)
            self._found[at] = found  # a ring of parents ends here
            path.append((at, place is not None and place.is_tool))
            at = place.parent_id if place is not None else self._opened.get(at)
        for one, is_tool in reversed(path):
            found = self._found[one] = (found[0], found[1] or is_tool)
        return found

    def outer(self, calls: Iterable[Call]) -> dict[Call, Above]:
        """Return the nearest call above each, without rings, and whether a tool is between."""
        outer: dict[Call, Above] = {
            call: self.above(call.parent_id) if call.span_id != self._top_id else _NO_CALL
            for call in calls
        }
        self._cut_rings(outer)
        return outer

    def is_top(self, span_id: int | None) -> bool:
        """Return whether nothing is above a span: the root has ended, and that is it."""
        return self._top_id is not None and span_id in (None, self._top_id)

    def not_ended(self, span_id: int | None, gone: Container[Call]) -> tuple[int | None, bool]:
        """Return the nearest span at or above one that has not ended or reports a kept call.

        ``gone``: calls that are not kept.  Return also whether a tool is on the way; ``None`` is
        the root.
        """
        is_behind_tool = False
        for _ in range(len(self._places) + len(self._calls) + 1):  # there may be rings of parents
            if span_id is None or span_id == self._top_id:
                break
            call, place = self._calls.get(span_id), self._places.get(span_id)
            if call is not None and call in gone:
                is_behind_tool = is_behind_tool or call.kind is _TOOL
                span_id = call.parent_id
            elif call is None and place is not None:
                is_behind_tool = is_behind_tool or place.is_tool
                span_id = place.parent_id
            else:
                return span_id, is_behind_tool
        return None, is_behind_tool

    def _cut_rings(self, outer: dict[Call, Above]) -> None:
        """Put the call of a ring of parents that began first below the root."""
        seen: dict[Call, Call] = {}
        for start, (above, _) in outer.items():
            at: Call | None = start
            if above is None:
                continue
            while at is not None and at not in seen:
                seen[at] = start
                at = outer[at][0] if at in outer else None
            if at is not None and seen[at] is start:
                self._cut(outer, at)

    def _cut(self, outer: dict[Call, Above], at: Call) -> None:
        ring = [at]
        while (above := outer[ring[-1]][0]) is not None and above is not at:
            ring.append(above)
        if above is not None:
            first = min(ring, key=lambda call: (call.span_start_ns, call.span_id))
            outer[first] = self._top


_NO_CALL: Above = (None, False)
