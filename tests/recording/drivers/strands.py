"""Strands: its own spans over models of Bedrock, Anthropic and OpenAI.

Options: `openinference` to have the spans translated into OpenInference's words.
"""

from __future__ import annotations

import asyncio
from typing import Any

from _calls import QUESTION, SESSION, get_weather
from _harness import BEDROCK_CLAUDE, CLAUDE, GPT, URL, options, provider, run, scenario, versions
from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor

versions("strands-agents", "boto3", "anthropic", "openai")
translators = SynchronousMultiSpanProcessor()  # these come before the recorder
if "openinference" in options():
    from openinference.instrumentation.strands_agents import StrandsAgentsToOpenInferenceProcessor

    versions("openinference-instrumentation-strands-agents")
    translators.add_span_processor(StrandsAgentsToOpenInferenceProcessor())
provider(active_span_processor=translators)

from strands import Agent, tool
from strands.models import BedrockModel
from strands.models.anthropic import AnthropicModel
from strands.models.openai import OpenAIModel

WEATHER = tool(get_weather)


def bedrock(**more: Any) -> Agent:
    """An agent on Bedrock's Converse."""
    return Agent(model=BedrockModel(model_id=BEDROCK_CLAUDE), callback_handler=None, **more)


def openai(**more: Any) -> Agent:
    """An agent on OpenAI's chat completions."""
    return Agent(model=OpenAIModel(model_id=GPT), callback_handler=None, **more)


@scenario("bedrock", ("plain", "cached", "cached_large", "split", "failure", "error"))
def on_bedrock():
    bedrock()("Hello")


@scenario("bedrock_at_once", ("cached",))
def on_bedrock_at_once():
    Agent(model=BedrockModel(model_id=BEDROCK_CLAUDE, streaming=False), callback_handler=None)("Hello")


@scenario("anthropic", ("cached", "split"))
def on_anthropic():
    model = AnthropicModel(client_args={"base_url": URL}, model_id=CLAUDE, max_tokens=64)
    Agent(model=model, callback_handler=None)("Hello")


@scenario("openai", ("cached", "reasoning"))
def on_openai():
    openai()("Hello")


@scenario("tools", ("cached",))
def tools():
    bedrock(tools=[WEATHER])(QUESTION)


@scenario("two_turns", ("cached",))
def two_turns():
    agent = bedrock()
    agent("Hello")
    agent("Good evening")


@scenario("delegation")
def delegation():
    @tool
    def ask_helper(question: str) -> str:
        """Ask the helper."""
        return str(openai(tools=[WEATHER])(question))

    bedrock(tools=[ask_helper])(QUESTION)


@scenario("parallel")
async def parallel():
    await asyncio.gather(openai().invoke_async("Hello"), bedrock().invoke_async("Good evening"))


@scenario("session")
def session():
    for text in ("Hello", "Good evening"):
        bedrock(trace_attributes={"session.id": SESSION})(text)
    return SESSION


run()
