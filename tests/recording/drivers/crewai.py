"""CrewAI: crews of one and two agents, tools, streams.

Options: `native` for CrewAI's own tracing, `litellm` to reach the model through LiteLLM; else distributions of instrumentations, and
vendors (see `_vendors`), in the order of installation.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from typing import Any

from _calls import QUESTION, SESSION, get_weather
from _harness import GPT, options, run, scenario, versions
from _layers import openinference_session
from _vendors import lay_all

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false", "CREWAI_DISABLE_TRACKING": "true"}
NATIVE = "native" in options()
LITELLM = "litellm" in options()
DISTRIBUTIONS = [word for word in options() if word not in ("native", "litellm")]

versions("crewai", "litellm" if LITELLM else "openai")
recorded = lay_all(DISTRIBUTIONS, "crewai")

from crewai import LLM, Agent, Crew, Task
from crewai.telemetry.tracing import TraceSession
from crewai.tools import tool

WEATHER = tool("get_weather")(get_weather)


@contextlib.contextmanager
def traced(**attributes: str):
    """One execution traced by CrewAI itself, as its hosts set that up; nothing where instrumentations trace."""
    if not NATIVE:
        yield
        return
    session = TraceSession(str(uuid.uuid4()), attributes=attributes, processors=[recorded._active_span_processor])
    try:
        with session.activate():
            yield
    finally:
        session.shutdown()


def llm(**more: Any) -> LLM:
    """The model, through CrewAI's own client or through LiteLLM."""
    return LLM(model=f"openai/{GPT}", is_litellm=LITELLM, **more)


def crew(*prompts: str, tools: tuple[Any, ...] = (), **settings: Any) -> Crew:
    """A crew with an agent and a task for each prompt."""
    agents = [Agent(role=text, goal="Answer.", backstory="None.", llm=llm(**settings), tools=list(tools)) for text in prompts]
    tasks = [Task(description=agent.role, expected_output="An answer.", agent=agent) for agent in agents]
    return Crew(agents=agents, tasks=tasks)


@scenario("crew", ("plain", "cached", "reasoning", "failure", "error"))
def one():
    with traced():
        crew("Hello").kickoff()


if not LITELLM:  # which needs an mcp for tools that is newer than CrewAI's

    @scenario("tools")
    def tools():
        with traced():
            crew(QUESTION, tools=(WEATHER,)).kickoff()


@scenario("two_agents", ("cached_large",))
def two_agents():
    with traced():
        crew("Hello", "Good evening").kickoff()


@scenario("same_agent")
def same_agent():
    with traced():
        agent = Agent(role="Assistant", goal="Answer.", backstory="None.", llm=llm())
        tasks = [Task(description=text, expected_output="An answer.", agent=agent) for text in ("Hello", "Good evening")]
        Crew(agents=[agent], tasks=tasks).kickoff()


@scenario("stream")
def stream():
    with traced():
        crew("Hello", stream=True).kickoff()


@scenario("parallel")
async def parallel():
    with traced():
        await asyncio.gather(crew("Hello").kickoff_async(), crew("Good evening").kickoff_async())


def two_crews():
    """Two crews, one after the other."""
    for text in ("Hello", "Good evening"):
        with traced(**{"gen_ai.conversation.id": SESSION}):
            crew(text).kickoff()


if NATIVE:

    @scenario("session")
    def session():
        two_crews()
        return SESSION

else:
    openinference_session(DISTRIBUTIONS, two_crews)
run()
