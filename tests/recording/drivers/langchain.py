"""LangChain and LangGraph with chat models of OpenAI, Anthropic and Amazon Bedrock.

Options: the models to drive (openai, anthropic, bedrock), then what traces them: `langsmith` for LangSmith's own OpenTelemetry
mode, else distributions of instrumentations in the order of installation.
"""

import asyncio
import os
from contextlib import suppress
from typing import Any

from _harness import BEDROCK_CLAUDE, CLAUDE, EMBEDDING, GPT, URL, options, provider, run, scenario, versions
from _layers import in_one_loop, lay
from opentelemetry.sdk.trace import SpanProcessor


class LangSmithFlush(SpanProcessor):
    """LangSmith writes spans from a queue of its own; a flush of the provider empties that too."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the queue is empty."""
        from langchain_core.tracers.langchain import wait_for_all_tracers

        wait_for_all_tracers()
        return super().force_flush(timeout_millis)


WORDS = options()
LIBRARIES = {"openai": "langchain-openai", "anthropic": "langchain-anthropic", "bedrock": "langchain-aws"}
TRACED_BY = [word for word in WORDS if word not in LIBRARIES]
versions("langchain", *(LIBRARIES[word] for word in WORDS if word in LIBRARIES))
TRACED = provider()
if TRACED_BY == ["langsmith"]:
    os.environ |= {"LANGSMITH_TRACING": "true", "LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true"}
    os.environ |= {"LANGSMITH_API_KEY": "none", "LANGSMITH_ENDPOINT": URL}
    versions("langsmith")
    TRACED.add_span_processor(LangSmithFlush())
else:
    lay(TRACED_BY, TRACED)

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It rains in {city}."


QUESTION = {"messages": [("user", "How is the weather in Paris?")]}


def ask_agent(model: BaseChatModel) -> None:
    """Make and run an agent that calls a tool once."""
    create_agent(model, [get_weather]).invoke(QUESTION)


def ask_agent_of_agent(model: BaseChatModel) -> None:
    """Run an agent whose tool is an agent."""
    inner = create_agent(model, [get_weather], name="forecaster")

    @tool
    def ask_forecaster(question: str) -> str:
        """Ask someone who knows the weather."""
        return str(inner.invoke({"messages": [("user", question)]})["messages"][-1].content)

    create_agent(model, [ask_forecaster], name="host").invoke(QUESTION)


def drain(model: BaseChatModel) -> None:
    """Read a stream to its end."""
    for _ in model.stream("Hello"):
        pass


async def ask_twice_at_once(model: BaseChatModel) -> None:
    """Two calls in parallel."""
    await asyncio.gather(model.ainvoke("Hello"), model.ainvoke("Good evening"))


def openai_model(**settings: Any) -> BaseChatModel:
    """A chat model of OpenAI."""
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=GPT, **settings)


def openai_chats() -> None:
    """Scenarios with OpenAI."""

    @scenario("openai_chain", plans=("plain", "cached", "reasoning", "failure"))
    def chain() -> None:
        (ChatPromptTemplate.from_messages([("user", "{text}")]) | openai_model() | StrOutputParser()).invoke({"text": "Hello"})

    @scenario("openai_stream", plans=("cached", "cut"))
    def stream() -> None:
        drain(openai_model(stream_usage=True))

    @scenario("openai_responses", plans=("reasoning",))
    def responses() -> None:
        openai_model(use_responses_api=True).invoke("Hello")

    @scenario("openai_parallel")
    @in_one_loop
    async def parallel() -> None:
        await ask_twice_at_once(openai_model())

    @scenario("openai_error", plans=("error",))
    def error() -> None:
        with suppress(Exception):
            openai_model(max_retries=0).invoke("Hello")

    @scenario("openai_session")
    def session() -> str:
        openai_model().invoke("Hello", {"metadata": {"session_id": "chat-1"}})
        return "chat-1"


def openai_agents() -> None:
    """Agents on OpenAI; LangGraph runs them."""

    @scenario("openai_agent", plans=("cached",))
    def agent() -> None:
        ask_agent(openai_model())

    @scenario("openai_agent_stream", plans=("cached",))
    def agent_stream() -> None:
        for _ in create_agent(openai_model(stream_usage=True), [get_weather]).stream(QUESTION, stream_mode="messages"):
            pass

    @scenario("openai_agent_in_agent", plans=("cached",))
    def agent_in_agent() -> None:
        ask_agent_of_agent(openai_model())

    conversation = create_agent(openai_model(), [get_weather])

    @scenario("openai_thread")
    def thread() -> str:
        conversation.invoke(QUESTION, {"configurable": {"thread_id": "thread-1"}})
        return "thread-1"


def embeddings() -> None:
    """The embeddings of OpenAI, which LangChain's callbacks do not tell of."""
    from langchain_openai import OpenAIEmbeddings

    @scenario("openai_embedding")
    def embedding() -> None:
        OpenAIEmbeddings(model=EMBEDDING, check_embedding_ctx_length=False).embed_query("Hello")


def anthropic_chats() -> None:
    """Scenarios with Anthropic, whose client traces itself too."""
    from langchain_anthropic import ChatAnthropic

    def model() -> ChatAnthropic:
        return ChatAnthropic(model=CLAUDE, max_tokens=1000)

    @scenario("anthropic_invoke", plans=("plain", "cached", "split", "reasoning", "failure"))
    def invoke() -> None:
        model().invoke("Hello")

    @scenario("anthropic_stream", plans=("cached", "cached_large", "cut"))
    def stream() -> None:
        drain(model())

    @scenario("anthropic_parallel", plans=("cached",))
    @in_one_loop
    async def parallel() -> None:
        await ask_twice_at_once(model())

    @scenario("anthropic_agent", plans=("cached",))
    def agent() -> None:
        ask_agent(model())


def bedrock_chats() -> None:
    """Scenarios with Claude on Amazon Bedrock: the Converse API and InvokeModel."""
    from langchain_aws import ChatBedrock, ChatBedrockConverse

    def converse() -> ChatBedrockConverse:
        return ChatBedrockConverse(model=BEDROCK_CLAUDE)

    @scenario("bedrock_converse", plans=("plain", "cached", "split"))
    def invoke() -> None:
        converse().invoke("Hello")

    @scenario("bedrock_converse_stream", plans=("cached", "cut"))
    def stream() -> None:
        drain(converse())

    @scenario("bedrock_invoke_model", plans=("cached",))
    def invoke_model() -> None:
        ChatBedrock(model=BEDROCK_CLAUDE).invoke("Hello")

    @scenario("bedrock_invoke_model_stream", plans=("cached",))
    def invoke_model_stream() -> None:
        drain(ChatBedrock(model=BEDROCK_CLAUDE))

    @scenario("bedrock_agent", plans=("cached",))
    def agent() -> None:
        ask_agent(converse())


for scenarios in (openai_chats, openai_agents, anthropic_chats, bedrock_chats):
    if scenarios.__name__.partition("_")[0] in WORDS:
        scenarios()
if any("openai" in word for word in TRACED_BY):
    embeddings()
run()
