"""The SDKs of observability vendors, over clients and over agent frameworks.

MLflow 3.17 does not know these versions of CrewAI and smolagents: it writes no spans of their models.
"""

from __future__ import annotations

from ._stack import Stack

_LOGFIRE = "logfire==5.2.0"
_OPENLIT = "openlit==1.45.0"
_LANGFUSE = ("langfuse==5.0.4", "openai==3.54.0")
_LANGCHAIN = ("langchain==1.4.7", "langchain-openai==1.7.3")
_OPENINFERENCE = "openinference-instrumentation-openai"
_LANGFUSE_OPENINFERENCE = (*_LANGFUSE, f"{_OPENINFERENCE}==0.1.66")
_MLFLOW = ("mlflow-skinny==3.17.2", "pandas==3.1.1", "opentelemetry-exporter-otlp-proto-http==1.45.2")
_MLFLOW_SESSION = {"session/*": ("session_id",)}
_MLFLOW_SESSION_WHY = "MLflow keeps the session in what it stores about a trace, not on spans."
_OPENLIT_WHY = "OpenLIT does not tell the reasoning tokens of chat completions."

_OPENAI_OPENINFERENCE = ("openai==3.54.0", f"{_OPENINFERENCE}==0.1.66")
_LOGFIRE_OPENINFERENCE = (_LOGFIRE, "openai==3.54.0", f"{_OPENINFERENCE}==0.1.66")

_CALL = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cache_read_tokens",
    "reasoning_tokens",
    "num_model_events",
    "cost",
)

_CLIENTS = (
    Stack("openai.logfire", "logfire", (_LOGFIRE, "openai==3.54.0"), options=("openai",)),
    Stack("openai.logfire-4", "logfire", ("logfire==4.41.0", "openai==2.54.0"), options=("openai",)),
    Stack("openai.logfire+openinference", "logfire", _LOGFIRE_OPENINFERENCE, options=("openai", _OPENINFERENCE)),
    Stack("openai.openinference+logfire", "logfire", _LOGFIRE_OPENINFERENCE, options=(_OPENINFERENCE, "openai")),
    Stack("anthropic.logfire", "logfire", (_LOGFIRE, "anthropic==2.12.0"), options=("anthropic",)),
    Stack("pydantic-ai.logfire", "logfire", (_LOGFIRE, "pydantic-ai-slim[openai]==2.68.0"), options=("pydantic_ai",)),
    Stack(
        "pydantic-ai.logfire+openai-logfire",
        "logfire",
        (_LOGFIRE, "pydantic-ai-slim[openai]==2.68.0"),
        options=("pydantic_ai", "openai"),
    ),
    Stack("openai.langfuse", "langfuse", _LANGFUSE, options=("wrapper",)),
    Stack("openai.langfuse-4", "langfuse", ("langfuse==4.18.0", "openai==3.54.0"), options=("wrapper",)),
    Stack("langchain.langfuse", "langfuse", ("langfuse==5.0.4", *_LANGCHAIN), options=("langchain",)),
    Stack(
        "langchain.langfuse+openai-openinference",
        "langfuse",
        ("langfuse==5.0.4", *_LANGCHAIN, f"{_OPENINFERENCE}==0.1.66"),
        options=("langchain", _OPENINFERENCE),
    ),
    Stack("openai.langfuse-manual", "langfuse", _LANGFUSE),
    Stack("openai.langfuse+openinference", "langfuse", _LANGFUSE_OPENINFERENCE, options=("wrapper", _OPENINFERENCE)),
    Stack("openai.openinference+langfuse", "langfuse", _LANGFUSE_OPENINFERENCE, options=(_OPENINFERENCE, "wrapper")),
    Stack("openai.openinference+langfuse-manual", "langfuse", _LANGFUSE_OPENINFERENCE, options=(_OPENINFERENCE,)),
    Stack(
        "openai.mlflow",
        "mlflow",
        (*_MLFLOW, "openai==3.54.0"),
        options=("openai",),
        unstated=_MLFLOW_SESSION,
        why=_MLFLOW_SESSION_WHY,
    ),
    Stack(
        "langchain.mlflow",
        "mlflow",
        (*_MLFLOW, *_LANGCHAIN),
        options=("langchain",),
        unstated={**_MLFLOW_SESSION, "chain/reasoning*": ("reasoning_tokens",)},
        why=f"{_MLFLOW_SESSION_WHY} Reasoning tokens are only in what the step after the model is given.",
    ),
    Stack(
        "traceloop-sdk.native",
        "traceloop",
        ("traceloop-sdk==0.62.4", "httpx==0.28.1", "openai==3.54.0", "anthropic==2.12.0", *_LANGCHAIN),
    ),
    Stack(
        "openai.openlit",
        "openlit",
        (_OPENLIT, "openai==2.54.0"),
        options=("openai",),
        unstated={"chat/reasoning*": ("reasoning_tokens",)},
        why=_OPENLIT_WHY,
    ),
    Stack("openai.laminar", "laminar", ("lmnr==0.8.2", "openai==3.54.0")),
    Stack(
        "openai.agentops",
        "agentops",
        ("agentops==0.4.21", "openai==3.54.0"),
        unstated={
            "*/cached*": ("cache_read_tokens", "cost"),
            "*/reasoning*": ("cache_read_tokens", "reasoning_tokens", "cost"),
            "responses*": _CALL,
        },
        why="AgentOps does not tell cached or reasoning tokens, and does not see the responses of this version of the library.",
    ),
    Stack(
        "clients.judgeval",
        "judgeval",
        ("judgeval==1.6.0", "openai==3.54.0", "anthropic==0.125.0"),
        unstated={"embeddings/*": ("prompt_tokens", "total_tokens")},
        why="Judgment's SDK does not see embeddings.",
    ),
    Stack("openai.honeyhive+openinference", "honeyhive", ("honeyhive==1.7.0", *_OPENAI_OPENINFERENCE), options=(_OPENINFERENCE,)),
    Stack("openai.langwatch+openinference", "langwatch", ("langwatch==1.4.0", *_OPENAI_OPENINFERENCE), options=(_OPENINFERENCE,)),
    Stack(
        "langchain.openlit",
        "openlit",
        (_OPENLIT, *_LANGCHAIN),
        options=("langchain",),
        unstated={"chain/reasoning*": ("reasoning_tokens",)},
        why=_OPENLIT_WHY,
    ),
)

