"""The anthropic library, which traces itself from version 2 on; the options name further instrumentations in their order."""

import asyncio

from _clients import WEATHER, instrument, sessions
from _harness import CLAUDE, run, scenario, versions

versions("anthropic")
instrument()

from anthropic import Anthropic, AsyncAnthropic

MESSAGES = [{"role": "user", "content": "How is the weather in Paris?"}]
TOOLS = [{"name": "weather", "input_schema": WEATHER}]
ASK = {"model": CLAUDE, "max_tokens": 500, "messages": MESSAGES}


@scenario("message", ("plain", "cached", "split", "reasoning", "failure", "error"))
def message():
    Anthropic().messages.create(**ASK)


@scenario("stream", ("plain", "cached", "split", "reasoning", "cut"))
def stream():
    for _ in Anthropic().messages.create(**ASK, stream=True):
        pass


@scenario("stream-helper", ("cached",))
def stream_helper():
    with Anthropic().messages.stream(**ASK) as events:
        for _ in events.text_stream:
            pass
        events.get_final_message()


@scenario("parallel", ("cached",))
async def parallel():
    async with AsyncAnthropic() as client:
        await asyncio.gather(*[client.messages.create(**ASK) for _ in range(2)])


@scenario("async-stream", ("cached_large",))
async def async_stream():
    async with AsyncAnthropic() as client, client.messages.stream(**ASK) as events:
        async for _ in events.text_stream:
            pass


@scenario("tools", ("cached",))
def tools():
    client = Anthropic()
    first = client.messages.create(**ASK, tools=TOOLS)
    result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": "Rain."}
    said = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]}
    client.messages.create(**{**ASK, "messages": [*MESSAGES, said, {"role": "user", "content": [result]}]}, tools=TOOLS)


@scenario("beta", ("cached",))
def beta():
    Anthropic().beta.messages.create(**ASK)


sessions(message)
run()
