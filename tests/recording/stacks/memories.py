"""Frameworks that remember: threads, memories and groups, over several turns."""

from __future__ import annotations

from ._layered import layered
from ._stack import Stack

_LANGGRAPH = ("langgraph==1.2.22", "langchain==1.4.7", "langchain-core==1.7.2", "langchain-openai==1.7.3", "openai==3.54.0")
_AGENTS = ("openai-agents==0.24.0", "openai==3.54.0")
_AGNO = ("agno==3.1.10", "openai==3.54.0", "sqlalchemy==2.0.44")

_NO_GROUP = {"*": ("session_id",)}
_NO_GROUP_WHY = "The instrumentation writes the group of a run on no span."

STACKS = (
    layered("langgraph.openinference", _LANGGRAPH),
    layered("langgraph.openllmetry", _LANGGRAPH),
    layered("langgraph.contrib-genai", _LANGGRAPH),
    layered("langgraph.langsmith", (*_LANGGRAPH, "langsmith[otel]==0.15.0"), itself=("langsmith",)),
    layered("openai-agents-memory.openinference", _AGENTS, unstated=_NO_GROUP, why=_NO_GROUP_WHY),
    layered("openai-agents-memory.openllmetry", _AGENTS, unstated=_NO_GROUP, why=_NO_GROUP_WHY),
    Stack(
        "openai-agents-memory.logfire",
        "openai_agents_memory",
        ("logfire==5.2.0", "openai-agents==0.24.0", "openai==3.54.0"),
        options=("logfire",),
    ),
    layered("agno-memory.openinference", _AGNO),
)
