"""LangGraph: the node that calls the model checks the budget before it does.

    pip install '.[demo]' langgraph langchain-openai openinference-instrumentation-langchain
    python examples/budget_in_langgraph.py

What a node raises ends the run.  With ``create_agent`` of LangChain the same stands in a
middleware's ``before_model``.
"""

from __future__ import annotations

from typing import Any

import model_server
from exporter import Printer
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr

from otel_session_agg import Budget, BudgetExceeded, SessionSpanProcessor, session

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer()))
trace.set_tracer_provider(provider)
LangChainInstrumentor().instrument()
budget = Budget(cost_usd=0.0001, per="user", period="day", strict=True)


def pay_back(order: str) -> str:
    """Pay the money of an order back."""
    return f"error: the bank did not answer for {order}, try again"


def main() -> None:
    """Run a graph that does not stop by itself."""
    with model_server.running() as server:
        model = ChatOpenAI(
            model="gpt-4o-mini", base_url=server.base_url, api_key=SecretStr("not-a-key")
        ).bind_tools([pay_back])

        def call_model(state: MessagesState) -> dict[str, Any]:
            budget.check()  # before the call
            return {"messages": [model.invoke(state["messages"])]}

        graph = StateGraph(MessagesState)
        graph.add_node("model", call_model)
        graph.add_node("tools", ToolNode([pay_back]))
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition)
        graph.add_edge("tools", "model")
        question = {"messages": [{"role": "user", "content": "Please pay me back for order 4711"}]}
        with session("refund-3", user_id="ada", budget=budget, end_on_exit=True):
            try:
                graph.compile().invoke(question, {"recursion_limit": 200})
            except BudgetExceeded as stopped:
                print("stopped:", stopped)
                print("after", stopped.rollup.num_model_events, "calls")
        provider.shutdown()
        print(server)


if __name__ == "__main__":
    main()
