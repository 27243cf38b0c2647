"""Google ADK: its own spans over Gemini, and over Anthropic and OpenAI, most by LiteLLM.

Options: distributions of instrumentations beside it, in the order of installation.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from _calls import QUESTION, SESSION, get_weather
from _harness import CLAUDE, GEMINI, GPT, URL, options, provider, run, scenario, versions
from _layers import lay

os.environ["ADK_DISABLE_JSON_SCHEMA_FOR_FUNC_DECL"] = "1"  # the model server reads Gemini's own schemas only
versions("google-adk", "google-genai", "litellm", "anthropic")
lay(options(), provider())

from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.anthropic_llm import AnthropicLlm
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.genai import types

APP = "recording"


def agent(model: Any = GEMINI, **more: Any) -> LlmAgent:
    """An agent, by default on Gemini."""
    return LlmAgent(**{"name": "assistant", "instruction": "Be brief.", "model": model, **more})


async def ask(asked: LlmAgent, *texts: str, session_id: str | None = None, **config: Any) -> None:
    """Some turns with an agent, in one ADK session."""
    runner = InMemoryRunner(asked, app_name=APP)
    session = await runner.session_service.create_session(app_name=APP, user_id="ada", session_id=session_id)
    for text in texts:
        message = types.Content(role="user", parts=[types.Part(text=text)])
        turn = runner.run_async(user_id="ada", session_id=session.id, new_message=message, run_config=RunConfig(**config))
        async for _ in turn:
            pass


@scenario("gemini", ("plain", "cached", "cached_large", "reasoning", "failure", "error"))
async def gemini():
    await ask(agent(), "Hello")


@scenario("tools", ("reasoning",))
async def tools():
    await ask(agent(tools=[get_weather]), QUESTION)


@scenario("stream", ("plain", "reasoning"))
async def stream():
    await ask(agent(), "Hello", streaming_mode=StreamingMode.SSE)


@scenario("anthropic", ("cached", "split", "reasoning"))
async def anthropic():
    await ask(agent(LiteLlm(model=f"anthropic/{CLAUDE}", api_base=URL)), "Hello")


@scenario("anthropic_direct", ("cached", "reasoning"))
async def anthropic_direct():
    await ask(agent(AnthropicLlm(model=CLAUDE)), "Hello")


@scenario("openai", ("cached", "reasoning"))
async def openai():
    await ask(agent(LiteLlm(model=f"openai/{GPT}")), "Hello")


@scenario("openai_tools")
async def openai_tools():
    await ask(agent(LiteLlm(model=f"openai/{GPT}"), tools=[get_weather]), QUESTION)


@scenario("delegation")
async def delegation():
    helper = agent(name="ask_helper", tools=[get_weather])
    await ask(agent(tools=[AgentTool(helper)]), QUESTION)


@scenario("parallel")
async def parallel():
    await asyncio.gather(ask(agent(), "Hello"), ask(agent(), "Good evening"))


@scenario("session")
async def session():
    await ask(agent(), "Hello", "Good evening", session_id=SESSION)
    return SESSION


run()
