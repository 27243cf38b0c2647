"""To which sessions the calls of a trace belong, by what their spans and those above them state."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from otel_session_agg._trace.call import Call, winners
from otel_session_agg._trace.rules import MERGED
from otel_session_agg._trace.session_key import NO_SESSION, SessionKey, within
from otel_session_agg._trace.tree import Place


def own_session(call: Call) -> SessionKey:
    """Return the session that a call's span states, or that it was added up in."""
    return call.settled_session or (call.reading.session_id, call.reading.session_is_weak)


class CallSessions:
    """The sessions of the calls of a trace that were decided about."""

    def __init__(
        self,
        calls: Mapping[int, Call],
        places: Mapping[int, Place],
        opened: Mapping[int, int | None],
        top_id: int | None,
    ) -> None:
        """Start with nothing found; the session of the root holds for the whole trace."""
        self._calls, self._places, self._opened = calls, places, opened
        self._found: dict[int | None, SessionKey] = {} if top_id is None else {top_id: NO_SESSION}
        """By span id."""

    def of(self, calls: Collection[Call]) -> dict[Call, SessionKey]:
        """Return the sessions of those of the calls that count.

        Where none, or only a weak one, is stated for a call, another report of it may state one: a
        strong one first, then that of the report that began first.
        """
        found = {call: self._of(call) for call in calls if call.lost_to is None}
        stated: dict[Call, tuple[bool, int, int, SessionKey]] = {}
        merged = [call for call in calls if call.lost_to is not None and call.rule in MERGED]
        counting = winners(merged) if merged else {}
        for call in merged:
            winner, session = counting[call], self._of(call)
            if winner in found and session[0] is not None:
                row = (session[1], call.span_start_ns, call.span_id, session)
                stated[winner] = min(row, stated.get(winner, row))
        for winner, (is_weak, _, _, session) in stated.items():
            known = found[winner]
            if known[0] is None or (known[1] and not is_weak):
                found[winner] = session
        return found

    def _of(self, call: Call) -> SessionKey:
        """Return the session of a call's span; a strong one that it states is the nearest."""
        own = own_session(call)
        if own[0] is not None and not own[1]:
            return own
        above = self._found.get(call.parent_id)
        if above is None or call.span_id in self._found:
            return self._at(call.span_id)
        return own if above[0] is None else within(own, above)

    def _at(self, span_id: int) -> SessionKey:
        """Return the session of a span."""
        path: list[tuple[int, SessionKey]] = []
        session = NO_SESSION
        at: int | None = span_id
        while at is not None:
            known = self._found.get(at)
            if known is not None:
                session = known
                break
            self._found[at] = NO_SESSION  # a ring of parents ends here
            call, place = self._calls.get(at), self._places.get(at)
            if call is not None:
                path.append((at, own_session(call)))
                at = call.parent_id
            elif place is not None:
                path.append((at, place.session))
                at = place.parent_id
            else:
                path.append((at, NO_SESSION))
                at = self._opened.get(at)
        for at, own in reversed(path):
            session = own if session[0] is None else within(own, session)
            self._found[at] = session
        return session
