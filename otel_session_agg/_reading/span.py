"""The reading of a span: what its attributes and events say, by all conventions, as an ``Event``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._reading.cost import read_cost
from otel_session_agg._reading.index import NAMES, Index, ReadingPlan, Scopes
from otel_session_agg._reading.kind import is_billed, read_kind
from otel_session_agg._reading.marks import first_text
from otel_session_agg._reading.session_ids import name_in_text, read_session
from otel_session_agg._reading.stated import mentions
from otel_session_agg._reading.terms import read_terms
from otel_session_agg._reading.tokens import read_usage
from otel_session_agg._reading.users import read_user
from otel_session_agg._values import MAX_TEXT_CHARS, flag, plain_text, text
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._schema import Emitter

MAX_OUTPUT_CHARS = 16_384
"""Raw output kept per root until it leaves; what is written is shorter still."""

MAX_ERROR_CHARS = 1024
"""Error text kept per root."""

STREAMING_KEYS = (
    "gen_ai.is_streaming",
    "gen_ai.request.stream",
    "llm.is_streaming",
    "gen_ai.request.is_stream",
)
"""Flags that say that the answer was streamed."""

INPUTS = tuple(key for row in CONVENTIONS for key in row.input)
"""Keys of what was asked."""

CARRYING_SCOPES = tuple(
    scope for row in CONVENTIONS for e in row.emitters if e.carries_context for scope in e.scopes
)
"""Beginnings of scopes whose spans may have a parent in this process although it looks remote."""

_CONTAINERS = frozenset({Kind.AGENT, Kind.CHAIN})
_MODEL, _EMBEDDING, _AGENT = (
    Kind.MODEL,
    Kind.EMBEDDING,
    Kind.AGENT,
)  # a global is read twenty times faster than an enum's member

_INDEX = Index(CONVENTIONS)
_SCOPES = Scopes(_INDEX)
_PLAIN = {kind: Reading(kind) for kind in Kind}
"""Events that say nothing but their kind, which most spans are."""


def read(span: SpanData) -> Reading:
    """What one ended span says; never raises, whatever the attributes hold."""
    attributes = span.attributes
    scope = _SCOPES.get(span.scope_name, span.scope_version)
    if scope.has_events and span.events:
        attributes = scope.with_events(attributes, span.events)
    plan = scope.plan(attributes)
    kind = read_kind(scope, plan, attributes, span.name)
    billed = kind is _EMBEDDING or (
        plan.names_model and kind is not _MODEL and is_billed(plan, attributes)
    )
    if not (plan.says_more or span.failed or span.events or billed) and kind is not _MODEL:
        return _PLAIN[kind]  # as nearly all spans but calls
    return _read(span, plan, attributes, kind, billed=billed)


def _read(
    span: SpanData, plan: ReadingPlan, attributes: Mapping[str, Any], kind: Kind, *, billed: bool
) -> Reading:
    """What a span of this kind says."""
    error = _error(span, plan, attributes) if span.failed or plan.error_types else None
    feedback = plan.feedback or (bool(span.events) and _event_feedback(span))
    session, is_weak = (
        read_session(plan.session, attributes, span.scope_name)
        if plan.session is not None
        else (None, False)
    )
    user, metadata = (
        read_user(plan.user, attributes, span.scope_name) if plan.user is not None else (None, None)
    )
    output = _output(plan.outputs, attributes) if plan.outputs else None
    usage: Usage | None = None
    recorded: int | None = None
    num_calls = 0
    ignored: list[str] = []
    emitters = _emitters(plan, attributes) if plan.emitters else ()
    if plan.has_usage:
        usage, num_calls, ignored = read_usage(plan, attributes, span.scope_name, emitters, kind)
    if plan.has_cost or plan.billed:
        is_call = kind is _MODEL or kind is _EMBEDDING
        recorded, ignored_costs = read_cost(
            plan, attributes, span.scope_name, is_call=is_call, has_tokens=usage is not None
        )
        ignored = ignored + ignored_costs
    if emitters and kind in _CONTAINERS:
        is_call = kind is _AGENT and any(emitter.is_call for emitter in emitters)
        num_calls = num_calls or int(is_call)
        billed = is_call or billed or any(emitter.makes_calls for emitter in emitters)
    if usage is None and recorded is None and kind is not _MODEL and not billed:
        return Reading(
            kind, session_id=session, output=output, error=error, has_feedback=feedback, session_is_weak=is_weak,
            ignored=tuple(ignored), user_id=user, metadata=metadata,
        )  # fmt: skip
    if (
        kind is _MODEL
        and usage is None
        and error is None
        and any(emitter.begins_stream for emitter in emitters)
    ):
        kind = Kind.SPAN
    provider, response_model, request_model, response_id, tier, address = _names(plan, attributes)
    if plan.model_texts and request_model is None:
        response_model = name_in_text(plan.model_texts, attributes, span.scope_name, response_model)
    if kind is _MODEL and "embed" in (response_model or request_model or "").lower():
        kind, billed = (
            _EMBEDDING,
            True,
        )  # several emitters know one operation for all of a provider's models
    answered, terms = (
        read_terms(plan.terms, attributes, span.scope_name) if plan.terms else (None, None)
    )
    event = Reading(
        kind, usage, provider, response_model, request_model, response_id, recorded, tier or answered, address, session, output, error,
        feedback, num_calls, user_id=user, metadata=metadata, is_billed=billed,
    )  # fmt: skip
    if terms is None and not emitters and not ignored and not is_weak:
        return event
    return event._replace(
        terms=terms,
        session_is_weak=is_weak,
        ends_early=any(emitter.ends_early for emitter in emitters),
        unsure_output=any(emitter.unsure_output for emitter in emitters),
        unsure_usage=any(emitter.unsure_usage for emitter in emitters),
        misplaced=any(emitter.foreign for emitter in emitters),
        ignored=tuple(ignored),
    )


def session_of(
    scope_name: str, scope_version: str, attributes: Mapping[str, Any]
) -> tuple[str | None, bool]:
    """The session that a span of this scope names by attributes, and whether it may be a conversation or thread."""
    keys = _SCOPES.get(scope_name, scope_version).plan(attributes).session
    return (None, False) if keys is None else read_session(keys, attributes, scope_name)


def _names(plan: ReadingPlan, attributes: Mapping[str, Any]) -> list[str | None]:
    """Names of a call, in the order of ``NAMES``."""
    found: list[str | None] = [None] * len(NAMES)
    for position, keys in plan.names:
        value = attributes[keys[0]]
        if (
            type(value) is str
            and 0 < len(value) <= MAX_TEXT_CHARS
            and "[" != value[0] > '"' < value[-1]
        ):
            found[position] = value  # as ``text`` would have it
        else:
            found[position] = first_text(keys, attributes)
    return found


def _emitters(plan: ReadingPlan, attributes: Mapping[str, Any]) -> tuple[Emitter, ...]:
    """The rows that apply to this span."""
    return tuple(
        row
        for row in plan.emitters
        if (not row.streaming or any(flag(attributes.get(key)) for key in STREAMING_KEYS))
        and (not row.providers or mentions(row.providers, plan, attributes))
        and not (row.not_providers and mentions(row.not_providers, plan, attributes))
        and (
            row.contains is None
            or row.contains[1] in (plain_text(attributes.get(row.contains[0])) or "")
        )
        and (
            row.matches is None
            or re.search(
                row.matches[1], (plain_text(attributes.get(row.matches[0])) or "")[:MAX_TEXT_CHARS]
            )
        )
    )


def _output(keys: tuple[str, ...], attributes: Mapping[str, Any]) -> object:
    for key in keys:
        value = plain_text(attributes[key])
        if value:
            return value[:MAX_OUTPUT_CHARS]
    return None


def _event_feedback(span: SpanData) -> bool:
    return any(event.name in _INDEX.feedback_events for event in span.events)


def _error(span: SpanData, plan: ReadingPlan, attributes: Mapping[str, Any]) -> str | None:
    """What went wrong: the status description, else the last exception, else the error type."""
    type_ = first_text(plan.error_types, attributes)
    if not span.failed and type_ is None:
        return None
    if span.status_description:
        return span.status_description[:MAX_ERROR_CHARS]
    for event in reversed(span.events):
        if event.name == "exception":
            parts = [
                text(event.attributes.get(key)) for key in ("exception.type", "exception.message")
            ]
            if any(parts):
                return ": ".join(part for part in parts if part)[:MAX_ERROR_CHARS]
    return type_ or "error"
