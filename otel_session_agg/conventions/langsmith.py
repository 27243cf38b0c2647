"""LangSmith's OpenTelemetry exporter.

Source: its exporter; recordings of 0.15.  Details are JSON or Python ``repr``.
``langsmith.trace.session_id`` is the project, not a session.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds, Text
from otel_session_agg.conventions._term_rows import BilledText, TermText

_KINDS = {
    "llm": Kind.MODEL,
    "embedding": Kind.EMBEDDING,
    "tool": Kind.TOOL,
    "retriever": Kind.RETRIEVER,
    "chain": Kind.CHAIN,
    "prompt": Kind.CHAIN,
    "parser": Kind.CHAIN,
}

TABLE = Convention(
    name="langsmith",
    kinds=(Kinds("langsmith.span.kind", _KINDS),),
    texts=(
        Text("langsmith.usage_metadata", "inclusive"),
        Text("langsmith.metadata.usage_metadata", "inclusive"),
        Text("gen_ai.usage.input_token_details", "inclusive", within="input_token_details"),
        Text("gen_ai.usage.output_token_details", "inclusive", within="output_token_details"),
    ),
    billed=(
        BilledText("langsmith.usage_metadata"),
        BilledText("langsmith.metadata.usage_metadata"),
    ),
    terms=(
        *(
            TermText(
                key,
                {},
                tiers_at=("input_token_details", "output_token_details"),
                hints=('"flex', "'flex", '"priority', "'priority"),
            )
            for key in ("langsmith.usage_metadata", "langsmith.metadata.usage_metadata")
        ),
        *(
            TermText(
                f"gen_ai.usage.{side}_token_details",
                {},
                tiers_at=("",),
                hints=('"flex', "'flex", '"priority', "'priority"),
            )
            for side in ("input", "output")
        ),
    ),
    request_model=("langsmith.metadata.ls_model_name",),
    provider=("langsmith.metadata.ls_provider",),
    session=(
        "langsmith.metadata.session_id",
        "langsmith.metadata.thread_id",
        "langsmith.metadata.conversation_id",
    ),
    user=("langsmith.metadata.user_id",),
    feedback_prefixes=("langsmith.feedback.",),
    agent_name=("langsmith.metadata.lc_agent_name",),
    chain_agent=("langsmith.metadata.lc_agent_name",),
    entity_name=("langsmith.trace.name",),
)
