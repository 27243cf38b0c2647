"""Calls whose counts leave nothing to decide are read as all others are."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.span import Kind, Usage
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.plain_counts import read_plain
from otel_session_agg._reading.plan import ReadingPlan
from otel_session_agg._reading.tokens import read_usage
from tests.unit.conventions.test_conventions import IN, OUT, READ, TOTAL, read

PROMPT, COMPLETION, SUM = "llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total"
CACHED, THOUGHTS = "llm.token_count.prompt_details.cache_read", "llm.token_count.completion_details.reasoning"
ANSWER = "output.value"
OPENAI = "openinference.instrumentation.openai"
NATIVE = '{"usage": {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 3}}}'

NUMBERS = st.one_of(st.integers(-2, 9), st.sampled_from([10**12, 10**13, True, None, "7", 3.0, 2.5, "x"]))


def plan_of(attributes: dict[str, Any], scope: str = "") -> ReadingPlan:
    """The plan for a span."""
    return reading._SCOPES.get(scope, "").plan(attributes)


class TestSame:
    """Beside the reader of all other counts."""

    KEYS: ClassVar = {
        "OpenInference": (PROMPT, COMPLETION, SUM, CACHED, THOUGHTS, ANSWER),
        "OpenTelemetry": (IN, OUT, TOTAL, READ, "gen_ai.usage.reasoning.output_tokens", "other"),
    }

    @given(
        keys=st.sampled_from(list(KEYS.values())),
        prompt=NUMBERS,
        completion=NUMBERS,
        total=st.one_of(NUMBERS, st.integers(0, 18)),
        parts=st.tuples(NUMBERS, NUMBERS),
        which=st.sets(st.integers(2, 5)),
        answer=st.sampled_from(["hello", NATIVE, NATIVE.replace("}}}", '}}, "output": [{"type": "web_search_call"}]}')]),
        scope=st.sampled_from(["", OPENAI, "openinference.instrumentation.crewai"]),
    )
    def test_usage(
        self, keys: tuple[str, ...], prompt: object, completion: object, total: object, parts: tuple[object, object],
        which: set[int], answer: str, scope: str,
    ) -> None:  # fmt: skip
        """A usage that is read in one step is what the others' reader says, too, without anything ignored."""
        values = dict(zip(keys, (prompt, completion, total, *parts, answer), strict=True))
        attributes = {key: value for at, (key, value) in enumerate(values.items()) if at < 2 or at in which}
        plan = plan_of(attributes, scope)
        if plan.plain_counts is not None and (plain := read_plain(plan.plain_counts, attributes)) is not None:
            for kind in (Kind.MODEL, Kind.AGENT, Kind.EMBEDDING):
                assert (plain, 0, []) == read_usage(plan, attributes, frozenset(), kind)

    def test_order_of_fields(self) -> None:
        """Each count is in its field."""
        attributes = {PROMPT: 30, COMPLETION: 20, SUM: 50, CACHED: 7, THOUGHTS: 5}
        counts = plan_of(attributes).plain_counts
        assert counts is not None
        usage = Usage(prompt_tokens=30, completion_tokens=20, total_tokens=50, cache_read_tokens=7, reasoning_tokens=5)
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
            ((PROMPT, COMPLETION, SUM, CACHED, ANSWER), OPENAI, False),
            ((PROMPT, COMPLETION, SUM, ANSWER), "openinference.instrumentation.crewai", True),
            ((IN,), "", False),
            ((IN, OUT, PROMPT), "", False),
            ((IN, OUT, "gen_ai.usage.cache_creation.input_tokens"), "", False),
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
