"""What made sessions are about: services, models, tools, users, and what goes wrong.

::

    three services, each with versions, agents, tools and models; one model has no known price
    three tenants with users, some of whom come often
    an incident: for a day, one service asks a dearer model, without a cache, in more steps
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

__all__ = [
    "INCIDENT_SERVICE", "MODELS", "SERVICES", "SHARES_OF_HOURS", "TENANTS", "USERS", "Model",
    "Service",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Model:
    """A model and how fast it is."""

    name: str
    provider: str
    tokens_per_second: float
    first_token_seconds: float


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            Model("gpt-4o-mini", "openai", 110, 0.4),
            Model("gpt-4o", "openai", 70, 0.6),
            Model("gpt-5", "openai", 60, 1.4),
            Model("claude-sonnet-4-5", "anthropic", 65, 0.9),
            Model("claude-haiku-4-5", "anthropic", 130, 0.5),
            Model("house-reviewer-7b", "house", 90, 0.3),
        )
    }
)
"""By name; nobody has a price for the last one."""


@dataclass(frozen=True, slots=True)
class Service:
    """An application with agents."""

    name: str
    versions: tuple[tuple[timedelta, str], ...]
    """For how long before now each version has been running, the oldest first."""
    share: float
    """Of all sessions."""
    agent: str
    helper: str
    """An agent that the first one calls."""
    models: Mapping[str, float]
    """Which models answer, and how often."""
    embeds: bool
    """Whether each turn begins with an embedding."""
    tools: tuple[str, ...]
    prompt_tokens: int
    """Of a first call, at the median."""
    completion_tokens: int
    questions: tuple[str, ...]
    answer: str


SERVICES = (
    Service(
        name="shop-assistant",
        versions=((timedelta(days=99), "2.3.0"), (timedelta(days=6), "2.4.0")),
        share=0.55,
        agent="support-agent",
        helper="order-agent",
        models={"gpt-4o-mini": 0.8, "gpt-4o": 0.2},
        embeds=True,
        tools=("search_products", "look_up_order", "pay_back"),
        prompt_tokens=1500,
        completion_tokens=140,
        questions=(
            "Where is my parcel?",
            "Is this jacket rain-proof?",
            "I would like to send the shoes back.",
            "Which of the two tents is lighter?",
        ),
        answer="Your parcel is on its way; it arrives on Thursday.",
    ),
    Service(
        name="travel-planner",
        versions=((timedelta(days=99), "1.8.2"),),
        share=0.3,
        agent="trip-agent",
        helper="booking-agent",
        models={"claude-haiku-4-5": 0.6, "claude-sonnet-4-5": 0.4},
        embeds=False,
        tools=("find_trains", "find_hotels", "weather"),
        prompt_tokens=2400,
        completion_tokens=320,
        questions=(
            "Two days in Lisbon, by train and on foot.",
            "Is there a night train to Vienna on Friday?",
            "Find a quiet hotel near the old port.",
        ),
        answer="There is a night train at 21:41; the hotel is ten minutes from the station.",
    ),
    Service(
        name="code-reviewer",
        versions=((timedelta(days=99), "0.9.1"), (timedelta(days=9), "0.9.2")),
        share=0.15,
        agent="review-agent",
        helper="test-agent",
        models={"gpt-5": 0.6, "house-reviewer-7b": 0.4},
        embeds=False,
        tools=("read_file", "run_tests"),
        prompt_tokens=5200,
        completion_tokens=620,
        questions=("Review the change in the parser.", "Why does the second test fail?"),
        answer="The loop ends one element too early: the test for an empty list shows it.",
    ),
)

INCIDENT_SERVICE = "shop-assistant"
"""Whose newest version goes wrong for a day."""

TENANTS = ("north", "south", "west")
USERS = (
    "ada", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ida", "jon", "kim", "lea", "max",
    "nia", "ole", "pia", "quin", "ravi", "sara", "tom", "uma", "vera", "will", "xenia", "yara",
    "zoe", "abel", "bea", "carl", "dora", "emil", "fay",
)  # fmt: skip
"""The first come most often; each is of one tenant."""

SHARES_OF_HOURS = (1, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 10, 11, 12, 12, 11, 10, 9, 8, 7, 5, 3, 2)
"""How many sessions begin in each hour of a day, in UTC, beside each other."""
