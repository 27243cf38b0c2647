"""The mistralai library, which traces itself; the options name further instrumentations in their order."""

import asyncio
import os

from _clients import WEATHER, instrument, sessions
from _harness import run, scenario, versions

versions("mistralai")
instrument()

try:
    from mistralai import Mistral
except ImportError:
    from mistralai.client import Mistral

MODEL = "mistral-large-latest"
MESSAGES = [{"role": "user", "content": "How is the weather in Paris?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]


def mistral():
    """A client of the model server."""
    return Mistral(server_url=os.environ["MISTRAL_BASE_URL"], timeout_ms=20_000)


@scenario("chat", ("plain", "cached", "error"))
def chat():
    mistral().chat.complete(model=MODEL, messages=MESSAGES)


@scenario("stream", ("plain", "cached"))
def stream():
    for _ in mistral().chat.stream(model=MODEL, messages=MESSAGES):
        pass


@scenario("parallel")
async def parallel():
    client = mistral()
    await asyncio.gather(*[client.chat.complete_async(model=MODEL, messages=MESSAGES) for _ in range(2)])


@scenario("async-stream")
async def async_stream():
    async for _ in await mistral().chat.stream_async(model=MODEL, messages=MESSAGES):
        pass


@scenario("tools")
def tools():
    client = mistral()
    first = client.chat.complete(model=MODEL, messages=MESSAGES, tools=TOOLS).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "name": "weather", "content": "Rain."}
    client.chat.complete(model=MODEL, messages=[*MESSAGES, first, result], tools=TOOLS)


@scenario("embeddings")
def embeddings():
    client = mistral()
    client.embeddings.create(model="mistral-embed", inputs=["Rain in Paris."])
    client.chat.complete(model=MODEL, messages=MESSAGES)


sessions(chat)
run()
