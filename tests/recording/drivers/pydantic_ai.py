"""pydantic-ai on OpenAI and Anthropic: tools, structured output, delegation, streams.

Options, in the order of installation: `native` for its own instrumentation, OpenInference's distribution for the same in
OpenInference's words, distributions of clients' instrumentations, and vendors (see `_vendors`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from _calls import QUESTION, SESSION, get_weather
from _harness import CLAUDE, GPT, options, provider, run, scenario, versions
from _vendors import lay_all
from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

TRANSLATOR = "openinference-instrumentation-pydantic-ai"

versions("pydantic-ai-slim", "openai", "anthropic")
translators = SynchronousMultiSpanProcessor()  # these come before the recorder
if TRANSLATOR in options():
    from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor

    versions(TRANSLATOR)
    translators.add_span_processor(OpenInferenceSpanProcessor())
recorded = provider(active_span_processor=translators)
for option in options():
    if option in ("native", TRANSLATOR):
        Agent.instrument_all(InstrumentationSettings(tracer_provider=recorded))
    else:
        lay_all([option], "pydantic_ai", recorded)


class City(BaseModel):
    """What the structured answer is."""

    city: str


def agent(model: Any = None, **more: Any) -> Agent[None, Any]:
    """An agent, by default on OpenAI's chat completions."""
    return Agent(model or OpenAIChatModel(GPT), **more)


@scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))
async def chat():
    await agent().run("Hello")


@scenario("anthropic", ("cached", "split"))
async def anthropic():
    await agent(AnthropicModel(CLAUDE)).run("Hello")


@scenario("responses", ("reasoning",))
async def responses():
    await agent(OpenAIResponsesModel(GPT), tools=[get_weather]).run(QUESTION)


@scenario("tools", ("cached_large",))
async def tools():
    await agent(tools=[get_weather]).run(QUESTION)


@scenario("output")
async def output():
    await agent(output_type=City).run("Hello")


@scenario("delegation")
async def delegation():
    helper = agent(tools=[get_weather])

    async def ask_helper(question: str) -> str:
        return str((await helper.run(question)).output)

    await agent(tools=[ask_helper]).run(QUESTION)


@scenario("stream", ("cached",))
async def stream():
    async with agent().run_stream("Hello") as result:
        async for _ in result.stream_text():
            pass


@scenario("parallel")
async def parallel():
    await asyncio.gather(agent().run("Hello"), agent().run("Good evening"))


@scenario("session")
async def session():
    for text in ("Hello", "Good evening"):
        await agent().run(text, conversation_id=SESSION)
    return SESSION


run()
