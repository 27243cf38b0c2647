"""MLflow tracing exported over OTLP; values are JSON texts.

Source: its OTel translators; recordings of mlflow-skinny 3.17.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds, SpanNames, Text

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
    # recorded: 3.17 names the method of the framework
    span_names=(
        SpanNames(
            nameless=(
                "Agent.run",
                "Agent.run_stream",
                "AgentRunner.run",
                "AgentRunner.run_streamed",
            ),
            scopes=("mlflow.",),
        ),
    ),
    # recorded: of each chunk, and of each token of LangChain
    first_token_events=("mlflow.chunk.item.0", "new_token"),
)
