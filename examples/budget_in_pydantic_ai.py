"""Pydantic AI: the loop over the nodes of a run checks the budget before each request to a model.

    pip install '.[demo]' 'pydantic-ai-slim[openai]'
    python examples/budget_in_pydantic_ai.py

``agent.iter`` hands out each node before it runs, so ``check()`` stands before the request; what it
raises leaves the loop.
"""

from __future__ import annotations

import asyncio

import model_server
from exporter import Printer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from otel_session_agg import Budget, BudgetExceeded, SessionSpanProcessor, session

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer()))
trace.set_tracer_provider(provider)
Agent.instrument_all()
budget = Budget(cost_usd=0.0001, per="user", period="day", strict=True)


def pay_back(order: str) -> str:
    """Pay the money of an order back."""
    return f"error: the bank did not answer for {order}, try again"


async def run(agent: Agent[None, str], question: str) -> str:
    """Work on a question until the model has an answer.

    Raises:
        BudgetExceeded: the user has used more than the budget; no further request was made.

    """
    async with agent.iter(question) as nodes:
        async for node in nodes:
            if Agent.is_model_request_node(node):
                budget.check()  # before the request
    return nodes.result.output if nodes.result is not None else ""


def main() -> None:
    """Run an agent that does not stop by itself."""
    with model_server.running() as server:
        model = OpenAIChatModel(
            "gpt-4o-mini", provider=OpenAIProvider(base_url=server.base_url, api_key="not-a-key")
        )
        agent = Agent(model, name="refunds", tools=[pay_back])
        with session("refund-2", user_id="ada", budget=budget, end_on_exit=True):
            try:
                print(asyncio.run(run(agent, "Please pay me back for order 4711")))
            except BudgetExceeded as stopped:
                print("stopped:", stopped)
                print("after", stopped.rollup.num_model_events, "calls")
        provider.shutdown()
        print(server)


if __name__ == "__main__":
    main()
