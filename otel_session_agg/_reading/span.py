"""Read a span: everything that its attributes and events state, as a ``Reading``.

Before this: ``_spans.py`` copied the SDK's span.
After this: ``_trace/engine.py`` folds the reading into its trace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._reading.cost import read_cost
from otel_session_agg._reading.emitters import Effects, united
from otel_session_agg._reading.index import Index, first_text
from otel_session_agg._reading.kind import is_billed, read_kind
from otel_session_agg._reading.plan import NAMES, ReadingPlan, Scopes
from otel_session_agg._reading.session_ids import name_in_text, read_session
from otel_session_agg._reading.stated import mentions
from otel_session_agg._reading.terms import read_terms
from otel_session_agg._reading.tokens import read_usage
from otel_session_agg._reading.users import read_user
from otel_session_agg._values import MAX_TEXT_CHARS, flag, plain_text, text
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._schema import Effect, Emitter

MAX_OUTPUT_CHARS = 16_384
"""Length of the raw output kept per root until it is released; what is written is shorter still."""

MAX_ERROR_CHARS = 1024
"""Length of the error text kept per root."""

STREAMING_KEYS = (
    "gen_ai.is_streaming",
    "gen_ai.request.stream",
    "llm.is_streaming",
    "gen_ai.request.is_stream",
)
"""Flags that state that the answer was streamed."""

INPUTS = tuple(key for row in CONVENTIONS for key in row.input)
"""Keys of the input of a call or trace."""

CARRYING_SCOPES = tuple(
    scope
    for table in CONVENTIONS
    for row in table.emitters
    if Effect.CARRIES_CONTEXT in row.effects
    for scope in row.scopes
)
"""Prefixes of scopes whose spans may have a parent in this process although it looks remote."""

_CONTAINERS = frozenset({Kind.AGENT, Kind.CHAIN})
# a global is read twenty times faster than an enum's member
_MODEL, _EMBEDDING, _AGENT = Kind.MODEL, Kind.EMBEDDING, Kind.AGENT

_INDEX = Index(CONVENTIONS)
_SCOPES = Scopes(_INDEX)
_PLAIN = {kind: Reading(kind) for kind in Kind}
"""Readings that state nothing but a kind, as those of most spans do."""


def read(span: SpanData) -> Reading:
    """Return what one ended span states; never raise, whatever the attributes hold."""
    attributes = span.attributes
    scope = _SCOPES.get(span.scope_name, span.scope_version)
    if scope.has_events and span.events:
        attributes = scope.with_events(attributes, span.events)
    plan = scope.plan(attributes)
    kind = read_kind(scope, plan, attributes, span.name)
    billed = kind is _EMBEDDING or (
        plan.names_model and kind is not _MODEL and is_billed(plan, attributes)
    )
    if not (plan.is_more_than_kind or span.failed or span.events or billed) and kind is not _MODEL:
        return _PLAIN[kind]  # as nearly all spans but calls
    return _read(span, plan, attributes, kind, billed=billed)


def _read(  # noqa: C901 -- one step each
    span: SpanData, plan: ReadingPlan, attributes: Mapping[str, Any], kind: Kind, *, billed: bool
) -> Reading:
    """Read everything beside the kind."""
    error = _error(span, plan, attributes) if span.failed or plan.error_types else None
    feedback = plan.feedback or (bool(span.events) and _event_feedback(span))
    session, is_weak, user, metadata = None, False, None, None
    if plan.session is not None:
        session, is_weak = read_session(plan.session, attributes, span.scope_name)
    if plan.user is not None:
        user, metadata = read_user(plan.user, attributes, span.scope_name)
    output = _output(plan.outputs, attributes) if plan.outputs else None
    usage: Usage | None = None
    recorded: int | None = None
    num_calls = 0
    ignored: list[str] = []
    effects = _effects(plan, attributes) if plan.effects is None else plan.effects
    if plan.has_usage:
        usage, num_calls, ignored = read_usage(plan, attributes, span.scope_name, effects, kind)
    if plan.has_cost or plan.billed:
        is_call = kind is _MODEL or kind is _EMBEDDING
        recorded, ignored_costs = read_cost(
            plan, attributes, span.scope_name, is_call=is_call, has_tokens=usage is not None
        )
        ignored = ignored + ignored_costs
    if effects and kind in _CONTAINERS:
        is_call = kind is _AGENT and Effect.IS_CALL in effects
        num_calls = num_calls or int(is_call)
        billed = is_call or billed or Effect.MAKES_CALLS in effects
    if usage is None and recorded is None and kind is not _MODEL and not billed:
        return Reading(
            kind, session_id=session, output=output, error=error, has_feedback=feedback,
            session_is_weak=is_weak, ignored=tuple(ignored), user_id=user, metadata=metadata,
        )  # fmt: skip
    is_empty = usage is None and error is None
    if kind is _MODEL and is_empty and Effect.BEGINS_STREAM in effects:
        kind = Kind.SPAN
    provider, response_model, request_model, response_id, tier, address = _names(plan, attributes)
    if plan.model_texts and request_model is None:
        response_model = name_in_text(plan.model_texts, attributes, span.scope_name, response_model)
    if kind is _MODEL and "embed" in (response_model or request_model or "").lower():
        kind, billed = _EMBEDDING, True  # several emitters have one operation for all models
    terms = None
    if plan.terms:
        answered, terms = read_terms(plan.terms, attributes, span.scope_name)
        tier = tier or answered
    reading = Reading(
        kind, usage, provider, response_model, request_model, response_id, recorded, tier, address,
        session, output, error, feedback, num_calls, user_id=user, metadata=metadata,
        is_billed=billed,
    )  # fmt: skip
    if terms is None and not effects and not ignored and not is_weak:
        return reading
    return reading._replace(
        terms=terms, session_is_weak=is_weak, ignored=tuple(ignored),
        ends_early=Effect.ENDS_EARLY in effects,
        misplaced=Effect.MISPLACED in effects,
        unsure_output=Effect.UNSURE_OUTPUT in effects,
        unsure_usage=Effect.UNSURE_USAGE in effects,
    )  # fmt: skip


def session_of(
    scope_name: str, scope_version: str, attributes: Mapping[str, Any]
) -> tuple[str | None, bool]:
    """Return the session id among attributes of this scope, and whether it is weak.

    A weak id may be that of a conversation or thread (see ``session_ids.py``).
    """
    keys = _SCOPES.get(scope_name, scope_version).plan(attributes).session
    return (None, False) if keys is None else read_session(keys, attributes, scope_name)


def _names(plan: ReadingPlan, attributes: Mapping[str, Any]) -> list[str | None]:
    """Return the names of a call, in the order of ``NAMES``."""
    found: list[str | None] = [None] * len(NAMES)
    for position, keys in plan.names:
        value = attributes[keys[0]]
        is_short = type(value) is str and 0 < len(value) <= MAX_TEXT_CHARS
        if is_short and "[" != value[0] > '"' < value[-1]:  # what ``text`` returns unchanged
            found[position] = value
        else:
            found[position] = first_text(keys, attributes)
    return found


def _effects(plan: ReadingPlan, attributes: Mapping[str, Any]) -> Effects:
    """Return the effects of a span's emitter where they depend on the values of attributes."""
    return united(row for row in plan.emitters if _applies(row, plan, attributes))


