"""OpenAI Agents SDK with a memory of its own, and a group that its traces are in.

Options: distributions of instrumentations, and vendors (see `_vendors`), in the order of installation.
"""

from __future__ import annotations

from _calls import QUESTION, get_weather
from _harness import GPT, options, run, scenario, versions
from _layers import in_one_loop
from _vendors import lay_all
from agents import Agent, OpenAIResponsesModel, RunConfig, Runner, SQLiteSession, function_tool, set_trace_processors
from openai import AsyncOpenAI

versions("openai-agents", "openai")
set_trace_processors([])  # the SDK's own exporter to its maker's backend, which is not there
lay_all(options(), "openai_agents")

client = AsyncOpenAI()


@scenario("session_group", ("plain", "cached"))
@in_one_loop
async def session_group() -> str:
    model = OpenAIResponsesModel(model=GPT, openai_client=client)
    agent = Agent(name="assistant", model=model, tools=[function_tool(get_weather)])
    memory = SQLiteSession("memory-1")
    for text in (QUESTION, "And tomorrow?"):
        await Runner.run(agent, text, session=memory, run_config=RunConfig(group_id="group-1"))
    return "group-1"


run()
