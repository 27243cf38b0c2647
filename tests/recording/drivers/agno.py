"""Agno: agents on OpenAI and Anthropic, a team, tools, streams.

Options: distributions of instrumentations, and vendors (see `_vendors`), in the order of installation.
"""

from __future__ import annotations

import asyncio
from typing import Any

from _calls import QUESTION, SESSION, get_weather
from _harness import CLAUDE, GPT, URL, options, run, scenario, versions
from _vendors import lay_all

versions("agno", "openai", "anthropic")
lay_all(options(), "agno")

from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.models.openai import OpenAIChat, OpenAIResponses
from agno.team import Team


def agent(model: Any = None, **more: Any) -> Agent:
    """An agent, by default on OpenAI's chat completions."""
    return Agent(model=model or OpenAIChat(id=GPT), telemetry=False, **more)


@scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))
def chat():
    agent().run("Hello")


@scenario("anthropic", ("cached", "cached_large", "split"))
def anthropic():
    agent(Claude(id=CLAUDE, client_params={"base_url": URL})).run("Hello")


@scenario("responses", ("cached",))
def responses():
    agent(OpenAIResponses(id=GPT)).run("Hello")


@scenario("tools")
def tools():
    agent(tools=[get_weather]).run(QUESTION)


@scenario("two_turns")
def two_turns():
    asked = agent()
    asked.run("Hello")
    asked.run("Good evening")


@scenario("stream")
def stream():
    for _ in agent().run("Hello", stream=True):
        pass


@scenario("parallel")
async def parallel():
    await asyncio.gather(agent().arun("Hello"), agent().arun("Good evening"))


@scenario("team")
def team():
    Team(members=[agent(name="helper", role="Helper")], model=OpenAIChat(id=GPT), telemetry=False).run("Hello")


if any(name.startswith("openinference-") for name in options()):  # the others do not write Agno's session

    @scenario("session")
    def session():
        for text in ("Hello", "Good evening"):
            agent().run(text, session_id=SESSION)
        return SESSION


run()
