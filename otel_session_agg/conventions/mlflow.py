"""MLflow tracing exported over OTLP; values are JSON texts.

Source: its OTel translators; recordings of mlflow-skinny 3.17.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds, Text

_TYPES = {
    "llm": Kind.MODEL,
    "chat_model": Kind.MODEL,
    "embedding": Kind.EMBEDDING,
    "tool": Kind.TOOL,
    "retriever": Kind.RETRIEVER,
    "reranker": Kind.RETRIEVER,
    "agent": Kind.AGENT,
    "chain": Kind.CHAIN,
    "workflow": Kind.CHAIN,
    "task": Kind.CHAIN,
    "parser": Kind.CHAIN,
    "guardrail": Kind.GUARDRAIL,
    "evaluator": Kind.EVALUATOR,
    "unknown": Kind.SPAN,
}

TABLE = Convention(
    name="mlflow",
    kinds=(Kinds("mlflow.spanType", _TYPES),),
    texts=(
        Text("mlflow.chat.tokenUsage", "stated"),
        Text("mlflow.spanOutputs", "native", fills=True, path=("usage",), proves=True),
        # recorded: the agents' tracing copies the answer's fields
        Text("usage", "native", scopes=("mlflow.",), fills=True),
    ),
    cost_text=("mlflow.llm.cost",),
    response_model=("mlflow.llm.model",),
    provider=("mlflow.llm.provider",),
    session=("mlflow.trace.session",),
    user=("mlflow.trace.user",),
    input=("mlflow.spanInputs",),
    output=("mlflow.spanOutputs",),
    content=("mlflow.spanInputs", "mlflow.spanOutputs"),
)
