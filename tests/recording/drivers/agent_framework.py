"""Microsoft Agent Framework: agents with models of OpenAI and Anthropic, traced by itself.

Options: `native`, which is always on, and distributions of instrumentations in the order of installation.
"""

import asyncio
from contextlib import suppress
from typing import Any

from _harness import CLAUDE, EMBEDDING, GPT, options, provider, run, scenario, versions
from _layers import lay

versions("agent-framework-core", "agent-framework-openai", "agent-framework-anthropic")
lay([word for word in options() if word != "native"], provider())

from agent_framework import Agent
from agent_framework.anthropic import AnthropicClient
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient, OpenAIEmbeddingClient

enable_instrumentation()


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


def completions(**settings: Any) -> Agent:
    """An agent on OpenAI's chat completions."""
    return Agent(OpenAIChatCompletionClient(model=GPT), name="assistant", **settings)


def responses(**settings: Any) -> Agent:
    """An agent on OpenAI's responses."""
    return Agent(OpenAIChatClient(model=GPT), name="assistant", **settings)


def claude(**settings: Any) -> Agent:
    """An agent on Anthropic."""
    return Agent(AnthropicClient(model=CLAUDE), name="assistant", **settings)


async def drain(agent: Agent) -> None:
    """Read a streamed answer to its end."""
    async for _ in agent.run("Hello", stream=True):
        pass


@scenario("completions", plans=("plain", "cached", "reasoning", "failure"))
async def one_completion() -> None:
    await completions().run("Hello")


@scenario("completions_stream", plans=("cached",))
async def completions_stream() -> None:
    await drain(completions())


@scenario("completions_tool", plans=("cached",))
async def completions_tool() -> None:
    await completions(tools=[get_weather]).run("How is the weather in Paris?")


@scenario("parallel")
async def parallel() -> None:
    await asyncio.gather(completions().run("Hello"), completions().run("Good evening"))


@scenario("responses", plans=("reasoning",))
async def one_response() -> None:
    await responses().run("Hello")


@scenario("responses_tool", plans=("cached",))
async def responses_tool() -> None:
    await responses(tools=[get_weather]).run("How is the weather in Paris?")


@scenario("session")
async def session() -> str:
    agent = responses()
    await agent.run("Hello", session=agent.get_session("conv-1"))
    return "conv-1"


@scenario("embedding")
async def embedding() -> None:
    await OpenAIEmbeddingClient(model=EMBEDDING).get_embeddings(["Hello"])
    await completions().run("Hello")


@scenario("error", plans=("error",))
async def error() -> None:
    with suppress(Exception):
        await completions().run("Hello")


@scenario("anthropic", plans=("cached", "split", "reasoning"))
async def anthropic() -> None:
    await claude().run("Hello")


@scenario("anthropic_stream", plans=("cached",))
async def anthropic_stream() -> None:
    await drain(claude())


@scenario("anthropic_tool", plans=("cached",))
async def anthropic_tool() -> None:
    await claude(tools=[get_weather]).run("How is the weather in Paris?")


run()
