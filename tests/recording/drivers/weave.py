"""Weave's conversations: spans that an application makes of its calls, with Weave's own readers of their usage."""

from __future__ import annotations

from typing import Any

from _harness import CLAUDE, GPT, provider, run, scenario, versions

versions("weave", "openai", "anthropic")
provider()

import anthropic
import openai
from weave import conversation
from weave.conversation.adapters.anthropic import usage_from_anthropic
from weave.conversation.adapters.openai import usage_from_openai_responses

PROMPT: list[Any] = [{"role": "user", "content": "Hello"}]


def claude(turn: conversation.Turn) -> None:
    """Ask Anthropic's model."""
    with turn.start_llm(model=CLAUDE, provider_name="anthropic") as call:
        answer = anthropic.Anthropic(max_retries=0).messages.create(model=CLAUDE, max_tokens=64, messages=PROMPT)
        call.record(usage=usage_from_anthropic(answer), response_id=answer.id, response_model=answer.model)


def gpt(turn: conversation.Turn) -> None:
    """Ask OpenAI's."""
    with turn.start_llm(model=GPT, provider_name="openai") as call:
        answer = openai.OpenAI(max_retries=0).responses.create(model=GPT, input="Hello")
        call.record(usage=usage_from_openai_responses(answer), response_id=answer.id, response_model=answer.model)


def talk(*asks: Any, session: str = "chat-1") -> str:
    """A conversation with a turn."""
    with (
        conversation.start_conversation(agent_name="assistant", conversation_id=session) as one,
        one.start_turn(user_message="Hello") as turn,
    ):
        for ask in asks:
            ask(turn)
    return session


@scenario("anthropic", ("plain", "cached", "cached_large", "reasoning", "error"))
def ask_anthropic():
    talk(claude)


@scenario("openai", ("plain", "cached", "reasoning"))
def ask_openai():
    talk(gpt)


@scenario("session", ("cached",))
def session():
    return talk(claude, gpt)


run()
