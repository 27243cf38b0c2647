"""A model call, as one or several spans report it, and what it means to the spans above.

Two modules decide which spans report the same call: ``nesting`` where one is above the other,
``same_call`` where they do not nest.

Calls are summarised in *flags*, so that a span above need not look at each of them.  The flags of
calls behind a tool are kept apart, shifted: to a model call they are other calls.
"""

from __future__ import annotations

from otel_session_agg._model.span import CALLS, Kind, Reading, SpanData, Usage
from otel_session_agg._reading.plan import MAX_SCOPE_CHARS

# globals are read twenty times faster than an enum's members
_MODEL, _EMBEDDING, _GUARDRAIL = Kind.MODEL, Kind.EMBEDDING, Kind.GUARDRAIL
RUNS = frozenset({Kind.AGENT, Kind.CHAIN})
"""Kinds of spans that make calls; one that is silent may be all that reports these."""

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


class Call:
    """One call, reported by one or several spans.

    Mutable: reports of the same call are merged into it (``same_call.absorb``) until its trace
    settles it.
    """

    __slots__ = (
        "alive", "behind_tool", "covered", "end_ns", "failed", "is_server_side", "kind",
        "loose_time", "misplaced", "model_events", "provider", "recorded_pusd", "request_models",
        "response_id", "response_models", "scopes", "server_address", "service_tier", "session",
        "session_is_weak", "settled", "silent", "span_ids", "start_ns", "strong", "terms",
        "unsure_output", "unsure_usage", "usage", "usage_counts",
    )  # fmt: skip

    def __init__(self, span: SpanData, reading: Reading) -> None:
        self.kind = reading.kind
        self.is_server_side = reading.kind is _MODEL and span.span_kind == "SERVER"
        """Whether it is a model server's own span, which loses against the client's."""
        self.strong = reading.kind in CALLS and not self.is_server_side
        """Whether its tokens are a source; those of other kinds are a repeat more often."""
        self.model_events = 1 if reading.kind is _MODEL else reading.num_calls
        """How many model events it counts as."""
        self.usage = reading.usage
        self.usage_counts = has_usage(reading.usage)
        """Whether its tokens and cost are in the totals."""
        self.silent = reading.is_billed and not self.usage_counts and reading.recorded_pusd is None
        """Whether it was billed, is no model event, and no span states tokens or cost."""
        self.behind_tool = False
        """Whether a tool stands between it and the span that it is still attached to."""
        self.settled = False
        """Whether it can no longer be corrected."""
        self.covered = False
        """Whether its cost is included in another call's."""
        self.alive = True
        """Whether it counts: no other call has taken its place, and it is not settled."""
        self.failed = reading.error is not None
        self.start_ns = span.start_ns
        self.end_ns = span.end_ns
        self.span_ids: tuple[int, ...] = (span.span_id,)
        self.scopes: tuple[str, ...] = (span.scope_name[:MAX_SCOPE_CHARS],)
        self.response_id = reading.response_id
        self.provider = reading.provider
        self.response_models: tuple[str, ...] = (
            (reading.response_model,) if reading.response_model else ()
        )
        self.request_models: tuple[str, ...] = (
            (reading.request_model,) if reading.request_model else ()
        )
        self.recorded_pusd = reading.recorded_pusd
        self.service_tier = reading.service_tier
        self.terms = reading.terms
        self.server_address = reading.server_address
        self.loose_time = reading.ends_early
        self.unsure_output = reading.unsure_output
        self.unsure_usage = reading.unsure_usage
        self.misplaced = reading.misplaced
        self.session = reading.session_id
        """Its session: what it states itself, or what an ancestor that has ended states."""
        self.session_is_weak = reading.session_is_weak

    def belongs_to(self, session: str | None, *, is_weak: bool) -> None:
        """Set the session that an ancestor, or another report, states; a strong id stays."""
        if session is not None and (self.session is None or self.session_is_weak):
            self.session, self.session_is_weak = session, is_weak

    @property
    def models(self) -> tuple[str, ...]:
        """Model names, the most specific first: of responses, then of requests."""
        return self.response_models + self.request_models


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
