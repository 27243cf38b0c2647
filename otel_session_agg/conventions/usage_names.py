"""Names of counts in usage objects, written as attributes: ``gen_ai.usage.input_cache_creation``.

Source: Langfuse reads every key below ``gen_ai.usage.`` as a name of its usage details, so
applications write the names of their provider's usage object there, some below ``llm.usage.``.
Semantic Kernel's first versions wrote ``gen_ai.response.prompt_tokens``.  A key that another
convention has belongs to that one.  The times to the first token are spellings that applications
made up.
"""

from __future__ import annotations

from otel_session_agg.conventions._first_token_rows import MILLISECONDS, SECONDS, FirstToken
from otel_session_agg.conventions._schema import Convention, Meaning
from otel_session_agg.conventions._usage_fields import NAMES

_PREFIXES = ("gen_ai.usage.", "llm.usage.")


def _keys(meaning: int) -> tuple[str, ...]:
    """Return the names of one count as attributes."""
    return tuple(prefix + name for prefix in _PREFIXES for name in NAMES[meaning])


TABLE: Convention = Convention(
    name="usage_names",
    prompt=(*_keys(Meaning.PROMPT), "gen_ai.response.prompt_tokens"),
    completion=(*_keys(Meaning.COMPLETION), "gen_ai.response.completion_tokens"),
    total=_keys(Meaning.TOTAL),
    cache_read=_keys(Meaning.CACHE_READ),
    cache_write=_keys(Meaning.CACHE_WRITE),
    cache_write_5m=_keys(Meaning.CACHE_WRITE_5M),
    cache_write_1h=_keys(Meaning.CACHE_WRITE_1H),
    reasoning=_keys(Meaning.REASONING),
    audio_prompt=_keys(Meaning.AUDIO_PROMPT),
    audio_completion=_keys(Meaning.AUDIO_COMPLETION),
    audio_cache_read=_keys(Meaning.AUDIO_CACHE_READ),
    tool_prompt=_keys(Meaning.TOOL_PROMPT),
    first_tokens=(
        *(
            FirstToken(f"{prefix}.time_to_first_token_ms", MILLISECONDS)
            for prefix in ("gen_ai.response", "gen_ai.server", "llm")
        ),
        FirstToken("gen_ai.server.ttft", SECONDS),
        FirstToken("llm.time_to_first_token", SECONDS),
    ),
)
