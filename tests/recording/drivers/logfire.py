"""Logfire: its instrumentations of OpenAI, Anthropic and pydantic-ai; it sends nothing.

Options, in the order of installation: what Logfire instruments (openai, anthropic, pydantic_ai), and distributions of others'
instrumentations.
"""

from __future__ import annotations

import _calls
import logfire
from _harness import GPT, options, run, scenario, versions
from _layers import lay
from _vendors import configured_logfire

LIBRARIES = {"openai": "openai", "anthropic": "anthropic", "pydantic_ai": "pydantic-ai-slim"}

versions("logfire", *(LIBRARIES[word] for word in options() if word in LIBRARIES))
recorded = configured_logfire()
for option in options():
    if option in LIBRARIES:
        getattr(logfire, f"instrument_{option}")()
    else:
        lay([option], recorded)

if "openai" in options():
    _calls.openai_scenarios()

if "anthropic" in options():
    scenario("messages", ("plain", "cached", "split", "reasoning", "failure", "error"))(_calls.claude)
    scenario("messages_stream", ("plain", "cached", "cut"))(_calls.claude_stream)
    scenario("messages_parallel")(_calls.claude_parallel)

if "pydantic_ai" in options():
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel

    @scenario("agent", ("plain", "cached", "reasoning", "failure", "error"))
    async def agent():
        await Agent(OpenAIChatModel(GPT), tools=[_calls.get_weather]).run(_calls.QUESTION)

    @scenario("agent_stream", ("cached",))
    async def agent_stream():
        async with Agent(OpenAIChatModel(GPT)).run_stream("Hello") as result:
            async for _ in result.stream_text():
                pass

    @scenario("session")
    async def session():
        with logfire.span("chat"):
            for text in ("Hello", "Good evening"):
                await Agent(OpenAIChatModel(GPT)).run(text, conversation_id=_calls.SESSION)
        return _calls.SESSION


run()
