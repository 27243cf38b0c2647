"""The examples with agent frameworks, each in an environment of its own with the real framework."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from otel_session_agg import attributes as n
from tests.support.environments import HAS_CHECKOUT, environment
from tests.support.programs import GPT_4O_MINI, HAS_EXAMPLES, Ran, Usage, call_usage, run, usage_of

if not (HAS_EXAMPLES and HAS_CHECKOUT):
    pytest.skip("the examples are not here", allow_module_level=True)

LANGCHAIN = (
    "langchain>=1.4,<2",
    "langchain-openai>=1.7,<2",
    "langgraph>=1.2,<2",
    "openinference-instrumentation-langchain>=0.1.80,<0.2",
)
OPENAI_AGENTS = ("openai-agents>=0.20,<0.30", "openinference-instrumentation-openai-agents>=2.5,<3")
PYDANTIC_AI = ("pydantic-ai-slim[openai]>=2,<3",)


@cache
def ran_once(program: str, name: str, requirements: tuple[str, ...]) -> Ran:
    return run(program, python=environment(name, requirements, extras=["demo"]))


def added(usages: list[Usage]) -> Usage:
    """The sum."""
    return Usage(*map(sum, zip(*usages, strict=True)))


class TestLangChain:
    """Two instrumentations that tell of the same calls."""

    @pytest.fixture
    def ran(self) -> Ran:
        """The program, run once."""
        return ran_once("langchain_agent.py", "langchain", LANGCHAIN)

    def test_each_call_is_told_of_twice(self, ran: Ran) -> None:
        """Both instrumentations write the tokens of all calls, so a plain sum is twice what was served."""
        scopes = Counter(span.scope for span in ran.spans if "llm.token_count.total" in span.attributes)
        assert {"openinference.instrumentation.langchain": 4, "openinference.instrumentation.openai": 4} == scopes

    def test_record_is_exact(self, ran: Ran) -> None:
        """The session has what was served, once."""
        record = ran.record("trip-1")
        assert ran.served == [usage_of(record)]
        assert record is not None
        expected = {
            n.COST: GPT_4O_MINI.cost_usd(ran.served[0]),
            n.NUM_MODEL_EVENTS: 4,
            n.NUM_TOOL_EVENTS: 2,
            n.NUM_TRACES: 2,
            n.USER_ID: "ada",
            n.REVISION: 1,
        }
        assert expected == {name: record.get(name) for name in expected}

    def test_roots_are_exact(self, ran: Ran) -> None:
        """Each request has its own two calls."""
        requests = [root for root in ran.roots if root.name == "request"]
        assert ran.roots == requests
        for root in requests:
            calls = [call_usage(call.attributes) for call in ran.calls if call.trace_id == root.trace_id]
            assert 2 == len(calls)
            assert added(calls) == usage_of(root.attributes)

    def test_says_so(self, ran: Ran) -> None:
        """It prints the running totals after each question."""
        shown = [line for line in ran.lines if line.startswith("so far: ")]
        first, second = (root.attributes[n.TOTAL_TOKENS] for root in ran.roots)
        total = sum(ran.served[0][:2])
        assert [f"so far: 2 calls, 1 tools, {first} tokens", f"so far: 4 calls, 2 tools, {total} tokens"] == shown
        assert [line for line in ran.lines if re.fullmatch(r"I have read \d+ words\.", line)]
        assert first + second == total  # type: ignore[operator]


class TestPydanticAi:
    """A framework that traces itself, with agent spans that repeat what the calls below them say."""

    @pytest.fixture
    def ran(self) -> Ran:
        """The program, run once."""
        return ran_once("pydantic_ai_agent.py", "pydantic-ai", PYDANTIC_AI)

    def test_record_is_exact(self, ran: Ran) -> None:
        """The session has what was served, once."""
        record = ran.record("trip-2")
        assert ran.served == [usage_of(record)]
        assert record is not None
        expected = {
            n.COST: GPT_4O_MINI.cost_usd(ran.served[0]),
            n.NUM_MODEL_EVENTS: 4,
            n.NUM_TOOL_EVENTS: 2,
            n.NUM_TRACES: 2,
            n.USER_ID: "ada",
            n.REVISION: 1,
        }
        assert expected == {name: record.get(name) for name in expected}

    def test_roots_are_exact(self, ran: Ran) -> None:
        """Each run has its own two calls."""
        assert ["invoke_agent weather"] * 2 == [root.name for root in ran.roots]
        for root in ran.roots:
            calls = [
                call_of(span.attributes) for span in ran.spans if span.trace_id == root.trace_id and is_call(span.attributes)
            ]
            assert 2 == len(calls)
            assert added(calls) == usage_of(root.attributes)

    def test_says_so(self, ran: Ran) -> None:
        """It prints what the session has used, and what for."""
        total = sum(ran.served[0][:2])
        answers = "city='Oslo' millimetres=4 and city='Bergen' millimetres=6"
        assert f"trip-2 has used {total} tokens for {answers}" == ran.lines[0]


class TestBudgets:
    """Agents that would never stop by themselves."""

    @pytest.fixture(
        params=[
            ("budget_in_openai_agents.py", "openai-agents", OPENAI_AGENTS),
            ("budget_in_pydantic_ai.py", "pydantic-ai", PYDANTIC_AI),
            ("budget_in_langgraph.py", "langchain", LANGCHAIN),
        ],
        ids=["openai_agents", "pydantic_ai", "langgraph"],
    )
    def ran(self, request: pytest.FixtureRequest) -> Ran:
        """Each program, run once."""
        return ran_once(*request.param)

    def test_stops(self, ran: Ran) -> None:
        """The check before the call after the budget is used up ends the run: no call is made any more, and none is missing."""
        (limit,) = {float(limit) for limit in re.findall(r"of (\S+) USD$", ran.lines[0])}
        used = float(re.findall(r"^stopped: user ada in \d{4}-\d\d-\d\d \(UTC\) has used (\S+) USD of", ran.lines[0])[0])
        (number,) = re.findall(r"^after (\d+) calls$", ran.lines[1])
        (root,) = ran.roots
        assert used - used / int(number) <= limit < used  # calls become dearer: the last one cost more than their average
        assert f"the model server counted {number} calls, " in ran.stdout
        assert (sum(ran.served[0][:2]), int(number)) == (root.attributes[n.TOTAL_TOKENS], root.attributes[n.NUM_MODEL_EVENTS])
        assert root.attributes[n.BUDGET_EXCEEDED] is True

    def test_says_nothing_else(self, ran: Ran) -> None:
        """The budget is strict, and everything is seen."""
        assert "not known" not in ran.stdout + ran.stderr
        assert "a budget may not see" not in ran.stdout + ran.stderr


def is_call(attributes: Mapping[str, Any]) -> bool:
    """Whether a span is a call, by the OpenTelemetry conventions for generative AI."""
    return attributes.get("gen_ai.operation.name") == "chat"


def call_of(attributes: Mapping[str, Any]) -> Usage:
    """What such a span says."""
    prompt, completion = (attributes[f"gen_ai.usage.{part}_tokens"] for part in ("input", "output"))
    return Usage(prompt, completion, attributes.get("gen_ai.usage.cache_read.input_tokens", 0))
