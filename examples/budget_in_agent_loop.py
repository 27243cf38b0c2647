"""An agent that stops itself before the next call when its session has used up its budget.

    pip install '.[demo]'
    python examples/budget_in_agent_loop.py

The agent calls a model, runs the tools that it asks for, and calls it again with what they have
said, the whole conversation each time.  One of the tools is broken, and the model keeps on trying:
such loops are how agents cost money while everybody sleeps.  ``budget.check()`` stands before each
call and raises once the session has used more than its budget; nothing is ever stopped behind the
application's back.  It runs offline, against ``model_server.py``.
"""

from __future__ import annotations

import json
from typing import Any

import model_server
import openai
from exporter import Printer
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import Budget, BudgetExceeded, SessionSpanProcessor, session

MODEL = "gpt-4o"
BUDGET_USD = 0.005

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer()))
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()
tracer = trace.get_tracer("agent")


def look_up_order(order: str) -> str:
    """Find an order."""
    return f"order {order}: one kettle, paid 39.90, delivered six days ago"


def pay_back(order: str) -> str:
    """Pay the money of an order back."""
    return f"error: the bank did not answer for {order}, try again"


TOOLS = {tool.__name__: tool for tool in (look_up_order, pay_back)}
OFFERED: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": tool.__doc__,
            "parameters": {
                "type": "object",
                "properties": {"order": {"type": "string"}},
                "required": ["order"],
            },
        },
    }
    for name, tool in TOOLS.items()
]


def run_tool(name: str, arguments: str) -> str:
    """Run a tool inside a span of its own."""
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    with tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes):
        return TOOLS[name](**json.loads(arguments))


def run_agent(client: openai.OpenAI, question: str, budget: Budget) -> str:
    """Work on a question until the model has an answer.

    Raises:
        BudgetExceeded: the session has used more than its budget; no further call was made.

    """
    messages: list[Any] = [{"role": "user", "content": question}]
    while True:
        budget.check()  # before the next call
        message = (
            client.chat.completions.create(model=MODEL, messages=messages, tools=OFFERED)
            .choices[0]
            .message
        )
        if not message.tool_calls:
            return message.content or ""
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            if call.type == "function":
                said = run_tool(call.function.name, call.function.arguments)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": said})


def main() -> None:
    """Run the agent once."""
    with (
        model_server.running() as server,
        openai.OpenAI(base_url=server.base_url, api_key="not-a-key") as client,
    ):
        budget = Budget(cost_usd=BUDGET_USD)
        with (
            session("refund-4711", budget=budget, end_on_exit=True),
            tracer.start_as_current_span("refund agent"),
        ):
            try:
                print(run_agent(client, "Please pay me back for order 4711", budget))
            except BudgetExceeded as stopped:
                print("stopped:", stopped)
                print(
                    "after",
                    stopped.rollup.num_model_events,
                    "calls and",
                    stopped.rollup.num_tool_events,
                    "tools",
                )
        provider.shutdown()
        print(server)


if __name__ == "__main__":
    main()
