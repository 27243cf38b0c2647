"""What several drivers ask: the calls that vendors' SDKs watch, and the tool that agents have."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from _harness import CLAUDE, EMBEDDING, GPT, scenario
from _layers import in_one_loop

SESSION = "chat-7"
"""The session's id, where a scenario sets one."""
QUESTION = "How is the weather in Paris?"
PROMPT = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA}}]


def get_weather(city: str) -> str:
    """Say how the weather is in a city.

    Args:
        city: The city's name.
    """
    return f"It is sunny in {city}."


def completion():
    import openai

    return openai.OpenAI().chat.completions.create(model=GPT, messages=PROMPT)


def chat():
    """Ask, and return nothing: decorators write down what a function returns."""
    completion()


def stream():
    import openai

    usage = {"include_usage": True}
    for _ in openai.OpenAI().chat.completions.create(model=GPT, messages=PROMPT, stream=True, stream_options=usage):
        pass


def responses():
    import openai

    openai.OpenAI().responses.create(model=GPT, input="Hello")


def responses_stream():
    import openai

    for _ in openai.OpenAI().responses.create(model=GPT, input="Hello", stream=True):
        pass


def embed():
    import openai

    openai.OpenAI().embeddings.create(model=EMBEDDING, input=["Hello", "Good evening"])


def tools():
    import openai

    client = openai.OpenAI()
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    asked = client.chat.completions.create(model=GPT, messages=messages, tools=TOOLS).choices[0].message
    messages.append(asked.model_dump(exclude_none=True))
    for call in asked.tool_calls:
        answer = get_weather(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": answer})
    client.chat.completions.create(model=GPT, messages=messages, tools=TOOLS)


async def parallel():
    import openai

    async with openai.AsyncOpenAI() as client:
        await asyncio.gather(*(client.chat.completions.create(model=GPT, messages=PROMPT) for _ in range(2)))


def openai_scenarios(decorated=lambda call: call):
    """The scenarios of what is laid over the openai library; each call can be decorated."""
    scenario("chat", ("plain", "cached", "reasoning", "failure", "error"))(decorated(chat))
    scenario("stream", ("plain", "cached"))(decorated(stream))
    scenario("responses", ("cached", "reasoning"))(decorated(responses))
    scenario("responses_stream")(decorated(responses_stream))
    scenario("embeddings")(decorated(embed))
    scenario("tools")(decorated(tools))
    scenario("parallel")(decorated(parallel))


def claude():
    import anthropic

    anthropic.Anthropic().messages.create(model=CLAUDE, max_tokens=64, messages=PROMPT)


def claude_stream():
    import anthropic

    with anthropic.Anthropic().messages.stream(model=CLAUDE, max_tokens=64, messages=PROMPT) as events:
        for _ in events.text_stream:
            pass


async def claude_parallel():
    import anthropic

    async with anthropic.AsyncAnthropic() as client:
        await asyncio.gather(*(client.messages.create(model=CLAUDE, max_tokens=64, messages=PROMPT) for _ in range(2)))


def chain(config=None):
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    prompt = ChatPromptTemplate.from_messages([("user", "Say {text}.")])
    (prompt | ChatOpenAI(model=GPT) | StrOutputParser()).invoke({"text": "hello"}, config)


def chain_stream(config=None):
    from langchain_openai import ChatOpenAI

    for _ in ChatOpenAI(model=GPT, stream_usage=True).stream("Hello", config):
        pass


def graph(config=None):
    from langchain.agents import create_agent
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    create_agent(ChatOpenAI(model=GPT), [tool(get_weather)]).invoke({"messages": [("user", QUESTION)]}, config)


def chain_batch():
    from langchain_openai import ChatOpenAI

    ChatOpenAI(model=GPT).batch(["Hello", "Good evening"])


@in_one_loop
async def chain_parallel():
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model=GPT)
    await asyncio.gather(model.ainvoke("Hello"), model.ainvoke("Good evening"))
