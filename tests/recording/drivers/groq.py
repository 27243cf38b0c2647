"""The groq library; the options name its instrumentations in their order."""

import asyncio

from _clients import WEATHER, instrument, sessions
from _harness import run, scenario, versions

versions("groq")
instrument()

from groq import AsyncGroq, Groq

MODEL = "llama-3.3-70b-versatile"
MESSAGES = [{"role": "user", "content": "How is the weather in Paris?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
CHAT = {"model": MODEL, "messages": MESSAGES}


@scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))
def chat():
    Groq().chat.completions.create(**CHAT)


@scenario("stream", ("plain", "cached", "reasoning"))
def stream():
    for _ in Groq().chat.completions.create(**CHAT, stream=True):
        pass


@scenario("parallel", ("cached",))
async def parallel():
    async with AsyncGroq() as client:
        await asyncio.gather(*[client.chat.completions.create(**CHAT) for _ in range(2)])


@scenario("async-stream")
async def async_stream():
    async with AsyncGroq() as client:
        async for _ in await client.chat.completions.create(**CHAT, stream=True):
            pass


@scenario("tools")
def tools():
    client = Groq()
    first = client.chat.completions.create(**CHAT, tools=TOOLS).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "Rain."}
    client.chat.completions.create(model=MODEL, messages=[*MESSAGES, first.model_dump(exclude_none=True), result], tools=TOOLS)


sessions(chat)
run()
