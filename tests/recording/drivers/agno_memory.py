"""agno with a database: sessions of its own, over several turns.

Options: distributions of instrumentations in the order of installation.
"""

from __future__ import annotations

from _calls import QUESTION, get_weather
from _harness import GPT, options, provider, run, scenario, versions
from _layers import lay
from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.models.openai import OpenAIChat

versions("agno", "openai")
lay(options(), provider())


def agent() -> Agent:
    """An agent that remembers."""
    model = OpenAIChat(id=GPT)
    return Agent(model=model, tools=[get_weather], db=InMemoryDb(), add_history_to_context=True, telemetry=False)


@scenario("session_memory", ("plain", "cached"))
def session_memory() -> str:
    asked = agent()
    for text in (QUESTION, "And tomorrow?"):
        asked.run(text, session_id="memory-1", user_id="ada")
    return "memory-1"


@scenario("made_up", ("plain",))
def made_up() -> None:
    asked = agent()
    for text in (QUESTION, "And tomorrow?"):
        asked.run(text)


run()
