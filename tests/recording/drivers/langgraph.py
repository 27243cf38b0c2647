"""LangGraph with a checkpointer: threads that remember, over several turns.

Options: what traces it: `langsmith` for LangSmith's own OpenTelemetry mode, else distributions of instrumentations in the order of
installation.
"""

from __future__ import annotations

import os
from typing import Any

from _calls import QUESTION, get_weather
from _harness import GPT, URL, options, provider, run, scenario, versions
from _layers import lay
from opentelemetry.sdk.trace import SpanProcessor


class LangSmithFlush(SpanProcessor):
    """LangSmith writes spans from a queue of its own; a flush of the provider empties that too."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the queue is empty."""
        from langchain_core.tracers.langchain import wait_for_all_tracers

        wait_for_all_tracers()
        return super().force_flush(timeout_millis)


versions("langgraph", "langchain", "langchain-openai")
traced = provider()
if options() == ["langsmith"]:
    os.environ |= {"LANGSMITH_TRACING": "true", "LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true"}
    os.environ |= {"LANGSMITH_API_KEY": "none", "LANGSMITH_ENDPOINT": URL}
    versions("langsmith")
    traced.add_span_processor(LangSmithFlush())
else:
    lay(options(), traced)

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph


def answer(state: MessagesState) -> dict[str, Any]:
    """The only node of the graph."""
    return {"messages": [ChatOpenAI(model=GPT).invoke(state["messages"])]}


agent = create_agent(ChatOpenAI(model=GPT), [tool(get_weather)], checkpointer=InMemorySaver())
graph = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile(checkpointer=InMemorySaver())


def turns(asked: Any, thread: str) -> str:
    """Two turns in one thread; the second sends the first along."""
    for text in (QUESTION, "And tomorrow?"):
        asked.invoke({"messages": [("user", text)]}, {"configurable": {"thread_id": thread}})
    return thread


@scenario("session_agent", ("plain", "cached"))
def session_agent() -> str:
    return turns(agent, "thread-1")


@scenario("session_graph")
def session_graph() -> str:
    return turns(graph, "thread-2")


@scenario("session_stream")
def session_stream() -> str:
    config = {"configurable": {"thread_id": "thread-3"}}
    for _ in agent.stream({"messages": [("user", QUESTION)]}, config, stream_mode="updates"):
        pass
    return "thread-3"


run()
