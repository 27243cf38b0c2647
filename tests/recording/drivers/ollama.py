"""The ollama library; the options name its instrumentations in their order."""

import asyncio

from _clients import WEATHER, instrument, sessions
from _harness import run, scenario, versions

versions("ollama")
instrument()

from ollama import AsyncClient, Client

MODEL = "llama3.2"
MESSAGES = [{"role": "user", "content": "How is the weather in Paris?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]


@scenario("chat", ("plain", "error"))
def chat():
    Client().chat(model=MODEL, messages=MESSAGES)


@scenario("stream")
def stream():
    for _ in Client().chat(model=MODEL, messages=MESSAGES, stream=True):
        pass


@scenario("parallel")
async def parallel():
    client = AsyncClient()
    await asyncio.gather(*[client.chat(model=MODEL, messages=MESSAGES) for _ in range(2)])


@scenario("tools")
def tools():
    client = Client()
    first = client.chat(model=MODEL, messages=MESSAGES, tools=TOOLS).message
    client.chat(model=MODEL, messages=[*MESSAGES, first, {"role": "tool", "content": "Rain."}], tools=TOOLS)


@scenario("generate")
def generate():
    Client().generate(model=MODEL, prompt="How is the weather in Paris?")


@scenario("embeddings")
def embeddings():
    Client().embed(model="nomic-embed-text", input="Rain in Paris.")


sessions(chat)
run()
