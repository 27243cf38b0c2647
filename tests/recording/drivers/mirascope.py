"""Mirascope: its own tracing of models and functions."""

from __future__ import annotations

import asyncio

from _calls import QUESTION, get_weather
from _harness import CLAUDE, GEMINI, GPT, provider, run, scenario, versions
from _layers import in_one_loop

versions("mirascope", "openai", "anthropic", "google-genai")

from mirascope import llm, ops

ops.configure(tracer_provider=provider())
ops.instrument_llm()

OPENAI, ANTHROPIC, GOOGLE = f"openai/{GPT}:completions", f"anthropic/{CLAUDE}", f"google/{GEMINI}"


def ask(model: str) -> None:
    """Ask a model."""
    llm.model(model).call("Hello")


@scenario("openai", ("plain", "cached", "reasoning", "failure", "error"))
def ask_openai():
    ask(OPENAI)


@scenario("openai-stream", ("cached",))
def stream_openai():
    for _ in llm.model(OPENAI).stream("Hello").text_stream():
        pass


@scenario("responses", ("cached", "reasoning"))
def responses():
    ask(f"openai/{GPT}:responses")


@scenario("anthropic", ("plain", "cached", "cached_large", "reasoning"))
def ask_anthropic():
    ask(ANTHROPIC)


@scenario("anthropic-stream", ("cached",))
def stream_anthropic():
    for _ in llm.model(ANTHROPIC).stream("Hello").text_stream():
        pass


@scenario("google", ("plain", "cached", "reasoning"))
def ask_google():
    ask(GOOGLE)


@scenario("traced")
def traced():
    @ops.trace
    @llm.call(OPENAI)
    def greet():
        return "Hello"

    greet()


@scenario("tools", ("cached",))
def tools():
    answer = llm.model(OPENAI).call(QUESTION, tools=[llm.tool(get_weather)])
    while answer.tool_calls:
        answer = answer.resume(answer.execute_tools())


@scenario("parallel", ("cached",))
@in_one_loop
async def parallel():
    await asyncio.gather(*(llm.model(OPENAI).call_async("Hello") for _ in range(2)))


@scenario("session")
def session():
    @ops.trace
    def chat():
        ask(OPENAI)

    with ops.session(id="chat-1"):
        chat()
    return "chat-1"


run()
