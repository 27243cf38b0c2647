"""Which agents and tools made the calls of a trace, by what the spans above them state."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from otel_session_agg._trace.call import Call, winners
from otel_session_agg._trace.caller import Caller, below, caller_of
from otel_session_agg._trace.rules import MERGED
from otel_session_agg._trace.tree import Place


class CallCallers:
    """The callers of the calls of a trace that were decided about."""

    def __init__(
        self,
        calls: Mapping[int, Call],
        places: Mapping[int, Place],
        opened: Mapping[int, int | None],
        top: tuple[int | None, Caller],
    ) -> None:
        """``top``: the root, and what it states once it has ended; until then its id twice."""
        self._calls, self._places, self._opened = calls, places, opened
        top_id, self._top = top
        self._found: dict[int | None, Caller] = {None: self._top, top_id: self._top}
        """By span id."""

    def of(self, calls: Collection[Call]) -> dict[Call, Caller]:
        """Return the callers of those of the calls that count.

        What is not stated for a call, another report of it may state: of several the one that
        began first.
        """
        found: dict[Call, Caller] = {}
        merged: list[Call] = []
        known = self._found
        for call in calls:
            if call.lost_to is None:
                above, reading = known.get(call.parent_id), call.reading
                if above is None:
                    above = self.at(call.parent_id)
                if reading.agent_name is None and reading.tool_name is None:  # as most
                    found[call] = above
                else:
                    found[call] = below(caller_of(reading), above)
            elif call.rule in MERGED:
                merged.append(call)
        if merged:
            counting = winners(merged)
            for call in sorted(merged, key=lambda call: (call.span_start_ns, call.span_id)):
                winner = counting[call]
                if winner in found:
                    found[winner] = below(found[winner], self.at(call.span_id))
        return found

    def at(self, span_id: int | None) -> Caller:
        """Return the nearest agent and tool at or above a span."""
        path: list[tuple[int, Caller]] = []
        caller, at = self._top, span_id
        while at is not None:
            known = self._found.get(at)
            if known is not None:
                caller = known
                break
            self._found[at] = self._top  # a ring of parents ends here
            call, place = self._calls.get(at), self._places.get(at)
            if call is not None:
                path.append((at, caller_of(call.reading)))
                at = call.parent_id
            elif place is not None:
                path.append((at, place.caller))
                at = place.parent_id
            elif at in self._opened:  # it may be both, so what is above it does not matter
                caller = self._found[at] = (at, at)
                break
            else:
                break
        for at, own in reversed(path):
            caller = self._found[at] = below(own, caller)
        return caller
