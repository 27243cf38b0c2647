"""What sessions get of traces that are closed, where nothing else of these is wanted.

A trace that is whole, with one root and one session, adds what its spans count, and its calls, to
the sums of that session.  These are the same as of the totals of such traces, which are not made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from otel_session_agg._model.replayed import SessionPart
from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.session_totals import Member
from otel_session_agg._model.turns import Turn
from otel_session_agg._offline.trace_parts import add_parts, sums_of
from otel_session_agg._pricing.price_book import PriceBook, cost_of
from otel_session_agg._sessions.gains import add_root
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_delta import NewRoot
from otel_session_agg._settings import Settings
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.run_times import RunTimes
from otel_session_agg._trace.totals import EventCounts, Totals, no_text
from otel_session_agg._trace.trace import Trace
from otel_session_agg._trace.trace_totals import Taken, TraceTotals

_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much


class _Sums:
    """What one session gets of its whole traces."""

    __slots__ = ("busy", "calls", "counts", "first", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.counts, self.calls, self.busy = EventCounts(), CallTotals(), RunTimes()
        self.first: At | None = None
        """The session id where it is stated first; ``None``: no trace states it."""

    def rollup(self, *, breakdown: bool) -> Rollup:
        """Return the totals as a value."""
        totals = Totals(self.counts, self.calls)
        return totals.rollup(self.first, no_text, breakdown=breakdown, busy=self.busy.coverage)


class SessionSums:
    """What sessions get of traces.

    Args:
        totals: Reads what traces come to.
        prices: Prices of calls.
        settings: How totals are broken down.
        max_chars: Characters of texts that are kept.

    """

    def __init__(
        self, totals: TraceTotals, prices: PriceBook, settings: Settings, max_chars: int
    ) -> None:
        self._totals, self._max_chars = totals, max_chars
        self._price = partial(cost_of, prices)
        self._breakdown = settings.breakdown
        self._takes = not max_chars and not settings.breakdown_by
        """Whether no text and no dimension needs the totals of each trace."""
        self._sessions: dict[str, Session] = {}
        self._sums: dict[str, _Sums] = {}

    def add(self, trace_id: int, roots: Sequence[Trace]) -> None:
        """Add a trace, once; ``roots``: all of its id."""
        if self._takes and len(roots) == 1:
            taken = self._totals.take(roots[0])
            if taken is not None:
                self._add_whole(roots[0], taken)
                return
        for root in roots:
            self._totals.close(root)
        rollups = [(root, self._totals.rollups(root)) for root in roots]
        sums = sums_of(trace_id, rollups)
        # before, as what is added in the order of time keeps times exact, see `coverage`
        self._finish({name or sums.session_id for _, its in rollups for name in its})
        add_parts(self._sessions, rollups, sums, self._max_chars)

    def _add_whole(self, trace: Trace, taken: Taken) -> None:
        """Add a trace that is whole; ``taken``: what it counts."""
        span, stated = taken.root, trace.attribution.session
        session_id = f"{trace.trace_id:032x}" if stated is None else stated.value
        sums = self._sums.get(session_id) or self._new(session_id)
        grown = sums.session.grown
        member = _new(Member, (span.start_ns, trace.trace_id, span.span_id))
        dimensions = trace.dimensions_of(session_id, is_own=True)
        new_root = _new(NewRoot, (member, span.end_ns, False, dimensions))
        add_root(sums.session, (grown,), new_root, is_sampled=True)
        for labels in (trace.attribution.labels or {}).values():
            user = labels.only_user
            if user is None or not grown.knows_user(user, has_user=True):
                grown.add_labels(labels.totals, has_user=True)
        counts = taken.counts
        grown.stands_on_root(counts.num_events, has_feedback=counts.feedback)
        sums.counts.merge(counts)
        sums.busy.add(span.start_ns, span.end_ns)
        if stated is not None and (sums.first is None or stated < sums.first):
            sums.first = stated
        turn = self._add_calls(sums.calls, trace.trace_id, taken)
        if turn is not None:
            grown.add_turn(turn)

    def _add_calls(self, calls: CallTotals, trace_id: int, taken: Taken) -> Turn | None:
        """Add the calls of a trace; return what it has used, if its cost is known."""
        if not taken.calls:
            return None
        cost_pusd, num_priced = calls.cost_pusd, calls.computed + calls.recorded
        winners, tokens = calls.winners, calls.total_tokens or 0
        calls.add_all(taken.calls, self._price, taken.callers)
        if calls.computed + calls.recorded == num_priced:
            return None
        used = (calls.total_tokens or 0) - tokens if calls.winners > winners else None
        return _new(Turn, (calls.cost_pusd - cost_pusd, trace_id, used))

    def _new(self, session_id: str) -> _Sums:
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = Session(session_id, "", 0.0)
        sums = self._sums[session_id] = _Sums(session)
        return sums

    def _finish(self, session_ids: Iterable[str]) -> None:
        """Give their sums to these sessions."""
        for session_id in session_ids:
            sums = self._sums.pop(session_id, None)
            if sums is not None:
                sums.session.grown.add_rollup(sums.rollup(breakdown=self._breakdown))

    def parts(self) -> list[SessionPart]:
        """Return what each session gets of all traces."""
        self._finish([*self._sums])
        return [SessionPart(0, name, session.own) for name, session in self._sessions.items()]
