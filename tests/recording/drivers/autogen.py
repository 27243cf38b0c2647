"""AutoGen: agents and a team with models of OpenAI; it traces agents and tools itself.

Options: `native`, which is always on, and distributions of instrumentations in the order of installation.
"""

import asyncio
from contextlib import suppress

from _harness import GPT, options, provider, run, scenario, versions
from _layers import in_one_loop, lay, openinference_session

versions("autogen-agentchat", "autogen-ext", "openai")
LAYERS = [word for word in options() if word != "native"]
lay(LAYERS, provider())

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient

HELLO = [UserMessage(content="Hello", source="user")]


async def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


def model(**settings: object) -> OpenAIChatCompletionClient:
    """A chat model of OpenAI."""
    return OpenAIChatCompletionClient(model=GPT, **settings)


@scenario("client", plans=("plain", "cached", "reasoning", "failure"))
async def client() -> None:
    await model().create(HELLO)


@scenario("client_stream", plans=("cached",))
async def client_stream() -> None:
    async for _ in model().create_stream(HELLO, include_usage=True):
        pass


@scenario("parallel")
async def parallel() -> None:
    await asyncio.gather(model().create(HELLO), model().create(HELLO))


@scenario("agent", plans=("cached",))
async def agent() -> None:
    await AssistantAgent("forecaster", model(), tools=[get_weather], reflect_on_tool_use=True).run(task="How is the weather?")


@scenario("team")
async def team() -> None:
    members = [AssistantAgent("ada", model()), AssistantAgent("bob", model())]
    await RoundRobinGroupChat(members, termination_condition=MaxMessageTermination(3)).run(task="Greet each other.")


@scenario("error", plans=("error",))
async def error() -> None:
    with suppress(Exception):
        await model(max_retries=0).create(HELLO)


openinference_session(LAYERS, in_one_loop(client))
run()
