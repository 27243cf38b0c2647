"""AgentScope: its tracing middleware, on agents over OpenAI and Anthropic; options name instrumentations of the clients."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from _calls import QUESTION, SESSION, get_weather
from _clients import instrument
from _harness import CLAUDE, GPT, URL, run, scenario, versions

versions("agentscope", "openai", "anthropic")
instrument()

from agentscope.agent import Agent
from agentscope.credential import AnthropicCredential, OpenAICredential
from agentscope.message import UserMsg
from agentscope.middleware import TracingMiddleware
from agentscope.model import AnthropicChatModel, OpenAIChatModel
from agentscope.permission import PermissionBehavior, PermissionDecision
from agentscope.state import AgentState
from agentscope.tool import FunctionTool, Toolkit

ALLOWED = PermissionDecision(behavior=PermissionBehavior.ALLOW, message="")


def openai(*, stream: bool = True) -> OpenAIChatModel:
    """A model of OpenAI's chat completions."""
    credential = OpenAICredential(api_key="key", base_url=os.environ["OPENAI_BASE_URL"])
    return OpenAIChatModel(credential, GPT, stream=stream, retry_delay=0.01)


def anthropic(*, stream: bool = True) -> AnthropicChatModel:
    """A model of Anthropic's messages."""
    return AnthropicChatModel(AnthropicCredential(api_key="key", base_url=URL), CLAUDE, stream=stream, retry_delay=0.01)


def agent(model: Any, **more: Any) -> Agent:
    """An agent that is traced."""
    return Agent("helper", "Be brief.", model, middlewares=[TracingMiddleware()], **more)


def hello() -> Any:
    """A message."""
    return UserMsg("user", "Hello")


@scenario("openai", ("plain", "cached", "reasoning", "failure", "error"))
async def on_openai():
    await agent(openai(stream=False)).reply(hello())


@scenario("openai-stream", ("plain", "cached"))
async def on_openai_stream():
    await agent(openai()).reply(hello())


@scenario("anthropic", ("cached", "split"))
async def on_anthropic():
    await agent(anthropic(stream=False)).reply(hello())


@scenario("anthropic-stream", ("cached", "cut"))
async def on_anthropic_stream():
    await agent(anthropic()).reply(hello())


@scenario("tools", ("cached",))
async def tools():
    toolkit = Toolkit(tools=[FunctionTool(get_weather, is_read_only=True, permission=ALLOWED)])
    await agent(openai(), toolkit=toolkit).reply(UserMsg("user", QUESTION))


@scenario("parallel")
async def parallel():
    await asyncio.gather(agent(openai()).reply(hello()), agent(anthropic()).reply(hello()))


@scenario("session")
async def session():
    helper = agent(openai(), state=AgentState(session_id=SESSION))
    await helper.reply(hello())
    await helper.reply(hello())
    return SESSION


run()
