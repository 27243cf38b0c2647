"""LlamaIndex: models of OpenAI and Anthropic, a query engine and an agent.

Options: the models to drive (openai, anthropic), and what traces in the order of installation: `native` for LlamaIndex' own
observability package, distributions of instrumentations.
"""

import asyncio
from contextlib import suppress
from typing import Any

from _harness import CLAUDE, EMBEDDING, GPT, URL, options, provider, run, scenario, versions
from _layers import in_one_loop, lay, openinference_session
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def trace_by(words: list[str]) -> None:
    """Install what traces, in the order given."""
    tracer_provider = provider()
    for word in words:
        if word == "native":
            from llama_index.observability.otel import LlamaIndexOpenTelemetry

            versions("llama-index-observability-otel")
            LlamaIndexOpenTelemetry(tracer_provider=tracer_provider, span_exporter=InMemorySpanExporter()).start_registering()
        else:
            lay([word], tracer_provider)


LIBRARIES = {"openai": "llama-index-llms-openai", "anthropic": "llama-index-llms-anthropic"}
LAYERS = [word for word in options() if word not in LIBRARIES]
versions("llama-index-core", *(LIBRARIES[word] for word in options() if word in LIBRARIES))
trace_by(LAYERS)

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.llms.llm import LLM

HELLO = [ChatMessage(role="user", content="Hello")]


async def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


async def ask_agent(llm: LLM) -> None:
    """Run an agent that calls a tool once."""
    await FunctionAgent(tools=[get_weather], llm=llm, streaming=False).run("How is the weather in Paris?")


def drain(llm: LLM) -> None:
    """Read a stream to its end."""
    for _ in llm.stream_chat(HELLO):
        pass


def openai_chats() -> None:
    """Scenarios with OpenAI."""
    from llama_index.embeddings.openai import OpenAIEmbedding
    from llama_index.llms.openai import OpenAI, OpenAIResponses

    def model(**settings: Any) -> OpenAI:
        return OpenAI(model=GPT, **settings)

    @scenario("openai_chat", plans=("plain", "cached", "reasoning", "failure"))
    def chat() -> None:
        model().chat(HELLO)

    @scenario("openai_complete", plans=("cached",))
    def complete() -> None:
        model().complete("Hello")

    @scenario("openai_stream", plans=("cached",))
    def stream() -> None:
        drain(model(additional_kwargs={"stream_options": {"include_usage": True}}))

    @scenario("openai_parallel")
    @in_one_loop
    async def parallel() -> None:
        await asyncio.gather(model().achat(HELLO), model().achat(HELLO))

    @scenario("openai_agent", plans=("cached",))
    @in_one_loop
    async def agent() -> None:
        await ask_agent(model())

    @scenario("openai_query")
    def query() -> None:
        documents = [Document(text="It rains in Paris.")]
        index = VectorStoreIndex.from_documents(documents, embed_model=OpenAIEmbedding(model=EMBEDDING))
        index.as_query_engine(llm=model()).query("How is the weather?")

    @scenario("openai_responses", plans=("reasoning",))
    def responses() -> None:
        OpenAIResponses(model=GPT).chat(HELLO)

    @scenario("openai_error", plans=("error",))
    def error() -> None:
        with suppress(Exception):
            model(max_retries=0).chat(HELLO)

    openinference_session(LAYERS, chat)


def anthropic_chats() -> None:
    """Scenarios with Anthropic."""
    from llama_index.llms.anthropic import Anthropic

    def model() -> Anthropic:
        return Anthropic(model=CLAUDE, base_url=URL, max_tokens=1000)

    @scenario("anthropic_chat", plans=("plain", "cached", "split", "failure"))
    def chat() -> None:
        model().chat(HELLO)

    @scenario("anthropic_complete", plans=("cached",))
    def complete() -> None:
        model().complete("Hello")

    @scenario("anthropic_stream", plans=("cached",))
    def stream() -> None:
        drain(model())

    @scenario("anthropic_parallel", plans=("cached",))
    @in_one_loop
    async def parallel() -> None:
        await asyncio.gather(model().achat(HELLO), model().achat(HELLO))

    @scenario("anthropic_agent", plans=("cached",))
    @in_one_loop
    async def agent() -> None:
        await ask_agent(model())

    @scenario("anthropic_error", plans=("error",))
    def error() -> None:
        with suppress(Exception):
            model().chat(HELLO)


for chats in (openai_chats, anthropic_chats):
    if chats.__name__.removesuffix("_chats") in options():
        chats()
run()
