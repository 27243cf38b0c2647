"""Decide whether two reports that do not nest are of one call.

Instrumentations are stacked in practice: a framework's span, a client library's and the provider
SDK's own can all report one call.  Mostly they nest, and the tree decides (``nesting``).  Where
they do not, these rules do:

* the same response id with figures that do not contradict is the same call, whichever scopes
  report it; different response ids are different calls;
* two reports of one kind and of *different* scopes, one inside the time of the other, whose models
  and figures do not contradict, are of one call; if they overlap only in part, or one ends when its
  stream begins, their figures must be alike;
* figures do not contradict, either, when one of them lacks the cached part or the reasoning, or is
  known to be unsure;
* two spans of the same scope never report one call, and a call takes at most one span of each
  scope.
"""

from __future__ import annotations

from otel_session_agg._model.span import Usage
from otel_session_agg._trace.call import Call, has_usage
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.token_counts import (
    agree,
    lacks_cache,
    lacks_details,
    same_figures,
    same_input,
    same_prompt,
)

_RESPONSE, _BESIDE = Rule.RESPONSE, Rule.BESIDE

_MAKERS = frozenset(
    {"ai21", "amazon", "anthropic", "cohere", "deepseek", "meta", "mistral", "openai", "qwen"}
)
"""First parts of Bedrock's model ids; one emitter states them as the model."""


def _plain(model: str) -> str:
    return model.rsplit("/", 1)[-1].lower()


def same_model(a: Call, b: Call) -> bool:
    """Return whether the model names do not contradict: one contains the other.

    A name can be preceded by a region or maker (``us.anthropic.``) and followed by a date or
    version.  A maker's name alone, which some emitters state as the model, names no model.
    """
    if a.response_models == b.response_models and a.request_models == b.request_models:
        return True
    names, other_names = (
        [plain for plain in map(_plain, call.models) if plain not in _MAKERS] for call in (a, b)
    )
    return not names or not other_names or any(x in y or y in x for x in names for y in other_names)


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
    return (call.unsure_output or other.unsure_output) and same_input(a, b)


def made(run: Call, call: Call) -> bool:
    """Return whether a silent run may have made a call that another scope reports.

    It may have when the call begins in the run's time.
    """
    if not run.start_ns <= call.start_ns <= run.end_ns or not call.model_events:
        return False
    return call.scope not in run.scopes and same_model(run, call)


def one_call(call: Call, other: Call, *, in_any_scope: bool = False) -> Rule | None:
    """Return the rule by which two reports that do not nest are of one call, if they are.

    ``in_any_scope``: it is no matter that a report of the same scope is merged already.
    """
    if call.response_id is not None and other.response_id is not None:
        same = call.response_id == other.response_id and _same_response(call, other)
        return _RESPONSE if same else None
    if call.kind is not other.kind or (not in_any_scope and _share_scope(call, other)):
        return None
    if not (agree(call.usage, other.usage) or differs(call, other)):
        return None
    if not same_figures(call.usage, other.usage) and not same_model(call, other):
        return None
    return _BESIDE if _at_one_time(call, other) else None


def _share_scope(call: Call, other: Call) -> bool:
    return call.scope in other.scopes or (
        len(call.scopes) > 1 and not set(call.scopes).isdisjoint(other.scopes)
    )


def _same_response(call: Call, other: Call) -> bool:
    """Return whether two reports with one response id are of one call: mocks repeat their ids."""
    a, b = call.usage, other.usage
    if call.scopes == other.scopes:
        return (has_usage(a) or has_usage(b)) and agree(a, b)
    return agree(a, b) or (call.kind is other.kind and (same_prompt(a, b) or differs(call, other)))


_INSIDE = 0.9
"""Part of the shorter span's time that the other must cover.

Layers that run side by side (callbacks) start and end in the same order, so the inner one may end
microseconds after the outer.
"""
_TICK_NS = 1_000_000
"""Resolution of start times in JavaScript, where spans begin at whole milliseconds."""
SOON_NS = 1_000_000_000
"""Largest gap between a span that ends early, or begins late, and another report of its call.

Recorded: 12 ms.
"""


def _are_alike(a: Usage | None, b: Usage | None) -> bool:
    return same_figures(a, b) or lacks_details(a, b) or lacks_details(b, a)


def _at_one_time(call: Call, other: Call) -> bool:
    """Return whether two reports are near enough in time, given how alike their figures are."""
    a, b = call.usage, other.usage
    common = min(call.end_ns, other.end_ns) - max(call.start_ns, other.start_ns)
    if common < 0:
        is_loose = call.reading.ends_early or other.reading.ends_early
        return common > -SOON_NS and is_loose and _are_alike(a, b)
    shorter = min(call.end_ns - call.start_ns, other.end_ns - other.start_ns)
    if common + min(_TICK_NS, shorter // 3) >= _INSIDE * shorter or _are_alike(a, b):
        return True
    return (
        2 * common >= shorter and (call.unsure_output or other.unsure_output) and same_input(a, b)
    )
