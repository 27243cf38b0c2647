"""Calls whose counts leave nothing to decide are read as all others are."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg._model.span import Kind, Usage
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.emitters import effects_of
from otel_session_agg._reading.plain_counts import read_plain
from otel_session_agg._reading.plan import ReadingPlan
from otel_session_agg._reading.tokens import read_usage
from tests.support.replay import load
from tests.unit.conventions.test_conventions import IN, OUT, READ, TOTAL, read

PROMPT, COMPLETION, SUM = "llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total"
CACHED, THOUGHTS = "llm.token_count.prompt_details.cache_read", "llm.token_count.completion_details.reasoning"
WRITTEN, HEARD = "llm.token_count.prompt_details.cache_write", "llm.token_count.prompt_details.audio"
ANSWER = "output.value"
OPENAI = "openinference.instrumentation.openai"
SCOPES = (
    "",
    OPENAI,
    "openinference.instrumentation.crewai",
    "openinference.instrumentation.litellm",
    "openinference.instrumentation.smolagents",
    "@traceloop/instrumentation-openai",
    "opentelemetry.instrumentation.anthropic",
)
NATIVE = '{"usage": {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 3}}}'

NUMBERS = st.one_of(st.integers(-2, 9), st.sampled_from([10**12, 10**13, True, None, "7", 3.0, 2.5, "x"]))
SMALL = st.one_of(st.integers(0, 9), NUMBERS)
USAGES = st.dictionaries(
    st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens"]), st.integers(0, 18)
)
ANSWERS = st.one_of(
    st.sampled_from(["hello", NATIVE, NATIVE.replace("}}}", '}}, "output": [{"type": "web_search_call"}]}')]),
    USAGES.map(lambda usage: json.dumps({"id": "usage", "usage": usage})),
    USAGES.map(lambda usage: json.dumps({"choices": [{"usage": usage}]}, separators=(",", ":"))),
    USAGES.map(lambda usage: repr({"usage": usage})),
    USAGES.map(lambda usage: {"usage": usage}),
)


def plan_of(attributes: dict[str, Any], scope: str = "") -> ReadingPlan:
    """The plan for a span."""
    return reading._SCOPES.get(scope, "").plan(attributes)


class TestSame:
    """Beside the reader of all other counts."""

    KEYS: ClassVar = {
        "OpenInference": (PROMPT, COMPLETION, SUM, CACHED, THOUGHTS, ANSWER, WRITTEN, HEARD),
        "OpenTelemetry": (
            IN, OUT, TOTAL, READ, "gen_ai.usage.reasoning.output_tokens", "other", "gen_ai.usage.cache_creation.input_tokens", "also",
        ),
    }  # fmt: skip

    @settings(max_examples=4 * settings().max_examples)
    @given(
        keys=st.sampled_from(list(KEYS.values())),
        wholes=st.tuples(SMALL, SMALL),
        total=st.one_of(st.none(), NUMBERS),
        parts=st.tuples(SMALL, SMALL, SMALL, SMALL),
        which=st.sets(st.integers(2, 7)),
        answer=ANSWERS,
        scope=st.sampled_from(SCOPES),
    )
    def test_usage(
        self, keys: tuple[str, ...], wholes: tuple[Any, Any], total: object, parts: tuple[object, ...], which: set[int], answer: object,
        scope: str,
    ) -> None:  # fmt: skip
        """A usage that is read in one step is what the others' reader says, too, without anything ignored."""
        prompt, completion = wholes
        if total is None and type(prompt) is type(completion) is int:
            total = prompt + completion
        values = dict(zip(keys, (prompt, completion, total, *parts[:2], answer, *parts[2:]), strict=True))
        attributes = {key: value for at, (key, value) in enumerate(values.items()) if at < 2 or at in which}
        plan = plan_of(attributes, scope)
        if plan.plain_counts is not None and (plain := read_plain(plan.plain_counts, attributes)) is not None:
            effects = effects_of(plan.emitters, plan.names, attributes)
            for kind in (Kind.MODEL, Kind.AGENT, Kind.EMBEDDING):
                assert (plain, 0, []) == read_usage(plan, attributes, effects, kind)

    def test_recorded(self) -> None:
        """So it is on recorded spans, most of which are read in one step."""
        found = {True: 0, False: 0}
        for case in load("recordings"):
            for row in case["spans"]:
                attributes, scope = row["attributes"], str(row.get("scope") or "")
                plan = reading._SCOPES.get(scope, str(row.get("scope_version") or "")).plan(attributes)
                effects = effects_of(plan.emitters, plan.names, attributes)
                usage = read_usage(plan, attributes, effects, Kind.MODEL)
                plain = None if plan.plain_counts is None else read_plain(plan.plain_counts, attributes)
                if plain is not None:
                    assert (plain, 0, []) == usage
                if usage[0] is not None:
                    found[plain is not None] += 1
        assert found[True] > found[False]

    def test_order_of_fields(self) -> None:
        """Each count is in its field."""
        attributes = {
            PROMPT: 30, COMPLETION: 20, SUM: 50, CACHED: 7, THOUGHTS: 5, WRITTEN: 3, HEARD: 8,
            "llm.token_count.completion_details.audio": 9,
        }  # fmt: skip
        counts = plan_of(attributes).plain_counts
        assert counts is not None
        usage = Usage(
            prompt_tokens=30, completion_tokens=20, total_tokens=50, cache_read_tokens=7, reasoning_tokens=5, cache_write_tokens=3,
            audio_prompt_tokens=8, audio_completion_tokens=9,
        )  # fmt: skip
        assert usage == read_plain(counts, attributes)


