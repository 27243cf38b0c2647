"""LoongSuite and Alibaba Cloud ARMS.

Source: its instrumentation's attribute names.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds

_KINDS = {
    "llm": Kind.MODEL,
    "embedding": Kind.EMBEDDING,
    "tool": Kind.TOOL,
    "retriever": Kind.RETRIEVER,
    "reranker": Kind.RETRIEVER,
    "agent": Kind.AGENT,
    "chain": Kind.CHAIN,
    "workflow": Kind.CHAIN,
    "task": Kind.CHAIN,
    "entry": Kind.CHAIN,
    "step": Kind.CHAIN,
}

TABLE = Convention(
    name="loongsuite",
    kinds=(Kinds("gen_ai.span.kind", _KINDS),),
    session=("gen_ai.session.id",),
    user=("gen_ai.user.id",),
)
