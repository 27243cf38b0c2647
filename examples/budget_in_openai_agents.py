"""OpenAI Agents SDK: a hook of the run checks the budget before each call of a model.

    pip install '.[demo]' openai-agents openinference-instrumentation-openai-agents
    python examples/budget_in_openai_agents.py

``RunHooks.on_llm_start`` comes before each call, of whichever agent of the run; what it raises ends
the run.
"""

from __future__ import annotations

from typing import Any

import model_server
from agents import Agent, OpenAIChatCompletionsModel, RunHooks, Runner, function_tool
from exporter import Printer
from openai import AsyncOpenAI
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import Budget, BudgetExceeded, SessionSpanProcessor, session

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer()))
trace.set_tracer_provider(provider)
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
budget = Budget(cost_usd=0.0001, per="user", period="day", strict=True)


class CheckedHooks(RunHooks[Any]):  # type: ignore[misc]  # it has types where it is installed
    """Ends a run when its user has used up the budget."""

    async def on_llm_start(self, *_: Any, **__: Any) -> None:
        """Check before the call."""
        budget.check()


@function_tool  # type: ignore[untyped-decorator]  # the same
def pay_back(order: str) -> str:
    """Pay the money of an order back."""
    return f"error: the bank did not answer for {order}, try again"


def main() -> None:
    """Run an agent that does not stop by itself."""
    with model_server.running() as server:
        client = AsyncOpenAI(base_url=server.base_url, api_key="not-a-key")
        agent = Agent(
            name="refunds",
            model=OpenAIChatCompletionsModel("gpt-4o-mini", client),
            tools=[pay_back],
        )
        with session("refund-1", user_id="ada", budget=budget, end_on_exit=True):
            try:
                Runner.run_sync(
                    agent, "Please pay me back for order 4711", hooks=CheckedHooks(), max_turns=100
                )
            except BudgetExceeded as stopped:
                print("stopped:", stopped)
                print("after", stopped.rollup.num_model_events, "calls")
        provider.shutdown()
        print(server)


if __name__ == "__main__":
    main()
