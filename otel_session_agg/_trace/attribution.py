"""Which session an event of a trace belongs to, and the totals of each of them."""

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
from otel_session_agg._trace.nesting import Node

MAX_SESSIONS = 1024
"""Sessions told apart below one root: a job that works through a batch has one span above all of them.  The events of more
belong to the trace's own session."""

Text = Callable[[object], "str | None"]
"""Makes a raw output readable; ``None`` when there is none or it is not wanted."""

SessionKey = tuple["str | None", bool]
"""A session id and whether it is weak."""


class SessionAttribution:
    """The sessions of one trace."""

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
        """Events whose session is sure."""
        self.settled_calls: dict[SessionKey, CallTotals] | None = None
        """Calls that can change no more, by what is known of their session."""
        self.first: At | None = None
        self.first_weak: At | None = None
        """The earliest ids of the trace."""
        self.labels: dict[SessionKey, Labels] | None = None
        """What spans say beside the id, by what they name themselves."""
        self.root: SessionKey | None = None
        """What the root itself names, once it has ended."""
        self.conflicts = 0
        """Events with another session id than the first."""

    @property
    def session(self) -> At | None:
        """The id that the trace itself goes by."""
        return self.first if self.first is not None else self.first_weak

    def note(self, start_ns: int, span_id: int, session: str, *, is_weak: bool) -> None:
        """A span names a session."""
        known = self.session
        if known is not None and known.value != session:
            self.conflicts += 1
        at = At(start_ns, span_id, session)
        if is_weak:
            self.first_weak = at if self.first_weak is None else min(at, self.first_weak)
        else:
            self.first = at if self.first is None else min(at, self.first)

    def label(self, span: SpanData, reading: Reading) -> None:
        """A span says who uses its session, or metadata."""
        self.labels = self.labels or {}
        owner = (reading.session_id, reading.session_is_weak)
        known = self.labels.get(owner)
        if known is None:
            if len(self.labels) >= MAX_SESSIONS:
                return
            known = self.labels[owner] = Labels()
        known.add(span, reading)

    def labelled(self) -> dict[str | None, SessionTotals]:
        """What spans say, by session; ``None``: none is known."""
        found: dict[str | None, SessionTotals] = {}
        for owner, labels in (self.labels or {}).items():
            session = self._resolved(owner)
            found[session] = found[session] + labels.totals if session in found else labels.totals
        return found

    def names(self) -> set[str]:
        """The ids of all sessions that the trace is in, or may be in."""
        firsts = (at.value for at in (self.first, self.first_weak) if at is not None)
        return {
            *firsts,
            *(self.counts_by_session or ()),
            *(name for name, _ in self.settled_calls or () if name is not None),
        }

    def attribute(self, node: Node, reading: Reading) -> EventCounts:
        """An ended span names a session: what rose to it belongs to that.  Returns where the event itself counts."""
        session, is_weak = str(reading.session_id), reading.session_is_weak
        for call in node.calls:
            call.belongs_to(session, is_weak=is_weak)
        home = EventCounts() if is_weak else self._counts(session)
        if home is None:
            return node
        for counts in (node, *(node.weak or {}).values()):
            home.merge(counts)
        node.clear()
        node.weak = {session: home} if is_weak else None
        return home

    def _counts(self, session: str) -> EventCounts | None:
        self.counts_by_session = self.counts_by_session or {}
        if session not in self.counts_by_session and len(self.counts_by_session) >= MAX_SESSIONS:
            return None
        return self.counts_by_session.get(session) or self.counts_by_session.setdefault(
            session, EventCounts()
        )

    def settle(self, calls: Iterable[Call], price: Price) -> None:
        """Add calls for good: nothing corrects them any more."""
        self.settled_calls = found = self.settled_calls or {}
        for call in calls:
            call.alive, call.settled = False, True
            owner = (call.session, call.session_is_weak)
            sums = found.get(owner)
            if sums is None:
                if len(found) >= 2 * MAX_SESSIONS:
                    owner = (None, False)
                sums = found.get(owner) or found.setdefault(owner, CallTotals())
            sums.add(call, price)

    def shorten_outputs(self, nodes: Iterable[Node], text: Text) -> None:
        """Raw outputs are needed no more: they are large."""
        below = (counts for node in nodes for counts in (node, *(node.weak or {}).values()))
        for counts in (*(self.counts_by_session or {}).values(), *below):
            if counts.output is not None:
                output = short(counts.output[2], text)
                counts.output = None if output is None else (*counts.output[:2], output)

    # -- reading ----------------------------------------------------------------------------------------------------------

    def groups(
        self, nodes: Sequence[Node], calls: Iterable[Call], price: Price
    ) -> dict[str | None, tuple[EventCounts, CallTotals]]:
        """Everything, by session; what is there is not changed."""
        if self.counts_by_session is None and len(nodes) == 1 and nodes[0].weak is None:
            return {self._resolved(_NO_SESSION): (nodes[0], self._all_call_totals(calls, price))}
        found: dict[str | None, tuple[EventCounts, CallTotals]] = {}

        def group(owner: SessionKey) -> tuple[EventCounts, CallTotals]:
            session = self._resolved(owner)
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
        for owner, sums in (self.settled_calls or {}).items():
            group(owner)[1].merge(sums)
        for call in calls:
            group((call.session, call.session_is_weak))[1].add(call, price)
        return found or {self._resolved(_NO_SESSION): (EventCounts(), CallTotals())}

    def _all_call_totals(self, calls: Iterable[Call], price: Price) -> CallTotals:
        """The calls of a trace that has one session, or none."""
        settled = list((self.settled_calls or {}).values())
        waiting = list(calls)
        if len(settled) == 1 and not waiting:
            return settled[0]
        sums = CallTotals()
        for row in settled:
            sums.merge(row)
        for call in waiting:
            sums.add(call, price)
        return sums

    def _resolved(self, owner: SessionKey) -> str | None:
        session, is_weak = owner
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
    """The readable text of an output, once."""
    output = raw if isinstance(raw, Short) else text(raw)
    return Short(output) if output is not None else None


