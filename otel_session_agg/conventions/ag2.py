"""AG2's own tracing, by the telemetry middleware of its agents.

Source: recordings of AG2 1.2.1.  Beside the span of each call, every usage event has a span of its
own: those of calls and of delegated tasks repeat what other spans state, those of summaries and
memories alone state a call.  Input and output are as the provider states them.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Effect, Emitter, Kinds

_SCOPE = "opentelemetry.instrumentation.ag2"
_TYPES = {
    "agent": Kind.AGENT,
    "llm": Kind.MODEL,
    "tool": Kind.TOOL,
    "usage": Kind.SPAN,
    "human_input": Kind.SPAN,
    "envelope": Kind.SPAN,
    "channel": Kind.SPAN,
    "task": Kind.SPAN,
}
_USAGES = {
    "model_call": Kind.SPAN,
    "subtask": Kind.SPAN,
    "compaction": Kind.MODEL,
    "aggregation": Kind.MODEL,
}

TABLE = Convention(
    name="ag2",
    kinds=(Kinds("ag2.usage.kind", _USAGES), Kinds("ag2.span.type", _TYPES)),
    total=("ag2.usage.total_tokens",),
    reasoning=("gen_ai.usage.thinking_tokens",),
    emitters=(
        Emitter(
            scopes=(_SCOPE,),
            has=("ag2.usage.kind",),
            matches=("ag2.usage.kind", r"^(?:model_call|subtask)$"),
            proof="recorded: 1.2.1 of each call, and of what a delegated agent's calls add up to",
            effects={Effect.REPEATED},
        ),
        Emitter(
            scopes=(_SCOPE,),
            providers=("anthropic", "claude", "bedrock"),
            proof="recorded: 1.2.1 on Anthropic; source: Bedrock's figures are passed on, too",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=(_SCOPE,),
            providers=("gemini", "google"),
            proof="recorded: 1.2.1 takes candidates without thoughts",
            effects={Effect.COMPLETION_EXCLUDES_REASONING},
        ),
    ),
)
