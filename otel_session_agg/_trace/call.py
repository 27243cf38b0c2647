"""A call, as the span that reports it states it, and what a pass over its trace decides about it.

``resolve`` decides.  Everything that it decides is undone by ``reset``, so it can be asked again
when more spans have ended.  What is known from other traces is put in again after each pass
(``trace_calls``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from otel_session_agg._model.span import CALLS, Kind, Reading, SpanData, Usage
from otel_session_agg._reading.plan import MAX_SCOPE_CHARS
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.session_key import SessionKey

# globals are read twenty times faster than an enum's members
_MODEL, _GUARDRAIL = Kind.MODEL, Kind.GUARDRAIL
RUNS = frozenset({Kind.AGENT, Kind.CHAIN})
"""Kinds of spans that make calls; one that is silent may be all that reports these."""
_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much


def has_usage(usage: Usage | None) -> bool:
    """Return whether there are tokens or searches to count; all zeros are none."""
    return usage is not None and bool(
        usage.prompt_tokens or usage.completion_tokens or usage.total_tokens or usage.web_searches
    )


def reports_call(reading: Reading) -> bool:
    """Return whether a span reports a call, or repeats the figures of one."""
    return (
        reading.kind is _MODEL
        or reading.is_billed
        or has_usage(reading.usage)
        or reading.recorded_pusd is not None
    )


_STATED = (
    "answered", "covered", "end_ns", "failed", "first_token_ns", "model_events", "provider",
    "recorded_pusd", "request_models", "response_id", "response_models", "scopes", "server_address",
    "service_tier", "silent", "start_ns", "strong", "terms", "unsure_output", "unsure_usage",
    "usage", "usage_counts",
)  # fmt: skip
"""Fields that are merged when two reports are of one call."""


MAX_ALONE = 1024
"""Names of scopes and models that are kept: a process has a few dozen."""

_ALONE: dict[str, tuple[str, ...]] = {}
"""Names as tuples of one, which calls share, as the garbage collector goes through each tuple."""


def alone(name: str) -> tuple[str, ...]:
    """Return a name as a tuple of one."""
    found = _ALONE.get(name)
    if found is None:
        if len(_ALONE) >= MAX_ALONE:
            _ALONE.clear()
        found = _ALONE[name] = (name,)
    return found


_GIVEN_UP = re.compile(r"(?:[A-Za-z_]\w*\.)*(?:GeneratorExit|CancelledError|KeyboardInterrupt)\b")
"""What Python raises where the application stops reading an answer."""


def _is_cut_short(reading: Reading, error: str) -> bool:
    """Return whether a call failed when its answer had begun, or as nobody wanted the rest."""
    has_begun = reading.shows_answer or reading.first_token_ns is not None
    return has_begun or _GIVEN_UP.match(error) is not None


_OUTPUT, _METADATA = Reading._fields.index("output"), Reading._fields.index("metadata")


def _without_large(reading: Reading) -> Reading:
    """Return a reading without output and metadata; ``_replace`` takes five times as long."""
    between, after = reading[_OUTPUT + 1 : _METADATA], reading[_METADATA + 1 :]
    return _new(Reading, (*reading[:_OUTPUT], None, *between, None, *after))


UNASKED: Final = -1


class Call:
    """What a span reports of a call, and what was decided about it."""

    __slots__ = (
        "answered", "cost_pusd", "covered", "end_ns", "failed", "figures_at", "first_token_ns",
        "gave", "is_changed", "is_server_side", "kind", "lost_to", "model_events", "parent_id",
        "provider", "reading", "recorded_pusd", "request_models", "response_id", "response_models",
        "rule", "scope", "scopes", "server_address", "service_tier", "settled", "settled_session",
        "silent", "span_end_ns", "span_id", "span_start_ns", "start_ns", "strong",
        "terms", "unsure_output", "unsure_usage", "usage", "usage_counts",
    )  # fmt: skip

    def __init__(self, span: SpanData, reading: Reading) -> None:
        if reading.output is not None or reading.metadata is not None:
            reading = _without_large(reading)
        self.reading = reading
        """What the span states, without what may be large."""
        self.span_id, self.parent_id = span.span_id, span.parent_id
        self.scope = span.scope_name[:MAX_SCOPE_CHARS]
        self.span_start_ns, self.span_end_ns = span.start_ns, span.end_ns
        self.kind = reading.kind
        self.is_server_side = reading.kind is _MODEL and span.span_kind == "SERVER"
        """Whether it is a model server's own span, which loses against the client's."""
        self.settled = False
        """Whether it is no call, but stands for calls that are in the totals for good."""
        self.reset()

    def reset(self) -> None:
        """Undo what a pass has decided."""
        reading = self.reading
        self.is_changed = False
        """Whether a pass has changed it: most calls stand for themselves alone."""
        self.strong = self.kind in CALLS and not self.is_server_side
        """Whether its tokens are a source; those of other kinds are a repeat more often."""
        self.model_events = 1 if self.kind is _MODEL else reading.num_calls
        """How many model events it counts as."""
        self.usage = reading.usage
        self.usage_counts = reading.usage is not None and has_usage(reading.usage)
        """Whether its tokens are in the totals."""
        self.recorded_pusd = reading.recorded_pusd
        self.silent = reading.is_billed and not self.usage_counts and self.recorded_pusd is None
        """Whether it was billed, is no model event, and no span states tokens or cost."""
        self.covered = False
        """Whether its cost is included in another call's."""
        self.failed = reading.error is not None
        self.answered = reading.error is None or _is_cut_short(reading, reading.error)
        """Whether it was answered, at least in part, so that it is billed."""
        self.start_ns, self.end_ns = self.span_start_ns, self.span_end_ns
        self.first_token_ns = (
            None if reading.first_token_ns is None else self.span_start_ns + reading.first_token_ns
        )
        """When its first token came, nanoseconds since the Unix epoch."""
        self.scopes = alone(self.scope)
        self.response_id, self.provider = reading.response_id, reading.provider
        answered, requested = reading.response_model, reading.request_model
        self.response_models = alone(answered) if answered else ()
        self.request_models = alone(requested) if requested else ()
        self.service_tier, self.server_address = reading.service_tier, reading.server_address
        self.terms = reading.terms
        self.unsure_output, self.unsure_usage = reading.unsure_output, reading.unsure_usage
        self.settled_session: SessionKey | None = None
        """The session that it had from its ancestors when it was added up for good."""
        self.cost_pusd: int | None = UNASKED
        """Its cost by its tokens; ``None``: unknown, ``UNASKED``: nobody has asked for it."""
        self.lost_to: Call | None = None
        """The call that it is a part of; ``None``: it counts."""
        self.figures_at: Call | None = None
        """The call that has its figures, where only that it was made counts here."""
        self.rule: Rule | None = None
        """Why another call has it, or its figures."""
        self.gave: tuple[str, ...] = ()
        """The fields that ``lost_to`` has from it."""

    @classmethod
    def mark(cls, kind: Kind) -> Call:
        """Return what stands for settled calls of a kind at the spans above them."""
        mark = cls(SpanData("", 0, 0, None, "", "", "", 0, 0, {}), Reading(kind))
        mark.settled, mark.strong, mark.model_events = True, False, 0
        return mark

    def copied(self) -> Call:
        """Return a report that states what is known of the call now, whatever is decided later."""
        twin = Call.mark(self.kind)
        twin.settled = False
        for name in _STATED:
            setattr(twin, name, getattr(self, name))
        return twin

    @property
    def models(self) -> tuple[str, ...]:
        """Model names, the most specific first: of responses, then of requests."""
        return self.response_models + self.request_models

    @property
    def stands(self) -> bool:
        """Whether it counts: no other call has taken its place."""
        return self.lost_to is None

    @property
    def is_fee(self) -> bool:
        """Whether it is no call, but a cost on top of those of calls."""
        return self.kind is _GUARDRAIL and not self.usage_counts

    @property
    def is_model_event(self) -> bool:
        """Whether spans above it are no model events; a model server's own span says nothing."""
        return self.model_events > 0 and not self.is_server_side

    @property
    def states_nothing(self) -> bool:
        """Whether it was answered, and no span states its figures."""
        return (
            (self.model_events > 0 or self.silent)
            and not self.usage_counts
            and self.answered
            and not self.settled
        )

    def lose(self, to: Call, rule: Rule) -> None:
        """Count as a part of another call from now on."""
        self.lost_to, self.rule, self.is_changed = to, rule, True

    def lose_figures(self, to: Call, rule: Rule) -> None:
        """Leave the figures to another call, and all of it unless it is a model event."""
        self.usage_counts, self.usage, self.recorded_pusd, self.covered = False, None, None, True
        if self.is_model_event:
            self.figures_at, self.rule, self.is_changed = to, rule, True
        else:
            self.lose(to, rule)

    def winner(self) -> Call:
        """Return the call of this trace that the report is of; another trace may count it."""
        call = self
        while call.lost_to is not None and call.rule is not Rule.TRACE:
            call = call.lost_to
        return call


def winners(calls: Iterable[Call]) -> dict[Call, Call]:
    """Return the winner of each call, without going along a chain of these twice."""
    found: dict[Call, Call] = {}
    for call in calls:
        path, at = [], call
        while at.lost_to is not None and at.rule is not Rule.TRACE and at not in found:
            path.append(at)
            at = at.lost_to
        winner = found.get(at, at)
        for one in (*path, call):
            found[one] = winner
    return found
