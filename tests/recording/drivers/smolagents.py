"""smolagents: code and tool calling agents, a managed agent, streams.

Options: distributions of instrumentations, and vendors (see `_vendors`), in the order of installation.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from _calls import QUESTION, get_weather
from _harness import GPT, options, run, scenario, versions
from _layers import openinference_session
from _vendors import lay_all

versions("smolagents", "openai")
lay_all(options(), "smolagents")

from smolagents import CodeAgent, OpenAIServerModel, ToolCallingAgent, tool

WEATHER = tool(get_weather)


def settings(**more: Any) -> dict[str, Any]:
    """What all agents are made with."""
    model = OpenAIServerModel(GPT, api_base=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
    return {"tools": [], "model": model, "verbosity_level": 0, "max_steps": 2, **more}


@scenario("code", ("plain", "cached", "reasoning", "failure", "error"))
def code():
    CodeAgent(**settings()).run("Hello")


@scenario("tools", ("plain", "cached_large"))
def tools():
    ToolCallingAgent(**settings(tools=[WEATHER])).run(QUESTION)


@scenario("delegation")
def delegation():
    helper = ToolCallingAgent(**settings(tools=[WEATHER], name="ask_helper", description="Ask the helper.", max_steps=1))
    ToolCallingAgent(**settings(managed_agents=[helper], max_steps=1)).run(QUESTION)


@scenario("stream")
def stream():
    for _ in ToolCallingAgent(**settings(tools=[WEATHER], stream_outputs=True)).run(QUESTION, stream=True):
        pass


@scenario("two_turns")
def two_turns():
    agent = CodeAgent(**settings())
    agent.run("Hello")
    agent.run("Good evening", reset=False)


@scenario("parallel")
def parallel():
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(copy_context().run, code) for _ in range(2)]
        for one in asked:
            one.result()


openinference_session(options(), two_turns)
run()