class TestWhich:
    """Which sets of keys are read in one step."""

    @pytest.mark.parametrize(
        ("keys", "scope", "is_plain"),
        [
            ((IN, OUT), "", True),
            ((IN, OUT, TOTAL, READ), "", True),
            ((PROMPT, COMPLETION, SUM, ANSWER), "", True),
            ((PROMPT, COMPLETION, SUM, CACHED, THOUGHTS, ANSWER), OPENAI, True),
            ((PROMPT, COMPLETION, SUM, CACHED, HEARD, ANSWER), OPENAI, True),
            ((PROMPT, COMPLETION, SUM, ANSWER), "openinference.instrumentation.smolagents", False),
            ((PROMPT, COMPLETION, SUM, ANSWER), "openinference.instrumentation.langchain", False),
            ((PROMPT, COMPLETION, SUM, ANSWER), "openinference.instrumentation.crewai", True),
            ((IN,), "", False),
            ((IN, OUT, PROMPT), "", False),
            ((IN, OUT, "gen_ai.usage.cache_creation.input_tokens"), "", True),
            ((IN, OUT, "gen_ai.usage.cache_creation.input_tokens"), "opentelemetry.instrumentation.anthropic", False),
            ((PROMPT, COMPLETION, CACHED, "llm.token_count.prompt_details.cache_input"), "", False),
        ],
    )
    def test_keys(self, keys: tuple[str, ...], scope: str, is_plain: bool) -> None:  # noqa: FBT001 -- a case
        """Those of one convention, each with one spelling, without a text that may state more."""
        assert is_plain is (plan_of(dict.fromkeys(keys, 1), scope).plain_counts is not None)

    def test_nothing_found_by_a_reranker(self) -> None:
        """Zeros of a retriever may be of other units: they are not taken as they are."""
        attributes = {"openinference.span.kind": "RERANKER", "reranker.model_name": "rerank-v3.5", PROMPT: 0, COMPLETION: 0}
        assert read(attributes).usage is None


class TestScopes:
    """Rows of the tables that are for spans of other scopes."""

    def test_left_out(self) -> None:
        """They are no part of a plan, so that no span looks for them."""
        attributes = {PROMPT: 1, COMPLETION: 1, ANSWER: "", "llm.invocation_parameters": "{}"}
        plan = plan_of(attributes, "app")
        assert (0, 0, 0, 1) == tuple(map(len, (plan.texts, plan.model_texts, plan.billed, plan.terms)))
        plan = plan_of(attributes, OPENAI)
        assert (2, 0, 1, 2) == tuple(map(len, (plan.texts, plan.model_texts, plan.billed, plan.terms)))