def _applies(row: Emitter, plan: ReadingPlan, attributes: Mapping[str, Any]) -> bool:
    """Return whether a row applies to a span, by the values of its attributes."""
    if row.streaming and not any(flag(attributes.get(key)) for key in STREAMING_KEYS):
        return False
    if row.providers and not mentions(row.providers, plan, attributes):
        return False
    if row.not_providers and mentions(row.not_providers, plan, attributes):
        return False
    if row.contains is not None:
        key, part = row.contains
        if part not in (plain_text(attributes.get(key)) or ""):
            return False
    if row.matches is None:
        return True
    key, pattern = row.matches
    text_there = (plain_text(attributes.get(key)) or "")[:MAX_TEXT_CHARS]
    return re.search(pattern, text_there) is not None


def _output(keys: tuple[str, ...], attributes: Mapping[str, Any]) -> object:
    for key in keys:
        value = plain_text(attributes[key])
        if value:
            return value[:MAX_OUTPUT_CHARS]
    return None


def _event_feedback(span: SpanData) -> bool:
    return any(event.name in _INDEX.feedback_events for event in span.events)


def _error(span: SpanData, plan: ReadingPlan, attributes: Mapping[str, Any]) -> str | None:
    """Return the status description, else the last exception, else the error type."""
    type_ = first_text(plan.error_types, attributes)
    if not span.failed and type_ is None:
        return None
    if span.status_description:
        return span.status_description[:MAX_ERROR_CHARS]
    for event in reversed(span.events):
        if event.name == "exception":
            keys = ("exception.type", "exception.message")
            parts = [text(event.attributes.get(key)) for key in keys]
            if any(parts):
                return ": ".join(part for part in parts if part)[:MAX_ERROR_CHARS]
    return type_ or "error"
