"""OpenAI Agents SDK: responses and chat models, tools, hand-offs, an agent as a tool, streams.

Options: distributions of instrumentations, and vendors (see `_vendors`), in the order of installation.
"""

from __future__ import annotations

import asyncio
from typing import Any

from _calls import QUESTION, get_weather
from _harness import GPT, options, run, scenario, versions
from _layers import in_one_loop, openinference_session
from _vendors import lay_all
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_trace_processors,
)
from openai import AsyncOpenAI

versions("openai-agents", "openai")
set_trace_processors([])  # the SDK's own exporter to its maker's backend, which is not there
lay_all(options(), "openai_agents")

WEATHER = function_tool(get_weather)
client = AsyncOpenAI()


def responses(name: str = "assistant", **more: Any) -> Agent:
    """An agent on the responses API."""
    return Agent(name=name, model=OpenAIResponsesModel(model=GPT, openai_client=client), **more)


def chat(name: str = "assistant", **more: Any) -> Agent:
    """An agent on chat completions."""
    return Agent(name=name, model=OpenAIChatCompletionsModel(model=GPT, openai_client=client), **more)


@scenario("responses", ("plain", "cached", "reasoning", "failure", "error"))
@in_one_loop
async def one_response():
    await Runner.run(responses(), "Hello")


@scenario("chat", ("plain", "cached_large"))
@in_one_loop
async def one_chat():
    await Runner.run(chat(), "Hello")


@scenario("tools")
@in_one_loop
async def tools():
    await Runner.run(responses(tools=[WEATHER]), QUESTION)


@scenario("delegation", ("cached",))
@in_one_loop
async def delegation():
    helper = responses("helper", tools=[WEATHER]).as_tool("ask_helper", "Ask the helper.")
    await Runner.run(responses(tools=[helper]), QUESTION)


@scenario("handoff")
@in_one_loop
async def handoff():
    await Runner.run(responses(handoffs=[responses("helper")]), "Hand over to the helper.")


@scenario("stream", ("plain", "reasoning", "cut"))
@in_one_loop
async def stream():
    async for _ in Runner.run_streamed(responses(tools=[WEATHER]), QUESTION).stream_events():
        pass


@scenario("chat_stream", ("cached",))
@in_one_loop
async def chat_stream():
    asked = chat(model_settings=ModelSettings(include_usage=True))
    async for _ in Runner.run_streamed(asked, "Hello").stream_events():
        pass


@scenario("parallel")
@in_one_loop
async def parallel():
    await asyncio.gather(Runner.run(responses(), "Hello"), Runner.run(chat(), "Good evening"))


@in_one_loop
async def two_turns():
    for agent in (responses(), chat()):
        await Runner.run(agent, "Hello")


openinference_session(options(), two_turns)
run()
