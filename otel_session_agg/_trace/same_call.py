"""Decide whether two reports are of one call, and merge them.

Instrumentations are stacked in practice: a framework's span, a client library's and the provider
SDK's own can all report one call.  Mostly they nest, and the tree decides (``nesting``).  Where
they do not nest, figures and times decide:

* the same span id is the same span;
* the same response id with figures that do not contradict is the same call, whichever scopes
  report it;
* two model spans of *different* scopes, one inside the time of the other, whose figures do not
  contradict, report one call; if they overlap only in part, they must state the same prompt and
  completion;
* two spans of the same scope never report one call, and a call takes at most one span of each
  scope.

What one report states and another does not is merged, field by field.
"""

from __future__ import annotations

from otel_session_agg._model.span import Terms, Usage
from otel_session_agg._trace.call import Call, has_usage
from otel_session_agg._trace.token_counts import (
    FIRST_FIGURE,
    agree,
    lacks_cache,
    lacks_details,
    likelier_output,
    same_figures,
    same_input,
    same_prompt,
    with_input,
)


def _plain(model: str) -> str:
    return model.rsplit("/", 1)[-1].lower()


_MAKERS = frozenset(
    {"ai21", "amazon", "anthropic", "cohere", "deepseek", "meta", "mistral", "openai", "qwen"}
)
"""First parts of Bedrock's model ids; one emitter states them as the model."""


def same_model(a: Call, b: Call) -> bool:
    """Return whether the model names do not contradict: one contains the other.

    A name can be preceded by a region or maker (``us.anthropic.``) and followed by a date or
    version.  A maker's name alone, which some emitters state as the model, names no model.
    """
    names, other_names = (
        [plain for plain in map(_plain, call.models) if plain not in _MAKERS] for call in (a, b)
    )
    return not names or not other_names or any(x in y or y in x for x in names for y in other_names)


_INSIDE = 0.9
"""Part of the shorter span's time that the other must cover.

Layers that run side by side (callbacks) start and end in the same order, so the inner one may end
microseconds after the outer.
"""
_TICK_NS = 1_000_000
"""Resolution of start times in JavaScript, where spans begin at whole milliseconds."""
_SOON_NS = 1_000_000_000
"""Largest gap between a span that ends early, or begins late, and another report of its call.

Recorded: 12 ms.
"""


def differs(call: Call, other: Call) -> bool:
    """Return whether contradicting figures may be of one call.

    They may when one report does not see the cache, or is known to be unsure.
    """
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
    """Return whether a silent run may have made a call that another scope reports.

    It may have when the call begins in the run's time.
    """
    if not call.model_events or call.scopes[0] in run.scopes:
        return False
    return run.start_ns <= call.start_ns <= run.end_ns and same_model(run, call)


def one_call(call: Call, other: Call) -> bool:
    """Return whether two spans that do not nest report one call."""
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
    """Return whether two reports are near enough in time, given how alike their figures are."""
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


# -- merging -----------------------------------------------------------------------------------

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