def rollup(counts: EventCounts, sums: CallTotals, session: At | None, text: Text) -> Rollup:
    """Counts and sums as one value."""
    output = short(counts.output[2], text) if counts.output is not None else None
    return Rollup(
        num_events=counts.num_events,
        num_model_events=sums.num_models,
        num_tool_events=counts.num_tools,
        num_errors=counts.num_errors,
        num_unpriced_events=sums.unpriced,
        num_computed=sums.computed,
        num_recorded=sums.recorded,
        cost_pusd=sums.cost_pusd,
        num_winners=sums.winners,
        prompt_tokens=sums.prompt_tokens,
        completion_tokens=sums.completion_tokens,
        total_tokens=sums.total_tokens,
        cache_read_tokens=sums.cache_read_tokens,
        cache_write_tokens=sums.cache_write_tokens,
        reasoning_tokens=sums.reasoning_tokens,
        has_feedback=counts.feedback,
        start_ns=counts.start_ns,
        end_ns=counts.end_ns,
        models=frozenset(sorted(sums.models)[:MAX_MODELS]),
        output=At(*counts.output[:2], str(output))
        if counts.output is not None and output is not None
        else None,
        error=counts.error,
        session=session,
    )


def by_session(rollups: Mapping[str | None, Rollup], default: str | None) -> dict[str, Rollup]:
    """Totals by session; what no session is known of is in the ``default`` one, if there is any."""
    own: dict[str, Rollup] = {}
    for name, one in rollups.items():
        session_id = name if name is not None else default
        if session_id is not None:
            own[session_id] = own[session_id] + one if session_id in own else one
    return own


def root_counts(counts: EventCounts, span: SpanData, reading: Reading, *, is_event: bool) -> None:
    """What the root itself adds: as an event, or only its time, and its error and output when nothing below has any."""
    if is_event:
        counts.add(span, reading)
        return
    counts.span_time(span)
    counts.feedback = counts.feedback or reading.has_feedback
    if counts.error is None and reading.error is not None:
        counts.error = At(span.end_ns, span.span_id, reading.error)
    if counts.output is None and reading.output is not None:
        counts.output = (span.end_ns, span.span_id, reading.output)
