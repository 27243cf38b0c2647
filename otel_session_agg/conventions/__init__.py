"""What attributes mean: every convention as a table, and the reading of a span into an ``Event``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._model import Event, Kind, SpanData
from otel_session_agg._values import flag, text
from otel_session_agg.conventions import (
    agentops,
    anthropic,
    command_lines,
    genkit,
    google_adk,
    haystack,
    honeyhive,
    laminar,
    langfuse,
    langsmith,
    langwatch,
    litellm,
    loongsuite,
    mastra,
    mlflow,
    openinference,
    openlit,
    openllmetry,
    otel_genai,
    other_ids,
    posthog,
    pydantic_ai,
    sentry,
    spring_ai,
    strands,
    trulens,
    vercel,
    voice,
    voltagent,
)
from otel_session_agg.conventions._convention import Convention, Emitter, Says
from otel_session_agg.conventions._cost import read_cost
from otel_session_agg.conventions._kind import read_kind
from otel_session_agg.conventions._table import Index, Plan, Plans, first_text, version_tuple
from otel_session_agg.conventions._usage import read_usage

CONVENTIONS: tuple[Convention, ...] = (
    langfuse.TABLE,
    openinference.TABLE,
    otel_genai.TABLE,
    openllmetry.TABLE,
    pydantic_ai.TABLE,
    openlit.TABLE,
    laminar.TABLE,
    vercel.TABLE,
    posthog.TABLE,
    honeyhive.TABLE,
    mlflow.TABLE,
    langsmith.TABLE,
    google_adk.TABLE,
    strands.TABLE,
    litellm.TABLE,
    voice.TABLE,
    agentops.TABLE,
    sentry.TABLE,
    anthropic.TABLE,
    command_lines.TABLE,
    genkit.TABLE,
    voltagent.TABLE,
    mastra.TABLE,
    spring_ai.TABLE,
    langwatch.TABLE,
    loongsuite.TABLE,
    trulens.TABLE,
    haystack.TABLE,
    other_ids.TABLE,
)

MAX_OUTPUT_CHARS = 16_384
"""Raw output kept per root until it leaves; what is written is shorter still."""

MAX_ERROR_CHARS = 1024
"""Error text kept per root."""

_MAX_SCOPES = 512
"""Scopes whose emitters are remembered; an application has a few dozen."""

STREAMING_KEYS = ("gen_ai.is_streaming", "gen_ai.request.stream", "llm.is_streaming", "gen_ai.request.is_stream")
"""Flags that say that the answer was streamed."""

_INDEX = Index(CONVENTIONS)
_PLANS = Plans(_INDEX)
_EMITTERS: dict[tuple[str, str], tuple[Emitter, ...]] = {}
_PLAIN = Event(Kind.SPAN)


def read(span: SpanData) -> Event:
    """What one ended span says; never raises, whatever the attributes hold."""
    attributes = span.attributes
    plan = _PLANS.get(attributes)
    failed = span.failed
    if not plan and _INDEX.named(span.name) is None and not failed and not span.events:
        return _PLAIN
    kind = read_kind(_INDEX, plan, attributes, span.name, span.scope_name)
    error = _error(span, plan) if failed or span.events or Says.ERROR_TYPE in plan else None
    feedback = Says.FEEDBACK in plan or _event_feedback(span)
    session = first_text(plan, Says.SESSION, attributes) if Says.SESSION in plan else None
    output = _output(plan, attributes) if Says.OUTPUT in plan else None
    emitters = _emitters(span, plan)
    usage, num_calls, ignored = read_usage(plan, attributes, span.scope_name, emitters, kind)
    recorded, ignored_costs = read_cost(plan, attributes)
    if usage is None and kind is not Kind.MODEL and recorded is None:
        return Event(
            kind, session_id=session, output=output, error=error, has_feedback=feedback, ignored=tuple(ignored + ignored_costs)
        )
    return Event(
        kind=kind,
        usage=usage,
        provider=first_text(plan, Says.PROVIDER, attributes),
        response_model=first_text(plan, Says.RESPONSE_MODEL, attributes),
        request_model=first_text(plan, Says.REQUEST_MODEL, attributes),
        response_id=first_text(plan, Says.RESPONSE_ID, attributes),
        recorded_pusd=recorded,
        service_tier=first_text(plan, Says.SERVICE_TIER, attributes),
        server_address=first_text(plan, Says.SERVER_ADDRESS, attributes),
        session_id=session,
        output=output,
        error=error,
        has_feedback=feedback,
        num_calls=num_calls,
        ends_early=any(emitter.ends_early for emitter in emitters),
        unsure_output=any(emitter.unsure_output for emitter in emitters),
        foreign=any(emitter.foreign for emitter in emitters),
        ignored=tuple(ignored + ignored_costs),
    )


def _emitters(span: SpanData, plan: Plan) -> tuple[Emitter, ...]:
    """The rows that apply to this span."""
    key = (span.scope_name, span.scope_version)
    rows = _EMITTERS.get(key)
    if rows is None:
        if len(_EMITTERS) >= _MAX_SCOPES:
            _EMITTERS.clear()
        rows = _EMITTERS[key] = tuple(row for row in _INDEX.emitters if _is_from(row, *key))
    attributes = span.attributes
    return tuple(
        row
        for row in rows
        if (not row.has or any(key in attributes for key in row.has))
        and not any(key in attributes for key in row.lacks)
        and (not row.streaming or any(flag(attributes.get(key)) for key in STREAMING_KEYS))
        and (not row.providers or _mentions(row.providers, plan, attributes))
    )


def _is_from(row: Emitter, scope: str, version: str) -> bool:
    if not scope.startswith(row.scopes) or (row.not_scopes and scope.startswith(row.not_scopes)):
        return False
    numbers = version_tuple(version)
    if row.since and numbers and numbers < version_tuple(row.since):
        return False
    return not row.before or (bool(numbers) and numbers < version_tuple(row.before))


def _mentions(names: tuple[str, ...], plan: Plan, attributes: Mapping[str, Any]) -> bool:
    """Whether provider or model names contain one of these."""
    for says in (Says.PROVIDER, Says.RESPONSE_MODEL, Says.REQUEST_MODEL):
        for mark in plan.get(says, ()):
            value = text(attributes[mark.key])
            if value is not None and any(name in value.lower() for name in names):
                return True
    return False


def _output(plan: Plan, attributes: Mapping[str, Any]) -> object:
    for mark in plan[Says.OUTPUT]:
        value = attributes[mark.key]
        if isinstance(value, str) and value:
            return value[:MAX_OUTPUT_CHARS]
    return None


def _event_feedback(span: SpanData) -> bool:
    return any(event.name in _INDEX.feedback_events for event in span.events)


def _error(span: SpanData, plan: Plan) -> str | None:
    """What went wrong: the status description, else the last exception, else the error type."""
    if not span.failed and Says.ERROR_TYPE not in plan:
        return None
    type_ = first_text(plan, Says.ERROR_TYPE, span.attributes)
    if not span.failed and type_ is None:
        return None
    if span.status_description:
        return span.status_description[:MAX_ERROR_CHARS]
    for event in reversed(span.events):
        if event.name == "exception":
            parts = [text(event.attributes.get(key)) for key in ("exception.type", "exception.message")]
            if any(parts):
                return ": ".join(part for part in parts if part)[:MAX_ERROR_CHARS]
    return str(type_ or "error")
