"""The azure-ai-inference library: its own tracing, through Azure's core, where the options name no instrumentation."""

import asyncio

from _clients import WEATHER, instrument
from _harness import GPT, URL, options, run, scenario, versions

versions("azure-ai-inference", "azure-core-tracing-opentelemetry")
instrument()

from azure.ai.inference import ChatCompletionsClient, EmbeddingsClient, aio
from azure.ai.inference.models import (
    AssistantMessage,
    ChatCompletionsToolDefinition,
    FunctionDefinition,
    ToolMessage,
    UserMessage,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.settings import settings

if not options():
    from azure.ai.inference.tracing import AIInferenceInstrumentor

    settings.tracing_implementation = "opentelemetry"
    AIInferenceInstrumentor().instrument()

SERVER = {"endpoint": f"{URL}/azure", "credential": AzureKeyCredential("key")}
MESSAGES = [UserMessage("How is the weather in Paris?")]
CHAT = {"model": GPT, "messages": MESSAGES}
USAGE = {"model_extras": {"stream_options": {"include_usage": True}}}
"""Without it, no stream tells its usage; with it, the library's own tracing breaks asynchronous streams."""
TOOLS = [ChatCompletionsToolDefinition(function=FunctionDefinition(name="weather", parameters=WEATHER))]


@scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))
def chat():
    ChatCompletionsClient(**SERVER).complete(**CHAT)


@scenario("stream", ("plain", "cached"))
def stream():
    with ChatCompletionsClient(**SERVER).complete(**CHAT, stream=True, **USAGE) as parts:
        list(parts)


@scenario("stream-without-usage")
def stream_without_usage():
    with ChatCompletionsClient(**SERVER).complete(**CHAT, stream=True) as parts:
        list(parts)


@scenario("parallel")
async def parallel():
    async with aio.ChatCompletionsClient(**SERVER) as client:
        await asyncio.gather(*[client.complete(**CHAT) for _ in range(2)])


@scenario("async-stream")
async def async_stream():
    async with aio.ChatCompletionsClient(**SERVER) as client:
        parts = await client.complete(**CHAT, stream=True, **(USAGE if options() else {}))
        _ = [part async for part in parts]


@scenario("tools")
def tools():
    client = ChatCompletionsClient(**SERVER)
    asked = client.complete(**CHAT, tools=TOOLS).choices[0].message.tool_calls
    messages = [*MESSAGES, AssistantMessage(tool_calls=asked), ToolMessage("Rain.", tool_call_id=asked[0].id)]
    client.complete(model=GPT, messages=messages, tools=TOOLS)


@scenario("embeddings")
def embeddings():
    EmbeddingsClient(**SERVER).embed(model="text-embedding-3-small", input=["Rain in Paris."])
    ChatCompletionsClient(**SERVER).complete(**CHAT)


run()
