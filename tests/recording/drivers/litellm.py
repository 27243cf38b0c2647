"""LiteLLM's completions, embeddings and responses.

Options: `otel` for LiteLLM's own callback, `otel-v2` for its successor, else distributions of instrumentations; in the order of
installation.
"""

import asyncio
import os
from contextlib import suppress
from typing import Any

from _harness import BEDROCK_CLAUDE, CLAUDE, EMBEDDING, GEMINI, GPT, URL, options, provider, run, scenario, versions
from _layers import in_one_loop, lay, openinference_session

os.environ["LOGGING_EXECUTOR_MAX_THREADS"] = "1"  # callbacks run one after the other, so a last task tells that all have run
os.environ["LITELLM_OTEL_V2"] = str("otel-v2" in options())

import litellm
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
from litellm.litellm_core_utils.thread_pool_executor import executor

HELLO = [{"role": "user", "content": "Hello"}]


def trace_by(words: list[str]) -> None:
    """Install what traces, in the order given."""
    tracer_provider = provider()
    for word in words:
        if word == "otel":
            litellm.callbacks = ["otel"]
        elif word == "otel-v2":
            from litellm.integrations.otel.logger import OpenTelemetryV2

            litellm.callbacks = [OpenTelemetryV2(tracer_provider=tracer_provider)]
        else:
            lay([word], tracer_provider)


versions("litellm")
trace_by(options())


def settle() -> None:
    """Wait until all callbacks of synchronous calls have run."""
    executor.submit(int).result(timeout=10)


async def settle_asynchronously() -> None:
    """Wait until all callbacks of asynchronous calls have run."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others, timeout=0.3)  # they hand callbacks to a worker, which is one of them and never ends
    await GLOBAL_LOGGING_WORKER.flush()


@in_one_loop
async def call_asynchronously(kind: str, **arguments: Any) -> Any:
    """One call of a kind, with its callbacks."""
    answer = await getattr(litellm, f"a{kind}")(**arguments)
    if arguments.get("stream"):
        async for _ in answer:
            pass
    await settle_asynchronously()
    return answer


def call(kind: str, **arguments: Any) -> Any:
    """One call of a kind, with its callbacks."""
    if "otel-v2" in options():  # it ends the spans of asynchronous calls only
        return call_asynchronously(kind, **arguments)
    answer = getattr(litellm, kind)(**arguments)
    if arguments.get("stream"):
        for _ in answer:
            pass
    settle()
    return answer


def ask(model: str = f"openai/{GPT}", **settings: Any) -> Any:
    """One completion."""
    return call("completion", model=model, messages=HELLO, **settings)


@scenario("openai", plans=("plain", "cached", "reasoning", "failure"))
def openai() -> None:
    ask(num_retries=2)


@scenario("openai_stream", plans=("cached", "cut"))
def openai_stream() -> None:
    ask(stream=True, stream_options={"include_usage": True})


@scenario("openai_two_calls")
def two_calls() -> None:
    ask()
    ask()


@scenario("openai_parallel")
@in_one_loop
async def parallel() -> None:
    await asyncio.gather(*(litellm.acompletion(model=f"openai/{GPT}", messages=HELLO) for _ in range(2)))
    await settle_asynchronously()
    settle()


@scenario("openai_tool", plans=("cached",))
def tool() -> None:
    weather = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    tools = [{"type": "function", "function": weather}]
    question = call("completion", model=f"openai/{GPT}", messages=HELLO, tools=tools).choices[0].message
    result = {"role": "tool", "tool_call_id": question.tool_calls[0].id, "content": "It rains."}
    conversation = [*HELLO, question.model_dump(exclude_none=True), result]
    call("completion", model=f"openai/{GPT}", messages=conversation, tools=tools)


@scenario("openai_embedding")
def embedding() -> None:
    call("embedding", model=f"openai/{EMBEDDING}", input=["Hello"])
    ask()


@scenario("openai_responses", plans=("reasoning",))
def responses() -> None:
    call("responses", model=f"openai/{GPT}", input="Hello")


@scenario("openai_error", plans=("error",))
def error() -> None:
    with suppress(litellm.exceptions.BadRequestError):
        ask(max_retries=0)
    settle()


def callback_session() -> str:
    """A session as LiteLLM's callbacks have it."""
    ask(litellm_session_id="chat-1")
    return "chat-1"


if "otel-v2" in options():
    scenario("session_of_callback")(callback_session)
openinference_session(options(), ask)


@scenario("anthropic", plans=("plain", "cached", "split", "reasoning"))
def anthropic() -> None:
    ask(f"anthropic/{CLAUDE}", api_base=URL)


@scenario("anthropic_stream", plans=("cached", "cut"))
def anthropic_stream() -> None:
    ask(f"anthropic/{CLAUDE}", api_base=URL, stream=True, stream_options={"include_usage": True})


@scenario("bedrock", plans=("cached", "split"))
def bedrock() -> None:
    ask(f"bedrock/converse/{BEDROCK_CLAUDE}", aws_bedrock_runtime_endpoint=URL)


@scenario("gemini", plans=("cached",))
def gemini() -> None:
    ask(f"gemini/{GEMINI}", api_base=f"{URL}/v1beta/models/{GEMINI}")


run()
