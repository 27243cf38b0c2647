"""The openai library; the options name its instrumentations in their order."""

import asyncio

from _clients import WEATHER, instrument, sessions
from _harness import EMBEDDING, GPT, run, scenario, versions

versions("openai")
instrument()

from openai import AsyncOpenAI, AzureOpenAI, OpenAI
from pydantic import BaseModel

MESSAGES = [{"role": "user", "content": "How is the weather in Paris?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
FLAT_TOOLS = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
CHAT = {"model": GPT, "messages": MESSAGES}
STREAM = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}


@scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))
def chat():
    OpenAI().chat.completions.create(**CHAT)


@scenario("stream", ("plain", "reasoning"))
def stream():
    for _ in OpenAI().chat.completions.create(**STREAM):
        pass


@scenario("stream-without-usage")
def stream_without_usage():
    for _ in OpenAI().chat.completions.create(**CHAT, stream=True):
        pass


@scenario("parallel", ("cached",))
async def parallel():
    client = AsyncOpenAI()
    await asyncio.gather(*[client.chat.completions.create(**CHAT) for _ in range(2)])


@scenario("async-stream", ("reasoning",))
async def async_stream():
    async for _ in await AsyncOpenAI().chat.completions.create(**STREAM):
        pass


@scenario("tools")
def tools():
    client = OpenAI()
    first = client.chat.completions.create(**CHAT, tools=TOOLS).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "Rain."}
    client.chat.completions.create(model=GPT, messages=[*MESSAGES, first.model_dump(exclude_none=True), result], tools=TOOLS)


class Weather(BaseModel):
    """A structured answer."""

    city: str


@scenario("structured")
def structured():
    OpenAI().chat.completions.parse(**CHAT, response_format=Weather)


@scenario("raw")
def raw():
    OpenAI().chat.completions.with_raw_response.create(**CHAT).parse()


@scenario("responses", ("reasoning",))
def responses():
    OpenAI().responses.create(model=GPT, input="How is the weather in Paris?")


@scenario("responses-stream", ("reasoning",))
def responses_stream():
    for _ in OpenAI().responses.create(model=GPT, input="How is the weather in Paris?", stream=True):
        pass


@scenario("responses-tools")
def responses_tools():
    client = OpenAI()
    first = client.responses.create(model=GPT, input=MESSAGES, tools=FLAT_TOOLS)
    call = first.output[0]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."}
    client.responses.create(model=GPT, input=[*MESSAGES, call.model_dump(exclude_none=True), result], tools=FLAT_TOOLS)


@scenario("embeddings")
def embeddings():
    client = OpenAI()
    client.embeddings.create(model=EMBEDDING, input=["Rain in Paris.", "Sun in Rome."])
    client.chat.completions.create(**CHAT)


@scenario("azure", ("cached",))
def azure():
    AzureOpenAI().chat.completions.create(**CHAT)


sessions(chat)
run()
