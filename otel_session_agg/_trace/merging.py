"""Merge two reports of one call: what one states and the other does not.

Where both state tokens that contradict:

* what is known to be unsure gives way: of the output, or of all;
* the input that includes the cached part is the fuller one, and so is an output with reasoning;
* of two outputs of a stream that are both unsure, the likelier one counts;
* else, the figures of the report that was there first.
"""

from __future__ import annotations

from otel_session_agg._model.span import Terms, Usage
from otel_session_agg._reading.tokens import FIRST_FIGURE
from otel_session_agg._trace.call import UNASKED, Call, has_usage
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.token_counts import (
    agree,
    lacks_cache,
    lacks_details,
    likelier_output,
    same_input,
    same_prompt,
    with_input,
)

MAX_NAMES = 16
"""Scopes and models remembered of one call: the deepest recorded stacks report it five times."""


def absorb(call: Call, other: Call, rule: Rule, *, is_sum: bool = False) -> None:
    """Merge ``other``, a report of the same call, into ``call``; ``other`` loses by ``rule``.

    ``is_sum``: ``other`` is a container that states the sum of its only call.
    """
    gave: list[str] = []
    _merge_usage(call, other, gave, is_sum=is_sum)
    _merge_names(call, other, gave)
    _merge_models(call, other, gave)
    if not is_sum:
        call.scopes = _joined(call.scopes, other.scopes)
        call.model_events = call.model_events or other.model_events
    call.failed = call.failed and other.failed
    call.answered = call.answered or other.answered
    call.silent = (
        (call.silent or other.silent) and not call.usage_counts and call.recorded_pusd is None
    )
    if call.first_token_ns is None and not is_sum:
        call.first_token_ns = other.first_token_ns
    call.start_ns = min(call.start_ns, other.start_ns)
    call.end_ns = max(call.end_ns, other.end_ns)
    call.is_changed, call.cost_pusd = True, UNASKED
    other.gave += tuple(gave)
    other.lose(call, rule)


def _joined(names: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    if names == more:
        return names
    new = tuple(name for name in more if name not in names)
    return (names + new)[:MAX_NAMES] if new else names


def _merge_usage(call: Call, other: Call, gave: list[str], *, is_sum: bool) -> None:
    before, has = call.usage, has_usage(call.usage)
    # a model without figures does not make a container's figures a call's
    if other.strong and not is_sum and (not has or has_usage(other.usage)):
        call.strong = True
    if not has:
        if other.usage is not None:
            call.usage = other.usage
            call.unsure_usage, call.unsure_output = other.unsure_usage, other.unsure_output
        call.usage_counts = call.usage_counts or other.usage_counts
        if other.usage_counts or not call.covered:
            call.covered, call.figures_at, call.rule = other.covered, other.figures_at, other.rule
    elif before is not None and other.usage not in (None, before) and has_usage(other.usage):
        _complete(call, before, other, other.usage)
    if call.usage is not before and call.usage != before:
        gave.append("usage")
    if call.recorded_pusd is None and other.recorded_pusd is not None:
        call.recorded_pusd = other.recorded_pusd
        gave.append("recorded_pusd")


def _merge_names(call: Call, other: Call, gave: list[str]) -> None:
    """Take over names of things that only ``other`` states."""
    if other.response_id and not call.response_id:
        call.response_id = other.response_id
        gave.append("response_id")
    if other.provider and not call.provider:
        call.provider = other.provider
        gave.append("provider")
    if other.service_tier and not call.service_tier:
        call.service_tier = other.service_tier
        gave.append("service_tier")
    if other.server_address and not call.server_address:
        call.server_address = other.server_address
        gave.append("server_address")


def _merge_models(call: Call, other: Call, gave: list[str]) -> None:
    models, requested, terms = call.response_models, call.request_models, call.terms
    call.response_models = _joined(models, other.response_models)
    call.request_models = _joined(requested, other.request_models)
    if other.terms is not None:
        call.terms = (
            other.terms
            if terms is None
            else Terms(*[a or b for a, b in zip(terms, other.terms, strict=True)])
        )
    if call.response_models is not models:
        gave.append("response_models")
    if call.request_models is not requested:
        gave.append("request_models")
    if call.terms != terms:
        gave.append("terms")


def _complete(call: Call, usage: Usage, other: Call, more: Usage) -> None:
    """Merge the tokens that two reports of one call state into ``call``."""
    if agree(usage, more) or not (
        call.unsure_usage or other.unsure_usage or call.unsure_output or other.unsure_output
    ):
        call.usage = _completed(usage, more)
    elif call.unsure_usage != other.unsure_usage:
        if call.unsure_usage:
            call.usage, call.unsure_usage, call.unsure_output = more, False, other.unsure_output
    elif call.unsure_output != other.unsure_output and same_input(usage, more):
        call.usage = with_input(more, usage) if call.unsure_output else with_input(usage, more)
        call.unsure_output = False
    elif call.unsure_output and other.unsure_output and same_input(usage, more):
        call.usage = _of_stream(usage, more)


def _completed(usage: Usage, more: Usage) -> Usage:
    """Return what two reports state that are both sure, or do not contradict."""
    same_output = same_prompt(usage, more) and usage.completion_tokens == more.completion_tokens
    if same_output or agree(usage, more) or lacks_details(usage, more):
        return with_input(usage, more)
    if lacks_cache(usage, more) or lacks_cache(more, usage):
        fuller = more if lacks_cache(usage, more) else usage
        is_whole = (fuller.completion_tokens or 0) > FIRST_FIGURE
        return fuller if is_whole else _of_stream(usage, more)
    return usage


def _of_stream(usage: Usage, more: Usage) -> Usage:
    """Return the likelier output of a stream, with the fuller input."""
    likelier = likelier_output(usage, more)
    return with_input(likelier, more if likelier is usage else usage)
