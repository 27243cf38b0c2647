"""AG2 1: its own tracing of agents, by its middleware."""

from __future__ import annotations

import asyncio
from typing import Any

from _calls import QUESTION, get_weather
from _harness import CLAUDE, GEMINI, GPT, provider, run, scenario, versions

versions("ag2", "openai", "anthropic", "google-genai")
traced = provider()

from ag2 import Agent, tool
from ag2.config import AnthropicConfig, GeminiConfig, OpenAIConfig
from ag2.middleware import TelemetryMiddleware


def agent(config: Any, name: str = "assistant", **more: Any) -> Agent:
    """An agent that is traced."""
    attributes = {"session.id": more.pop("session")} if "session" in more else None
    return Agent(
        name,
        config=config,
        middleware=[TelemetryMiddleware(tracer_provider=traced, agent_name=name, span_attributes=attributes)],
        **more,
    )


def openai(**more: Any) -> Any:
    """OpenAI's model."""
    return OpenAIConfig(model=GPT, **more)


def anthropic(**more: Any) -> Any:
    """Anthropic's model."""
    return AnthropicConfig(model=CLAUDE, **more)


@scenario("openai", ("plain", "cached", "reasoning", "failure", "error"))
async def ask_openai():
    await agent(openai(max_retries=2)).ask("Hello")


@scenario("openai-stream", ("cached",))
async def stream_openai():
    await agent(openai(streaming=True)).ask("Hello")


@scenario("anthropic", ("plain", "cached", "cached_large", "reasoning"))
async def ask_anthropic():
    await agent(anthropic()).ask("Hello")


@scenario("anthropic-stream", ("cached",))
async def stream_anthropic():
    await agent(anthropic(streaming=True)).ask("Hello")


@scenario("gemini", ("plain", "cached", "reasoning"))
async def ask_gemini():
    await agent(GeminiConfig(model=GEMINI, api_key="no-key")).ask("Hello")


@scenario("tools", ("plain", "cached"))
async def tools():
    await agent(anthropic(), tools=[tool(get_weather)]).ask(QUESTION)


@scenario("delegation", ("plain", "cached"))
async def delegation():
    helper = agent(openai(), "helper", tools=[tool(get_weather)])
    await agent(openai(), "host", tools=[helper.as_tool(description="Ask the helper.")]).ask(QUESTION)


@scenario("untraced_delegation")
async def untraced_delegation():
    helper = Agent("helper", config=openai(), tools=[tool(get_weather)])
    await agent(openai(), "host", tools=[helper.as_tool(description="Ask the helper.")]).ask(QUESTION)


@scenario("two_turns")
async def two_turns():
    first = await agent(openai()).ask("Hello")
    await first.ask("Good evening")


@scenario("parallel", ("cached",))
async def parallel():
    await asyncio.gather(*(agent(openai()).ask("Hello") for _ in range(2)))


@scenario("session")
async def session():
    await agent(openai(), session="chat-1").ask("Hello")
    return "chat-1"


run()
