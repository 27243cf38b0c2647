"""Firebase Genkit: usage inside the JSON of the output.

Source: captures; Anthropic's input excludes the cached part (genkit issue 5412), the output
includes thoughts.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Effect, Emitter, Kinds, Text

_SUBTYPES = {
    "model": Kind.MODEL,
    "embedder": Kind.EMBEDDING,
    "tool": Kind.TOOL,
    "retriever": Kind.RETRIEVER,
    "flow": Kind.CHAIN,
    "prompt": Kind.CHAIN,
    "evaluator": Kind.EVALUATOR,
}

TABLE = Convention(
    name="genkit",
    kinds=(Kinds("genkit:metadata:subtype", _SUBTYPES),),
    texts=(Text("genkit:output", "inclusive", path=("usage",)),),
    request_model=("genkit:name",),
    session=("genkit:sessionId",),
    output=("genkit:output",),
    entity_name=("genkit:name",),
    emitters=(
        Emitter(
            scopes=("",),
            has=("genkit:output",),
            providers=("anthropic", "claude"),
            proof="genkit issue 5412",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
    ),
)
