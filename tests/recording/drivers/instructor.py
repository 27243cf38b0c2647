"""Instructor: structured answers of OpenAI and Anthropic.

Options: distributions of instrumentations in the order of installation.
"""

import asyncio
from contextlib import suppress
from typing import Any

from _harness import CLAUDE, GPT, options, provider, run, scenario, versions
from _layers import lay, openinference_session

versions("instructor", "openai", "anthropic")
lay(options(), provider())

import anthropic
import instructor
import openai
from pydantic import BaseModel


class Weather(BaseModel):
    """What is to be extracted."""

    city: str


QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "It rains in Paris."}], "response_model": Weather}


def client() -> instructor.Instructor:
    """Instructor around the client of OpenAI."""
    return instructor.from_openai(openai.OpenAI())


@scenario("create", plans=("plain", "cached", "reasoning", "failure"))
def create() -> None:
    client().chat.completions.create(model=GPT, **QUESTION)


@scenario("with_completion")
def with_completion() -> None:
    client().chat.completions.create_with_completion(model=GPT, **QUESTION)


@scenario("partial", plans=("cached",))
async def partial() -> None:
    streaming = instructor.from_openai(openai.AsyncOpenAI())  # OpenInference breaks the synchronous one
    async for _ in streaming.chat.completions.create_partial(model=GPT, **QUESTION, stream_options={"include_usage": True}):
        pass


@scenario("parallel")
async def parallel() -> None:
    both = instructor.from_openai(openai.AsyncOpenAI())
    await asyncio.gather(*(both.chat.completions.create(model=GPT, **QUESTION) for _ in range(2)))


@scenario("error", plans=("error",))
def error() -> None:
    with suppress(Exception):
        client().chat.completions.create(model=GPT, max_retries=0, **QUESTION)


@scenario("anthropic", plans=("cached", "split"))
def claude() -> None:
    instructor.from_anthropic(anthropic.Anthropic()).chat.completions.create(model=CLAUDE, max_tokens=1000, **QUESTION)


openinference_session(options(), create)
run()
