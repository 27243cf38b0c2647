"""BeeAI: models and agents, traced by OpenInference."""

from __future__ import annotations

import asyncio
from typing import Any

from _calls import QUESTION
from _calls import get_weather as weather
from _harness import CLAUDE, GPT, options, provider, run, scenario, versions
from _layers import lay, openinference_session

versions("beeai-framework", "litellm")
lay(options(), provider())

from beeai_framework.agents.requirement import RequirementAgent
from beeai_framework.backend import ChatModel, UserMessage
from beeai_framework.tools import tool


@tool
def get_weather(city: str) -> str:
    """Say how the weather is in a city.

    Args:
        city: The city's name.
    """
    return weather(city)


def model(name: str) -> ChatModel:
    """A model by the name of its vendor."""
    return ChatModel.from_name(f"openai:{GPT}" if name == "openai" else f"anthropic:{CLAUDE}")


async def ask(name: str, **more: Any) -> None:
    """Ask a model."""
    await model(name).run([UserMessage("Hello")], **more)


@scenario("openai", ("plain", "cached", "reasoning", "failure", "error"))
async def ask_openai():
    await ask("openai")


@scenario("openai-stream", ("cached", "cut"))
async def stream_openai():
    await ask("openai", stream=True)


@scenario("anthropic", ("cached", "cached_large"))
async def ask_anthropic():
    await ask("anthropic")


@scenario("anthropic-stream", ("cached", "cut"))
async def stream_anthropic():
    await ask("anthropic", stream=True)


@scenario("agent", ("plain", "cached"))
async def agent():
    await RequirementAgent(llm=model("openai"), tools=[get_weather]).run(QUESTION, max_iterations=3)


@scenario("parallel", ("cached",))
async def parallel():
    await asyncio.gather(ask("openai"), ask("openai"))


openinference_session(options(), lambda: asyncio.run(ask("openai")))
run()
