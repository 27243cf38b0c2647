"""Attribute the spans and calls of a trace to sessions, and total each session.

The rules are at the head of ``event_counts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from otel_session_agg._model.rollup import MAX_MODELS, At, Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reading.output_text import Short
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_totals import CallTotals, Price
from otel_session_agg._trace.event_counts import EventCounts
from otel_session_agg._trace.labels import Labels
from otel_session_agg._trace.node import Node

MAX_SESSIONS = 1024
"""Sessions that are kept apart below one root; spans of further ones count in the trace's own.

A job that works through a batch has one span above all of its sessions.
"""

Text = Callable[[object], "str | None"]
"""Make a raw output readable; return ``None`` when there is no text or it is not wanted."""

SessionKey = tuple["str | None", bool]
"""A session id, if known, and whether it is weak."""


class SessionAttribution:
    """The sessions of one trace, and what is attributed to each.

    ``first`` and ``first_weak`` are the earliest strong and weak ids of the trace.
    """

    __slots__ = (
        "conflicts",
        "counts_by_session",
        "first",
        "first_weak",
        "labels",
        "root",
        "settled_calls",
    )

    def __init__(self) -> None:
        self.counts_by_session: dict[str, EventCounts] | None = None
        """Counts of spans whose session is certain."""
        self.settled_calls: dict[SessionKey, CallTotals] | None = None
        """Totals of calls that can no longer change, by their session as stated."""
        self.first: At | None = None
        self.first_weak: At | None = None
        self.labels: dict[SessionKey, Labels] | None = None
        """Users and metadata, by the session that the span itself states."""
        self.root: SessionKey | None = None
        """The session that the root itself states, once it has ended."""
        self.conflicts = 0
        """Spans with another session id than the earliest."""

    @property
    def session(self) -> At | None:
        """The session id of the trace itself."""
        return self.first if self.first is not None else self.first_weak

    def note(self, start_ns: int, span_id: int, session: str, *, is_weak: bool) -> None:
        """Note the session id that a span states, at its start time."""
        known = self.session
        if known is not None and known.value != session:
            self.conflicts += 1
        at = At(start_ns, span_id, session)
        if is_weak:
            self.first_weak = at if self.first_weak is None else min(at, self.first_weak)
        else:
            self.first = at if self.first is None else min(at, self.first)

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
            session = self._resolved(key)
            found[session] = found[session] + labels.totals if session in found else labels.totals
        return found

    def names(self) -> set[str]:
        """Return the ids of all sessions that the trace is in, or may be in."""
        firsts = (at.value for at in (self.first, self.first_weak) if at is not None)
        return {
            *firsts,
            *(self.counts_by_session or ()),
            *(name for name, _ in self.settled_calls or () if name is not None),
        }

    def attribute(self, node: Node, reading: Reading) -> EventCounts:
        """Attribute what is attached to an ended span to the session that its reading states.

        Return the counts to which the span itself is to be added.
        """
        session, is_weak = str(reading.session_id), reading.session_is_weak
        for call in node.calls:
            call.belongs_to(session, is_weak=is_weak)
        target = EventCounts() if is_weak else self._counts(session)
        if target is None:
            return node
        for counts in (node, *(node.weak or {}).values()):
            target.merge(counts)
        node.clear()
        node.weak = {session: target} if is_weak else None
        return target

    def _counts(self, session: str) -> EventCounts | None:
        """Return the counts of a session; ``None`` if there are too many sessions."""
        self.counts_by_session = self.counts_by_session or {}
        if session not in self.counts_by_session and len(self.counts_by_session) >= MAX_SESSIONS:
            return None
        return self.counts_by_session.get(session) or self.counts_by_session.setdefault(
            session, EventCounts()
        )

    def settle(self, calls: Iterable[Call], price: Price) -> None:
        """Add calls to the totals for good: from now on nothing corrects them."""
        self.settled_calls = found = self.settled_calls or {}
        for call in calls:
            call.alive, call.settled = False, True
            key = (call.session, call.session_is_weak)
            totals = found.get(key)
            if totals is None:
                if len(found) >= 2 * MAX_SESSIONS:
                    key = (None, False)
                totals = found.get(key) or found.setdefault(key, CallTotals())
            totals.add(call, price)

    def shorten_outputs(self, nodes: Iterable[Node], text: Text) -> None:
        """Replace raw outputs, which may be large, by their readable text."""
        below = (counts for node in nodes for counts in (node, *(node.weak or {}).values()))
        for counts in (*(self.counts_by_session or {}).values(), *below):
            if counts.output is not None:
                output = short(counts.output[2], text)
                counts.output = None if output is None else (*counts.output[:2], output)

    # -- totals -----------------------------------------------------------------------------

    def groups(
        self, nodes: Sequence[Node], calls: Iterable[Call], price: Price
    ) -> dict[str | None, tuple[EventCounts, CallTotals]]:
        """Return counts and call totals by session, with ``calls`` added; nothing is changed."""
        if self.counts_by_session is None and len(nodes) == 1 and nodes[0].weak is None:
            return {self._resolved(_NO_SESSION): (nodes[0], self._all_call_totals(calls, price))}
        found: dict[str | None, tuple[EventCounts, CallTotals]] = {}

        def group(key: SessionKey) -> tuple[EventCounts, CallTotals]:
            session = self._resolved(key)
            if session not in found:
                found[session] = (EventCounts(), CallTotals())
            return found[session]

        for session, counts in (self.counts_by_session or {}).items():
            group((session, False))[0].merge(counts)
        for node in nodes:
            if not node.is_empty:
                group(_NO_SESSION)[0].merge(node)
            for session, counts in (node.weak or {}).items():
                group((session, True))[0].merge(counts)
        for key, totals in (self.settled_calls or {}).items():
            group(key)[1].merge(totals)
        for call in calls:
            group((call.session, call.session_is_weak))[1].add(call, price)
        return found or {self._resolved(_NO_SESSION): (EventCounts(), CallTotals())}

    def _all_call_totals(self, calls: Iterable[Call], price: Price) -> CallTotals:
        """Return the totals of all calls, for a trace that has one session or none."""
        settled = list((self.settled_calls or {}).values())
        waiting = list(calls)
        if len(settled) == 1 and not waiting:
            return settled[0]
        totals = CallTotals()
        for row in settled:
            totals.merge(row)
        for call in waiting:
            totals.add(call, price)
        return totals

    def _resolved(self, key: SessionKey) -> str | None:
        """Return the session that counts for what a span states, by strength and by the root."""
        session, is_weak = key
        if session is not None and not is_weak:
            return session if session in (self.counts_by_session or ()) else self._own
        if self.root is not None and not (self.root[1] and self.first is not None):
            return self.root[0]
        if session is None or self.first is not None:
            return self._own
        return session

    @property
    def _own(self) -> str | None:
        return self.session.value if self.session is not None else None


_NO_SESSION: SessionKey = (None, False)


def short(raw: object, text: Text) -> Short | None:
    """Return the readable text of an output; text that was made already is kept."""
    output = raw if isinstance(raw, Short) else text(raw)
    return Short(output) if output is not None else None


def rollup(counts: EventCounts, totals: CallTotals, session: At | None, text: Text) -> Rollup:
    """Return counts and call totals as one value."""
    output = short(counts.output[2], text) if counts.output is not None else None
    return Rollup(
        num_events=counts.num_events,
        num_model_events=totals.num_models,
        num_tool_events=counts.num_tools,
        num_errors=counts.num_errors,
        num_unpriced_events=totals.unpriced,
        num_computed=totals.computed,
        num_recorded=totals.recorded,
        cost_pusd=totals.cost_pusd,
        num_winners=totals.winners,
        prompt_tokens=totals.prompt_tokens,
        completion_tokens=totals.completion_tokens,
        total_tokens=totals.total_tokens,
        cache_read_tokens=totals.cache_read_tokens,
        cache_write_tokens=totals.cache_write_tokens,
        reasoning_tokens=totals.reasoning_tokens,
        has_feedback=counts.feedback,
        start_ns=counts.start_ns,
        end_ns=counts.end_ns,
        models=frozenset(sorted(totals.models)[:MAX_MODELS]),
        output=At(*counts.output[:2], str(output))
        if counts.output is not None and output is not None
        else None,
        error=counts.error,
        session=session,
    )


def by_session(rollups: Mapping[str | None, Rollup], default: str | None) -> dict[str, Rollup]:
    """Return totals by session id; those without a session go to ``default``, if that is given."""
    own: dict[str, Rollup] = {}
    for name, one in rollups.items():
        session_id = name if name is not None else default
        if session_id is not None:
            own[session_id] = own[session_id] + one if session_id in own else one
    return own


def root_counts(counts: EventCounts, span: SpanData, reading: Reading, *, is_event: bool) -> None:
    """Add what the root itself states.

    ``is_event``: it counts like any span.  Otherwise only its time is added, and its error and
    output where no span below it has any.
    """
    if is_event:
        counts.add(span, reading)
        return
    counts.span_time(span)
    counts.feedback = counts.feedback or reading.has_feedback
    if counts.error is None and reading.error is not None:
        counts.error = At(span.end_ns, span.span_id, reading.error)
    if counts.output is None and reading.output is not None:
        counts.output = (span.end_ns, span.span_id, reading.output)
