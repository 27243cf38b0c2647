"""A LangChain agent (on LangGraph) with a tool: each call counts once, in however many spans.

    pip install '.[demo]' langchain langgraph langchain-openai
    pip install openinference-instrumentation-langchain
    python examples/langchain_agent.py

Two instrumentations are at work, as in many real applications: LangChain's, whose spans of graph,
nodes and models nest, and that of the OpenAI client below it, whose spans stand beside them.  Both
write the tokens of each call; adding up what stands on the spans would give twice as many.  Each
question is a request of its own.  It runs offline, against ``model_server.py``.
"""

from __future__ import annotations

import model_server
from exporter import Printer
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr

from otel_session_agg import SessionSpanProcessor, session

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer()))
trace.set_tracer_provider(provider)
LangChainInstrumentor().instrument()
OpenAIInstrumentor().instrument()
tracer = trace.get_tracer("travel")


def get_weather(city: str) -> str:
    """What the weather will be like."""
    return f"7 mm of rain in {city}"


def main() -> None:
    """Ask the agent two questions in one session."""
    with model_server.running() as server:
        model = ChatOpenAI(
            model="gpt-4o-mini", base_url=server.base_url, api_key=SecretStr("not-a-key")
        )
        agent = create_agent(model, [get_weather])
        with session("trip-1", user_id="ada", end_on_exit=True) as trip:
            for question in ("Do I need an umbrella in Oslo?", "And in Bergen?"):
                with tracer.start_as_current_span(
                    "request"
                ):  # as a web framework's instrumentation makes it
                    answer = agent.invoke({"messages": [{"role": "user", "content": question}]})
                so_far = trip.rollup()
                print(answer["messages"][-1].text)
                print(
                    f"so far: {so_far.num_model_events} calls, "
                    f"{so_far.num_tool_events} tools, {so_far.total_tokens} tokens"
                )
        provider.shutdown()
        print(server)


if __name__ == "__main__":
    main()