_AGENTS = ("openai-agents==0.20.0", "openai==2.54.0")
_AGENTS_3 = ("openai-agents==0.24.0", "openai==3.54.0")
_CREWAI = ("crewai==1.15.30", "openai==2.54.0")
_AGNO = ("agno==3.1.10", "openai==2.54.0", "anthropic==0.125.0")
_AGNO_3 = ("agno==3.1.10", "openai==3.54.0", "anthropic==2.12.0")
_PYDANTIC_AI = ("pydantic-ai-slim[anthropic,openai]==2.68.0", "openai==3.54.0", "anthropic==2.12.0")
_SMOLAGENTS = ("smolagents[openai]==1.26.0", "openai==2.54.0")

_OPENLIT_REASONING = {"*/reasoning*": ("reasoning_tokens",)}

_AGENT_FRAMEWORKS = (
    Stack("openai-agents.logfire", "openai_agents", (_LOGFIRE, *_AGENTS_3), options=("logfire",)),
    Stack("openai-agents.mlflow", "openai_agents", (*_MLFLOW, *_AGENTS_3), options=("mlflow",)),
    Stack(
        "openai-agents.openlit",
        "openai_agents",
        (_OPENLIT, *_AGENTS),
        options=("openlit",),
        unstated={"stream/*": _CALL},
        why="OpenLIT leaves the spans of streamed responses open.",
    ),
    Stack("crewai.openlit", "crewai", (_OPENLIT, *_CREWAI), options=("openlit",), unstated=_OPENLIT_REASONING, why=_OPENLIT_WHY),
    Stack(
        "smolagents.openlit",
        "smolagents",
        (_OPENLIT, *_SMOLAGENTS),
        options=("openlit",),
        unstated=_OPENLIT_REASONING,
        why=_OPENLIT_WHY,
    ),
    Stack(
        "agno.openlit",
        "agno",
        (_OPENLIT, *_AGNO),
        options=("openlit",),
        unstated={**_OPENLIT_REASONING, "*/split*": ("cost",)},
        why=f"{_OPENLIT_WHY} What is written to the cache for an hour is not told apart, and is dearer.",
    ),
    Stack(
        "agno.mlflow",
        "agno",
        (*_MLFLOW, *_AGNO_3, "openinference-instrumentation-agno==1.0.15", "opentelemetry-exporter-otlp==1.45.2"),
        options=("mlflow",),
        unstated={"chat/reasoning*": ("reasoning_tokens",)},
        why="OpenInference's spans, which MLflow takes for Agno, do not tell reasoning tokens.",
    ),
    Stack("pydantic-ai.mlflow", "pydantic_ai", (*_MLFLOW, *_PYDANTIC_AI), options=("mlflow",)),
)

_CONVERSATIONS = (
    Stack(
        "weave.native",
        "weave",
        ("weave==0.54.0", "openai==3.57.0", "anthropic==0.125.0"),
        unstated={"anthropic/reasoning*": ("reasoning_tokens",)},
        why="Weave does not read Anthropic's reasoning tokens.",
    ),
)

STACKS = (*_CLIENTS, *_AGENT_FRAMEWORKS, *_CONVERSATIONS)
