"""Judgment's SDK (``judgeval``).

Source: its wrappers of clients; recordings of 1.6.0.  Input is what no cache had; the provider's
own usage object stands beside the counts.  For a key of the caller's own, its cost leaves out the
gateway's part: the usage object has both.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import (
    Convention,
    Effect,
    Emitter,
    Kinds,
    NameText,
    Text,
)
from otel_session_agg.conventions._term_rows import BilledText, TermText, below

_KINDS = {
    "llm": Kind.MODEL,
    "tool": Kind.TOOL,
    "agent": Kind.AGENT,
    "function": Kind.CHAIN,
    "span": Kind.SPAN,
}
_INPUT = "judgment.usage.non_cached_input_tokens"
_USAGE = "judgment.usage.metadata"

TABLE = Convention(
    name="judgeval",
    kinds=(Kinds("judgment.span_kind", _KINDS),),
    prompt=(_INPUT,),
    completion=("judgment.usage.output_tokens",),
    cache_read=("judgment.usage.cache_read_input_tokens",),
    cache_write=("judgment.usage.cache_creation_input_tokens",),
    texts=(Text(_USAGE, "native", fills=True),),
    cost=("judgment.usage.total_cost_usd",),
    billed=(BilledText(_USAGE),),
    terms=(TermText(_USAGE, below("")),),
    response_model=("judgment.llm.model",),
    provider=("judgment.llm.provider",),
    response_texts=(NameText("gen_ai.completion", r'^\{"id":"([^"\\]+)"', scopes=("judgeval",)),),
    session=("judgment.session_id",),
    user=("judgment.customer_user_id",),
    input=("judgment.input",),
    output=("judgment.output",),
    agent_name=("judgment.agent_instance_name",),
    emitters=(
        Emitter(
            scopes=("",),
            has=(_INPUT,),
            lacks=("gen_ai.usage.input_tokens",),
            proof="recorded: 1.6.0 on OpenAI and Anthropic",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
    ),
)
