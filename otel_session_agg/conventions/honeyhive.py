"""HoneyHive SDK attributes.

Source: its span processor and decorators; tokens come from the instrumentations beside it.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds

_TYPES = {"model": Kind.MODEL, "tool": Kind.TOOL, "chain": Kind.CHAIN, "session": Kind.CHAIN}

TABLE = Convention(
    name="honeyhive",
    kinds=(Kinds("honeyhive_event_type", _TYPES),),
    prompt=("honeyhive_metadata.prompt_tokens",),
    completion=("honeyhive_metadata.completion_tokens",),
    total=("honeyhive_metadata.total_tokens",),
    session=("honeyhive.session_id",),
    user=("honeyhive_user_properties.user_id", "honeyhive_user_id"),
    output=("honeyhive_outputs.result", "honeyhive_outputs"),
    feedback_prefixes=("honeyhive_feedback.",),
    entity_name=("honeyhive_event_name",),
)
