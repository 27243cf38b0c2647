"""Model calls as they stand on spans, and which spans tell of the same one.

Instrumentations are stacked in real life: a framework's span, a client library's and the provider SDK's own can all tell
of one call.  Mostly they nest, and the tree decides (``_traces``).  Where they do not nest, the figures and times decide:

* the same span id is the same span;
* the same response id with figures that do not contradict is the same call, whoever tells of it;
* two model events of *different* scopes, one inside the time of the other, whose figures do not contradict, are one call;
  overlapping in part, they must state the same prompt and completion;
* two calls of the same scope are never one, and a call takes at most one event of each scope.

What one teller knows and another does not is put together, field by field.
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
    same_figures,
    same_input,
    same_prompt,
    with_input,
)

_MODEL = Kind.MODEL  # a global is read twenty times faster than an enum's member
_STRONG = frozenset({Kind.MODEL, Kind.EMBEDDING})
_RUNS = frozenset({Kind.AGENT, Kind.CHAIN})


class Call:
    """One call, told by one or several events."""

    __slots__ = (
        "alive",
        "behind_tool",
        "covered",
        "end_ns",
        "engine",
        "failed",
        "kind",
        "loose_time",
        "misplaced",
        "model_events",
        "provider",
        "recorded_pusd",
        "request_models",
        "response_id",
        "response_models",
        "scopes",
        "server_address",
        "service_tier",
        "session",
        "session_is_weak",
        "settled",
        "silent",
        "span_ids",
        "start_ns",
        "strong",
        "terms",
        "unsure_output",
        "unsure_usage",
        "usage",
        "usage_counts",
    )  # fmt: skip

    def __init__(self, span: SpanData, reading: Reading) -> None:
        self.kind = reading.kind
        self.engine = reading.kind is _MODEL and span.span_kind == "SERVER"
        """A model server's own span: loses against the client's."""
        self.strong = reading.kind in _STRONG and not self.engine
        """Tokens of other kinds are a repeat more often than a source."""
        self.model_events = 1 if reading.kind is _MODEL else reading.num_calls
        """As how many model events it counts."""
        self.usage = reading.usage
        self.usage_counts = has_usage(reading.usage)
        """Its tokens and cost are in the totals."""
        self.silent = reading.is_billed and not self.usage_counts and reading.recorded_pusd is None
        """It is no model event, but was billed, and nobody says how much."""
        self.behind_tool = False
        """It is behind a tool, seen from the spans it still hangs at."""
        self.settled = False
        """It can no longer be corrected."""
        self.covered = False
        """Its cost is in another call's."""
        self.alive = True
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
        """The session that owns it: its own, or that of an ancestor which has ended."""
        self.session_is_weak = reading.session_is_weak

    def belongs_to(self, session: str | None, *, is_weak: bool) -> None:
        """An ancestor, or another teller, names a session."""
        if session is not None and (self.session is None or self.session_is_weak):
            self.session, self.session_is_weak = session, is_weak

    @property
    def is_run(self) -> bool:
        """Whether it is an agent, of whose calls nobody has told."""
        return self.silent and self.kind in _RUNS

    @property
    def models(self) -> tuple[str, ...]:
        """Model names, the most telling first: of responses, then of requests."""
        return self.response_models + self.request_models


def _plain(model: str) -> str:
    return model.rsplit("/", 1)[-1].lower()


_MAKERS = frozenset(
    {"ai21", "amazon", "anthropic", "cohere", "deepseek", "meta", "mistral", "openai", "qwen"}
)
"""First parts of Bedrock's model ids; one emitter gives them as the model."""


def same_model(a: Call, b: Call) -> bool:
    """Whether the model names do not contradict: equal, or one is the other with more before or behind it.

    Before it can stand a region or maker (``us.anthropic.``), behind it a date or version.  A maker's name alone, which
    some emitters give as the model, names none.
    """
    ours, theirs = (
        [plain for plain in map(_plain, call.models) if plain not in _MAKERS] for call in (a, b)
    )
    return not ours or not theirs or any(x in y or y in x for x in ours for y in theirs)


_INSIDE = 0.9
"""Part of the shorter span's time that the other must cover: layers that run side by side (callbacks) start and end in the
same order, so the inner one may end microseconds after the outer."""
_TICK_NS = 1_000_000
"""In JavaScript spans begin at whole milliseconds."""
_SOON_NS = 1_000_000_000
"""How long after a span that ends early, or before one that begins late, another teller of the call may still begin or end;
recorded: 12 ms."""


def differs(call: Call, other: Call) -> bool:
    """Whether figures may contradict and yet be of one call: a teller does not see the cache, or is known to be unsure."""
    a, b = call.usage, other.usage
    if (
        call.unsure_usage
        or other.unsure_usage
        or lacks_details(a, b)
        or lacks_details(b, a)
        or lacks_cache(a, b)
        or lacks_cache(b, a)
    ):
        return True
    return (call.unsure_output or other.unsure_output) and same_input(call.usage, other.usage)


def made(run: Call, call: Call) -> bool:
    """Whether a silent run may have made a call that another scope tells of: it begins in the run's time."""
    if not call.model_events or call.scopes[0] in run.scopes:
        return False
    return run.start_ns <= call.start_ns <= run.end_ns and same_model(run, call)


def one_call(call: Call, other: Call) -> bool:
    """Whether two events that do not nest tell of one call."""
    if call.response_id is not None and call.response_id == other.response_id:
        apart = call.scopes != other.scopes
        if agree(call.usage, other.usage) and (has_usage(call.usage) or apart):
            return True
        if (
            apart
            and call.kind is other.kind
            and (same_prompt(call.usage, other.usage) or differs(call, other))
        ):
            return True
    elif call.response_id is not None and other.response_id is not None:
        return False
    if call.scopes[0] in other.scopes or call.kind is not other.kind:
        return False
    if not same_model(call, other) and not same_figures(call.usage, other.usage):
        return False
    if not (agree(call.usage, other.usage) or differs(call, other)):
        return False
    return _at_one_time(call, other)


def _at_one_time(call: Call, other: Call) -> bool:
    """Whether the times of two events are near enough for what their figures have in common."""
    a, b = call.usage, other.usage
    is_alike = same_figures(a, b) or lacks_details(a, b) or lacks_details(b, a)
    common = min(call.end_ns, other.end_ns) - max(call.start_ns, other.start_ns)
    if common < 0:
        return common > -_SOON_NS and (call.loose_time or other.loose_time) and is_alike
    shorter = min(call.end_ns - call.start_ns, other.end_ns - other.start_ns)
    if common + min(_TICK_NS, shorter // 3) >= _INSIDE * shorter or is_alike:
        return True
    return (
        2 * common >= shorter and (call.unsure_output or other.unsure_output) and same_input(a, b)
    )


MAX_EMITTERS = 16
"""Spans, scopes and models remembered of one call: the deepest stacks recorded tell of a call five times."""


def _joined(names: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    new = tuple(name for name in more if name not in names)
    return (names + new)[:MAX_EMITTERS] if new else names


def _complete(call: Call, usage: Usage, other: Call, more: Usage) -> None:
    """Put together what two tellers of one call state."""
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
    """The likelier output, with the fuller input."""
    likelier = likelier_output(usage, more)
    return with_input(likelier, more if likelier is usage else usage)


def absorb(call: Call, other: Call, *, outer: bool = False) -> None:
    """Let ``call`` know what ``other`` says of the same call; ``other`` is gone.

    ``outer``: it stood above, and what else is below it has nothing to do with ``call``.
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
