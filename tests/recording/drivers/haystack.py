"""Haystack: pipelines and agents with models of OpenAI and Anthropic.

Options: `native` for Haystack's own tracing, else distributions of instrumentations; in the order of installation.
"""

import asyncio
import os
from contextlib import suppress
from typing import Any

from _harness import CLAUDE, EMBEDDING, GPT, options, provider, run, scenario, versions
from _layers import lay, openinference_session

os.environ["HAYSTACK_CONTENT_TRACING_ENABLED"] = str("native" in options())  # its figures stand in the traced output only
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"


def own_tracer() -> type:
    """Haystack's own tracer: a part of Haystack 2, a package of its own since 3."""
    try:
        from haystack.tracing import OpenTelemetryTracer
    except ImportError:
        from haystack_integrations.tracing.opentelemetry import OpenTelemetryTracer

        versions("opentelemetry-haystack")
    return OpenTelemetryTracer


def trace_by(words: list[str]) -> None:
    """Install what traces, in the order given."""
    tracer_provider = provider()
    for word in words:
        if word == "native":
            from haystack import tracing

            tracing.enable_tracing(own_tracer()(tracer_provider.get_tracer("haystack")))
        else:
            lay([word], tracer_provider)


versions("haystack-ai", "openai", "anthropic-haystack", "anthropic")
trace_by(options())

import haystack
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.embedders import OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import Tool
from haystack_integrations.components.generators.anthropic import AnthropicChatGenerator

HELLO = [ChatMessage.from_user("Hello")]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool(name="get_weather", description="Tell the weather.", parameters=CITY, function=lambda city: f"It rains in {city}.")


def model(**settings: Any) -> OpenAIChatGenerator:
    """A chat model of OpenAI."""
    return OpenAIChatGenerator(model=GPT, **settings)


def ignore(_chunk: object) -> None:
    """A streaming callback that does nothing."""


def run_pipeline(generator: Any) -> None:
    """A pipeline of one model."""
    pipeline = Pipeline()
    pipeline.add_component("llm", generator)
    pipeline.run({"llm": {"messages": HELLO}})


@scenario("pipeline", plans=("plain", "cached", "reasoning", "failure"))
def pipeline() -> None:
    run_pipeline(model())


@scenario("stream", plans=("cached",))
def stream() -> None:
    include_usage = {"stream_options": {"include_usage": True}}
    run_pipeline(model(streaming_callback=ignore, generation_kwargs=include_usage))


@scenario("responses", plans=("reasoning",))
def responses() -> None:
    run_pipeline(OpenAIResponsesChatGenerator(model=GPT))


@scenario("agent", plans=("cached",))
def agent() -> None:
    Agent(chat_generator=model(), tools=[WEATHER]).run(messages=HELLO)


@scenario("agent_in_pipeline")
def agent_in_pipeline() -> None:
    outer = Pipeline()
    outer.add_component("agent", Agent(chat_generator=model(), tools=[WEATHER]))
    outer.run({"agent": {"messages": HELLO}})


@scenario("embedding_and_chat")
def embedding_and_chat() -> None:
    both = Pipeline()
    both.add_component("embedder", OpenAITextEmbedder(model=EMBEDDING))
    both.add_component("llm", model())
    both.run({"embedder": {"text": "Hello"}, "llm": {"messages": HELLO}})


@scenario("parallel")
async def parallel() -> None:
    async def one() -> None:
        pipeline_class = getattr(haystack, "AsyncPipeline", Pipeline)  # one class since Haystack 3
        async_pipeline = pipeline_class()
        async_pipeline.add_component("llm", model())
        await async_pipeline.run_async({"llm": {"messages": HELLO}})

    await asyncio.gather(one(), one())


@scenario("error", plans=("error",))
def error() -> None:
    with suppress(Exception):
        run_pipeline(model(max_retries=0))


@scenario("anthropic", plans=("cached", "split"))
def anthropic() -> None:
    run_pipeline(AnthropicChatGenerator(model=CLAUDE))


@scenario("anthropic_stream", plans=("cached",))
def anthropic_stream() -> None:
    run_pipeline(AnthropicChatGenerator(model=CLAUDE, streaming_callback=ignore))


openinference_session(options(), pipeline)
run()
