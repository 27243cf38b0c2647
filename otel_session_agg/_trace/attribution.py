"""Attribute the spans and calls of a trace to sessions, and total each session.

The rules are at the head of ``session_key``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.labels import Labels
from otel_session_agg._trace.session_key import NO_SESSION, SessionKey
from otel_session_agg._trace.totals import EventCounts, Node, Text, Totals, short

_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much

MAX_SESSIONS = 1024
"""Sessions that are kept apart below one root; spans of further ones count in the trace's own.

A job that works through a batch has one span above all of its sessions.
"""


class SessionAttribution:
    """The sessions of one trace, and what is attributed to each."""

    __slots__ = (
        "conflicts",
        "counts_by_session",
        "first",
        "first_weak",
        "is_in_one",
        "labels",
        "root",
        "session",
        "settled_calls",
    )

    def __init__(self) -> None:
        self.counts_by_session: dict[str, EventCounts] | None = None
        """Counts of spans whose session is certain."""
        self.settled_calls: dict[SessionKey, CallTotals] | None = None
        """Totals of calls that can no longer change, by their session as stated."""
        self.session: At | None = None
        """The session id of the trace itself: its earliest strong one, else its earliest."""
        self.first: At | None = None
        """The earliest strong id."""
        self.first_weak: At | None = None
        """The earliest weak id."""
        self.is_in_one = False
        """Whether all spans are known, and none states another session than any other."""
        self.labels: dict[SessionKey, Labels] | None = None
        """Users and metadata, by the session that the span itself states."""
        self.root: SessionKey | None = None
        """The session that the root itself states, once it has ended."""
        self.conflicts = 0
        """Spans with another session id than the earliest."""

    def note(self, start_ns: int, span_id: int, session: str, *, is_weak: bool) -> None:
        """Note the session id that a span states, at its start time."""
        known = self.session
        if known is not None:
            if known.value != session:
                self.conflicts += 1
            elif known.time_ns < start_ns and is_weak == (self.first is None):
                return
        at = _new(At, (start_ns, span_id, session))
        if is_weak:
            self.first_weak = at if self.first_weak is None else min(at, self.first_weak)
        else:
            self.first = at if self.first is None else min(at, self.first)
        self.session = self.first if self.first is not None else self.first_weak

    def note_span(self, span: SpanData, reading: Reading) -> None:
        """Note the session id that an ended span states."""
        known, session, is_weak = self.session, reading.session_id, reading.session_is_weak
        if (
            known is not None
            and known.value == session
            and is_weak == (self.first is None)
            and known.time_ns < span.start_ns
        ):
            return  # as nearly always: an earlier span has stated it
        self.note(span.start_ns, span.span_id, str(session), is_weak=is_weak)

    def label(self, span: SpanData, reading: Reading) -> None:
        """Collect the user or metadata that a span states."""
        self.labels = self.labels or {}
        key = (reading.session_id, reading.session_is_weak)
        known = self.labels.get(key)
        if known is None:
            if len(self.labels) >= MAX_SESSIONS:
                return
            known = self.labels[key] = Labels()
        known.add(span, reading)

    def labelled(self) -> dict[str | None, SessionTotals]:
        """Return users and metadata by session id; ``None``: no session is known."""
        found: dict[str | None, SessionTotals] = {}
        for key, labels in (self.labels or {}).items():
            session = self.resolved(key)
            found[session] = found[session] + labels.totals if session in found else labels.totals
        return found

    def names(self) -> set[str]:
        """Return the ids of all sessions that the trace is in, or may be in."""
        found = {at.value for at in (self.first, self.first_weak) if at is not None}
        found.update(self.counts_by_session or ())
        found.update([name for name, _ in self.settled_calls or () if name is not None])
        return found

    def counts_for(self, session: SessionKey, node: Node) -> EventCounts:
        """Return the counts of a session, to be added to; those of ``node`` where it has none.

        A weak one has counts at the node, until it is known what the spans above state.
        """
        name, is_weak = session
        if name is None:
            return node
        if is_weak:
            return node.weak_counts(name)
        known = self.counts_by_session.get(name) if self.counts_by_session is not None else None
        return known or self._new_counts(name) or node

    def _new_counts(self, session: str) -> EventCounts | None:
        """Return the counts of a further session; ``None`` if there are too many sessions."""
        known = self.counts_by_session = self.counts_by_session or {}
        if len(known) >= MAX_SESSIONS:
            return None
        counts = known[session] = EventCounts()
        return counts

    def settle(self, totals: Mapping[SessionKey, CallTotals]) -> None:
        """Add calls for good, by their sessions: from now on nothing corrects them."""
        self.settled_calls = found = self.settled_calls or {}
        for session, its in totals.items():
            key = session if self._is_apart(session) else NO_SESSION
            if key not in found and len(found) >= 2 * MAX_SESSIONS:
                key = NO_SESSION
            if key in found:
                found[key].merge(its)
            else:
                found[key] = its

    def shorten_outputs(self, nodes: Iterable[Node], text: Text) -> None:
        """Replace raw outputs, which may be large, by their readable text."""
        found: list[EventCounts] = [*(self.counts_by_session or {}).values(), *nodes]
        for node in nodes:
            found += (node.weak or {}).values()
        for counts in found:
            if counts.output is not None:
                output = short(counts.output[2], text)
                counts.output = None if output is None else (*counts.output[:2], output)

    # -- totals -----------------------------------------------------------------------------

    def rollups(
        self,
        nodes: Sequence[Node],
        calls: Mapping[SessionKey, CallTotals],
        text: Text,
        *,
        breakdown: bool,
    ) -> dict[str | None, Rollup]:
        """Return the totals by session; nothing is changed.

        ``calls``: totals of all calls, also of those that are settled, by session as stated.
        """
        if self.counts_by_session is None and len(nodes) == 1 and nodes[0].weak is None:
            # one session or none, as nearly always
            whole = Totals(nodes[0], _sum([*calls.values()]))
            name = self.resolved(NO_SESSION)
            return {name: whole.rollup(self.session, text, breakdown=breakdown)}
        found: dict[str | None, Rollup] = {}
        for name, totals in self._totals(nodes, calls).items():
            found[name] = totals.rollup(self.session, text, breakdown=breakdown)
        return found

    def _totals(
        self, nodes: Sequence[Node], calls: Mapping[SessionKey, CallTotals]
    ) -> dict[str | None, Totals]:
        counts: list[tuple[SessionKey, EventCounts]] = []
        for session, its in (self.counts_by_session or {}).items():
            counts.append(((session, False), its))
        for node in nodes:
            if node.num_events or node.feedback or node.start_ns is not None:
                counts.append((NO_SESSION, node))
            counts += [((session, True), its) for session, its in (node.weak or {}).items()]
        keys = [*(key for key, _ in counts), *calls]
        names = {key: self.resolved(key) for key in keys or (NO_SESSION,)}
        rows: dict[str | None, list[CallTotals]] = {name: [] for name in names.values()}
        for key, totals in calls.items():
            rows[names[key]].append(totals)
        sums = {name: _sum(parts) for name, parts in rows.items()}
        found = {name: Totals(EventCounts(), totals) for name, totals in sums.items()}
        for key, its in counts:
            found[names[key]].counts.plus(its)
        return found

    def _is_apart(self, key: SessionKey) -> bool:
        """Return whether a session is kept apart: there may be too many strong ones."""
        return key[1] or key[0] in (self.counts_by_session or ())

    def resolved(self, key: SessionKey) -> str | None:
        """Return the session that counts for what a span states, by strength and by the root."""
        session, is_weak = key if self._is_apart(key) else NO_SESSION
        if session is not None and not is_weak:
            return session
        if self.root is not None and not (self.root[1] and self.first is not None):
            return self.root[0]
        own = self.session.value if self.session is not None else None
        return own if session is None or self.first is not None else session


def _sum(rows: Sequence[CallTotals]) -> CallTotals:
    """Return the sum of totals, which are not changed; of one only, itself."""
    if len(rows) == 1:
        return rows[0]
    totals = rows[0].copied() if rows else CallTotals()
    for row in rows[1:]:
        totals.merge(row)
    return totals
