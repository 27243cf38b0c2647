"""Coding agents that trace themselves: Codex, Gemini CLI, Copilot CLI.

Source: captures.  Codex puts one turn's usage on the turn and again, by other names, on the request
inside it; a request that ended before, or waits for the next event, states none.  Gemini CLI uses
the GenAI names.  Copilot's ``github.copilot.cost`` is no money and is not read.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import MILLISECONDS, FirstToken
from otel_session_agg.conventions._schema import Convention, NamedSpans, SpanNames

TABLE = Convention(
    name="command_lines",
    spans=(
        NamedSpans({"session_task.turn": Kind.AGENT}),
        NamedSpans({"handle_responses": Kind.MODEL}, need_usage=True),
    ),
    prompt=("codex.turn.token_usage.input_tokens",),
    completion=("codex.turn.token_usage.output_tokens",),
    total=("codex.turn.token_usage.total_tokens",),
    cache_read=("codex.turn.token_usage.cached_input_tokens",),
    cache_write=("codex.turn.token_usage.cache_write_input_tokens",),
    reasoning=(
        "codex.turn.token_usage.reasoning_output_tokens",
        "codex.usage.reasoning_output_tokens",
    ),
    span_names=(SpanNames(nameless=("session_task.turn",)),),
    # source: the attribute names of Copilot Chat
    first_tokens=(FirstToken("copilot_chat.time_to_first_token", MILLISECONDS),),
)
