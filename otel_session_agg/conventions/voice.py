"""Voice frameworks: LiveKit Agents and Pipecat.

Source: their telemetry modules.  ``lk.llm_metrics`` repeats the span's own counts and is not read;
``lk.realtime_model_metrics`` is OpenAI's own object.  ``tts`` and ``stt`` spans are no model calls.
"""

from __future__ import annotations

from otel_session_agg.conventions._first_token_rows import SECONDS, FirstToken
from otel_session_agg.conventions._schema import Convention, Meaning, Text

TABLE = Convention(
    name="voice",
    cache_read=("gen_ai.usage.input_cached_tokens",),
    audio_prompt=("gen_ai.usage.input_audio_tokens",),
    audio_completion=("gen_ai.usage.output_audio_tokens",),
    # only it has the audio among the tokens that a realtime model read from the cache
    texts=(
        Text("lk.realtime_model_metrics", "inclusive", fills=True, unless=Meaning.AUDIO_CACHE_READ),
    ),
    session=("conversation.id", "lk.job_id"),
    output=("lk.response.text",),
    tool_name=("lk.function_tool.name",),
    agent_name=("lk.agent_name",),
    # source: LiveKit's attribute names; reports of Pipecat's spans
    first_tokens=(FirstToken("lk.response.ttft", SECONDS), FirstToken("metrics.ttfb", SECONDS)),
)
