"""The cohere library; the options name its instrumentations in their order."""

import asyncio
import os

from _clients import WEATHER, instrument, sessions
from _harness import run, scenario, versions

versions("cohere")
instrument()

import cohere

MODEL = "command-a-03-2025"
MESSAGES = [{"role": "user", "content": "How is the weather in Paris?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
SERVER = {"api_key": "no-key", "base_url": os.environ["COHERE_BASE_URL"]}


@scenario("chat", ("plain", "error"))
def chat():
    cohere.ClientV2(**SERVER).chat(model=MODEL, messages=MESSAGES)


@scenario("stream")
def stream():
    for _ in cohere.ClientV2(**SERVER).chat_stream(model=MODEL, messages=MESSAGES):
        pass


@scenario("parallel")
async def parallel():
    client = cohere.AsyncClientV2(**SERVER)
    await asyncio.gather(*[client.chat(model=MODEL, messages=MESSAGES) for _ in range(2)])


@scenario("tools")
def tools():
    client = cohere.ClientV2(**SERVER)
    first = client.chat(model=MODEL, messages=MESSAGES, tools=TOOLS).message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "Rain."}
    said = {"role": "assistant", "tool_plan": first.tool_plan, "tool_calls": first.tool_calls}
    client.chat(model=MODEL, messages=[*MESSAGES, said, result], tools=TOOLS)


@scenario("embeddings")
def embeddings():
    client = cohere.ClientV2(**SERVER)
    client.embed(model="embed-v4.0", texts=["Rain in Paris."], input_type="search_document", embedding_types=["float"])
    client.chat(model=MODEL, messages=MESSAGES)


sessions(chat)
run()
