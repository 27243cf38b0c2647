"""A model call, and how two reports of it are merged.

Two modules decide which spans report the same call: ``nesting`` where one is above the other,
``same_call`` where they do not nest.  What one report states and another does not is merged, field
by field.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind, Reading, SpanData, Terms, Usage
from otel_session_agg._reading.size_limits import MAX_SCOPE_CHARS
from otel_session_agg._trace.token_counts import (
    FIRST_FIGURE,
    agree,
    has_usage,
    lacks_cache,
    lacks_details,
    likelier_output,
    same_input,
    same_prompt,
    with_input,
)

_MODEL = Kind.MODEL  # a global is read twenty times faster than an enum's member
_STRONG = frozenset({Kind.MODEL, Kind.EMBEDDING})
_RUNS = frozenset({Kind.AGENT, Kind.CHAIN})


class Call:
    """One call, reported by one or several spans.

    Mutable: reports of the same call are merged into it (``absorb``) until its trace settles it.
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
        self.strong = reading.kind in _STRONG and not self.is_server_side
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
    def is_run(self) -> bool:
        """Whether it is an agent whose calls no span reports."""
        return self.silent and self.kind in _RUNS

    @property
    def models(self) -> tuple[str, ...]:
        """Model names, the most specific first: of responses, then of requests."""
        return self.response_models + self.request_models


MAX_EMITTERS = 16
"""Spans, scopes and models remembered of one call: the deepest recorded stacks report it five
times."""


def _joined(names: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    new = tuple(name for name in more if name not in names)
    return (names + new)[:MAX_EMITTERS] if new else names


def _complete(call: Call, usage: Usage, other: Call, more: Usage) -> None:
    """Merge the tokens that two reports of one call state into ``call``."""
    if agree(usage, more) or not (
        call.unsure_usage or other.unsure_usage or call.unsure_output or other.unsure_output
    ):
        same_output = same_prompt(usage, more) and usage.completion_tokens == more.completion_tokens
        if agree(usage, more) or lacks_details(usage, more) or same_output:
            call.usage = with_input(usage, more)
        elif lacks_cache(usage, more) or lacks_cache(more, usage):
            fuller = more if lacks_cache(usage, more) else usage
            call.usage = (
                fuller
                if (fuller.completion_tokens or 0) > FIRST_FIGURE
                else _of_stream(usage, more)
            )
    elif call.unsure_usage != other.unsure_usage:
        if call.unsure_usage:
            call.usage, call.unsure_usage, call.unsure_output = more, False, other.unsure_output
    elif call.unsure_output != other.unsure_output and same_input(usage, more):
        call.usage = with_input(more, usage) if call.unsure_output else with_input(usage, more)
        call.unsure_output = False
    elif call.unsure_output and other.unsure_output and same_input(usage, more):
        call.usage = _of_stream(usage, more)


def _of_stream(usage: Usage, more: Usage) -> Usage:
    """Return the likelier output of a stream, with the fuller input."""
    likelier = likelier_output(usage, more)
    return with_input(likelier, more if likelier is usage else usage)


def absorb(call: Call, other: Call, *, outer: bool = False) -> None:
    """Merge ``other``, a report of the same call, into ``call``; ``other`` is no longer alive.

    ``outer``: ``other`` is the span above ``call``, so its span id is not taken over: other spans
    below it have nothing to do with ``call``.
    """
    # a model without figures does not make a container's figures a call's
    call.strong = call.strong or (
        other.strong and (has_usage(other.usage) or not has_usage(call.usage))
    )
    if call.usage is None or not has_usage(call.usage):
        if other.usage is not None:
            call.usage, call.unsure_usage, call.unsure_output = (
                other.usage,
                other.unsure_usage,
                other.unsure_output,
            )
        call.usage_counts = call.usage_counts or other.usage_counts
        call.covered = other.covered
    elif other.usage is not None and has_usage(other.usage):
        _complete(call, call.usage, other, other.usage)
    if call.recorded_pusd is None:
        call.recorded_pusd = other.recorded_pusd
    call.response_id = call.response_id or other.response_id
    call.provider = call.provider or other.provider
    call.service_tier = call.service_tier or other.service_tier
    if other.terms is not None:
        call.terms = (
            other.terms
            if call.terms is None
            else Terms(*[a or b for a, b in zip(call.terms, other.terms, strict=True)])
        )
    call.server_address = call.server_address or other.server_address
    call.response_models = _joined(call.response_models, other.response_models)
    call.request_models = _joined(call.request_models, other.request_models)
    call.scopes = _joined(call.scopes, other.scopes)
    if not other.misplaced and not outer and len(call.span_ids) < MAX_EMITTERS:
        call.span_ids += other.span_ids
    call.belongs_to(other.session, is_weak=other.session_is_weak)
    call.failed = call.failed and other.failed
    call.model_events = call.model_events or other.model_events
    call.silent = (
        (call.silent or other.silent) and not call.usage_counts and call.recorded_pusd is None
    )
    call.start_ns = min(call.start_ns, other.start_ns)
    call.end_ns = max(call.end_ns, other.end_ns)
    other.alive = False
