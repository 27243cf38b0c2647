"""A Pydantic AI agent with its own spans: a tool, a typed answer, a conversation of two runs.

    pip install '.[demo]' 'pydantic-ai-slim[openai]'
    python examples/pydantic_ai_agent.py

Pydantic AI traces itself once it is told to.  Its agent span says again what the calls below it
have used; that is counted once.  It runs offline, against ``model_server.py``.
"""

from __future__ import annotations

import model_server
from exporter import Printer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from otel_session_agg import SessionSpanProcessor, session

provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(Printer()))
trace.set_tracer_provider(provider)
Agent.instrument_all()


class Forecast(BaseModel):
    """What the agent has to answer with."""

    city: str
    millimetres: int


def get_weather(city: str) -> str:
    """What the weather will be like."""
    return f"7 mm of rain in {city}"


def main() -> None:
    """Run the agent twice, the second time with what was said before."""
    with model_server.running() as server:
        model = OpenAIChatModel(
            "gpt-4o-mini", provider=OpenAIProvider(base_url=server.base_url, api_key="not-a-key")
        )
        agent = Agent(model, name="weather", output_type=Forecast, tools=[get_weather])
        with session("trip-2", user_id="ada", end_on_exit=True) as trip:
            first = agent.run_sync("Will it rain in Oslo?")
            second = agent.run_sync("And in Bergen?", message_history=first.all_messages())
            print(
                trip.session_id,
                "has used",
                trip.rollup().total_tokens,
                "tokens for",
                first.output,
                "and",
                second.output,
            )
        provider.shutdown()
        print(server)


if __name__ == "__main__":
    main()
