"""Anthropic's own tracing: the SDKs' spans and Claude Code's native ones.

Source: recordings of anthropic 2.12 (Python) and captures of Claude Code.  The SDKs' input includes
the cached part, Claude Code's bare ``input_tokens`` does not.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import MILLISECONDS, FirstToken
from otel_session_agg.conventions._schema import (
    Convention,
    Effect,
    Emitter,
    Kinds,
    NamedSpans,
    SpanNames,
)
from otel_session_agg.conventions._term_rows import TermKey

_TYPES = {"llm_request": Kind.MODEL, "interaction": Kind.AGENT, "tool": Kind.TOOL}

TABLE = Convention(
    name="anthropic",
    kinds=(Kinds("span.type", _TYPES),),
    spans=(
        NamedSpans(
            {
                "claude_code.llm_request": Kind.MODEL,
                "claude_code.interaction": Kind.AGENT,
                "claude_code.tool": Kind.TOOL,
                "claude_code.tool.execution": Kind.SPAN,
                "claude_code.tool.blocked_on_user": Kind.SPAN,
            }
        ),
        # recorded: the SDK's own span (2.14) names a model and no operation; counting is not billed
        NamedSpans({"anthropic.messages.count_tokens": Kind.SPAN}, scopes=("com.anthropic.sdk",)),
    ),
    prompt=("input_tokens",),
    completion=("output_tokens",),
    cache_read=("cache_read_tokens", "cache_read_input_tokens"),
    cache_write=("cache_creation_tokens", "cache_creation_input_tokens"),
    cache_write_5m=("anthropic.usage.cache_creation.ephemeral_5m_input_tokens",),
    cache_write_1h=("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",),
    request_model=("model",),
    terms=(TermKey("speed", "speed", only=frozenset({"fast", "normal", "standard"})),),
    session=("anthropic.session.id",),
    tool_name=("tool_name",),
    span_names=(SpanNames(nameless=("claude_code.tool", "claude_code.interaction")),),
    # report: Claude Code's spans of requests have it
    first_tokens=(FirstToken("ttft_ms", MILLISECONDS),),
    emitters=(
        Emitter(
            scopes=("",),
            has=("input_tokens",),
            lacks=("gen_ai.usage.input_tokens", "llm.token_count.prompt"),
            proof="capture: input 2 beside 84562 read and 7096 written",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
    ),
)
