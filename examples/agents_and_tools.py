"""Which agent and which tool cost what, how long the user waited, and why the figures are so.

    pip install '.[demo]'
    python examples/agents_and_tools.py

An agent has two tools; one of them is another agent, with a smaller model whose answer is streamed.
A call belongs to the nearest agent above it, and to the nearest tool.  ``rollup()`` says what each
came to, and ``explain()`` which spans say so.  Frameworks make the spans of agents and tools
themselves; here they are written by hand.  It runs offline, against ``model_server.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import model_server
import openai
from exporter import Printer
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_session_agg import Rollup, SessionSpanProcessor, explain, session

ended = InMemorySpanExporter()  # for explain(): spans as they are, without totals
provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer()))
provider.add_span_processor(SimpleSpanProcessor(ended))
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()
tracer = trace.get_tracer("travel")


def agent(name: str) -> AbstractContextManager[trace.Span]:
    """The span of an agent."""
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
    return tracer.start_as_current_span(f"invoke_agent {name}", attributes=attributes)


def tool(name: str) -> AbstractContextManager[trace.Span]:
    """The span of a tool."""
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    return tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes)


def plan_trip(client: openai.OpenAI, question: str) -> str:
    """Work on a question until the model has an answer, with all tools that it asks for."""

    def find_trains(city: str) -> str:
        return f"three trains a day to {city}"

    def write_text(city: str) -> str:
        return describe(client, city)

    tools: Mapping[str, Callable[..., str]] = {
        "find_trains": find_trains,
        "write_text": write_text,
    }
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    offered: Any = [
        {"type": "function", "function": {"name": name, "parameters": parameters}} for name in tools
    ]
    messages: list[Any] = [{"role": "user", "content": question}]
    with agent("planner"):
        while True:
            answer = client.chat.completions.create(
                model="gpt-4o", messages=messages, tools=offered
            )
            message = answer.choices[0].message
            if not message.tool_calls:
                return message.content or ""
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                if call.type == "function":
                    with tool(call.function.name):
                        said = tools[call.function.name](**json.loads(call.function.arguments))
                    messages.append({"role": "tool", "tool_call_id": call.id, "content": said})


def describe(client: openai.OpenAI, city: str) -> str:
    """Write about a city, word by word as the model says it."""
    with agent("writer"):
        words = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": f"Three sentences about {city}"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        return "".join(word.choices[0].delta.content or "" for word in words if word.choices)


def show(totals: Rollup) -> None:
    """Print what the totals of a session are made of."""
    for kind, rows in (
        ("model", totals.by_model),
        ("agent", totals.by_agent),
        ("tool", totals.by_tool),
    ):
        for name, row in rows.items():
            print(
                f"{kind:<5} {name:<11} {row.num_calls} calls  {row.total_tokens:>4} tokens  "
                f"{row.cost_usd:.8f} USD  {row.duration_ms:6.1f} ms"
            )
    waits = {
        "first answer after": totals.time_to_first_response_ms,
        "first token of a stream after": totals.time_to_first_token_ms,
        "p95 of the calls": totals.model_latency_ms(0.95),
        "models at work for": totals.model_duration_ms,
        "tools at work for": totals.tool_duration_ms,
        "all of it": totals.duration_ms,
    }
    for what, wait_ms in waits.items():
        print(f"{what:<30} {wait_ms:6.1f} ms")


def main() -> None:
    """Answer one question, and say what it has cost, and why."""
    with (
        model_server.running() as server,
        openai.OpenAI(base_url=server.base_url, api_key="not-a-key") as client,
    ):
        with session("trip-3", user_id="ada", end_on_exit=True) as trip:
            plan_trip(client, "How do I get to Bergen?")
            show(trip.rollup())
        provider.shutdown()
        print(server)
        print(explain(ended.get_finished_spans()))


if __name__ == "__main__":
    main()
