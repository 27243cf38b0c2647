"""Which tokens a span states, where its figures leave parts out, contradict each other, or stand in lists."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import PriceBook
from otel_session_agg._model.span import Kind, SpanData
from otel_session_agg._reading import span as reading
from otel_session_agg._spans.without_content import without_content
from tests.support.replay import replay
from tests.unit.conventions.test_conventions import IN, OUT, READ, TOTAL, read, usage

REASONING = "gen_ai.usage.reasoning.output_tokens"
TOOLS = "gen_ai.usage.details.tool_use_prompt_tokens"
THOUGHTS = "gen_ai.usage.details.thoughts_tokens"
MODEL = "gen_ai.request.model"
GEMINI = {MODEL: "gemini-2.5-flash"}
RAW = "gen_ai.usage.raw"


def counts(attributes: dict[str, Any], scope: str = "") -> tuple[int | None, int | None, int | None]:
    """Prompt, completion and total of a span."""
    return usage(attributes, scope)[:3]


class TestReasoningLeftOut:
    """Output that leaves the reasoning out, as xAI's does."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({IN: 1000, OUT: 150, REASONING: 280}, (1000, 430, 1430)),
            ({IN: 1000, OUT: 150, REASONING: 280, TOTAL: 1150}, (1000, 430, 1430)),
            ({IN: "1000", OUT: 150.0, REASONING: "280"}, (1000, 430, 1430)),
            ({IN: 1000, OUT: 0, REASONING: 280}, (1000, 280, 1280)),
            ({OUT: 150, REASONING: 280}, (None, 430, None)),
            ({IN: 1000, OUT: 150, REASONING: 150}, (1000, 150, 1150)),
            ({IN: 1000, OUT: 430, REASONING: 280}, (1000, 430, 1430)),
            ({IN: 1000, OUT: 430, REASONING: 280, TOTAL: 1430}, (1000, 430, 1430)),
            ({IN: 1000, OUT: 300, REASONING: 280, TOTAL: 1580}, (1000, 580, 1580)),
            ({IN: 1000, OUT: 300, REASONING: 280, TOTAL: 1580, READ: 128}, (1000, 580, 1580)),
            ({IN: 1000, OUT: 300, REASONING: 280, TOTAL: 1708, READ: 128}, (1128, 580, 1708)),
            ({IN: 1000, OUT: 300, REASONING: 280, TOTAL: 1428, READ: 128}, (1128, 300, 1428)),
            ({IN: 100, OUT: 300, REASONING: 280, TOTAL: 808, READ: 128}, (228, 580, 808)),
            ({"llm.token_count.prompt": 10, "llm.token_count.completion": 5, "llm.token_count.completion_details.reasoning": 9},
             (10, 14, 24)),
            ({"ai.usage.inputTokens": 10, "ai.usage.outputTokens": 5, "ai.usage.reasoningTokens": 9}, (10, 14, 24)),
        ],
    )  # fmt: skip
    def test_figures(self, attributes: dict[str, Any], expected: tuple[int | None, ...]) -> None:
        """More reasoning than output proves it, or the total does; otherwise the output has it."""
        assert expected == counts(attributes)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ({"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}}, (10, 14, 24)),
            ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 19,
              "completion_tokens_details": {"reasoning_tokens": 4}}, (10, 9, 19)),
            ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
              "completion_tokens_details": {"reasoning_tokens": 4}}, (10, 5, 15)),
        ],
    )  # fmt: skip
    def test_texts(self, text: dict[str, Any], expected: tuple[int, int, int]) -> None:
        """The same holds in usage objects."""
        assert expected == counts({"metadata.usage_object": json.dumps(text)})

    def test_reasoning_in_text(self) -> None:
        """The reasoning may stand in a usage object only."""
        own = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}}
        assert (10, 14, 24) == counts({IN: 10, OUT: 5, RAW: json.dumps(own)})

    BLIND: ClassVar = {"gen_ai.operation.name": "chat", MODEL: "grok-4", IN: 1000, OUT: 150}
    FULL: ClassVar = {**BLIND, REASONING: 280, TOTAL: 1430}

    @pytest.mark.parametrize("blind_first", [False, True])
    @pytest.mark.parametrize("response", [{}, {"gen_ai.response.id": "r"}])
    @pytest.mark.parametrize("parent", [None, "outer"])
    def test_two_tellers(self, parent: str | None, response: dict[str, str], *, blind_first: bool) -> None:
        """Another teller of the same call that does not see the reasoning makes no second call of it."""
        tellers = [self.BLIND, self.FULL] if blind_first else [self.FULL, self.BLIND]
        spans = [
            {"name": "a", "id": "outer", "parent": None, "scope": "a", "attributes": {**tellers[0], **response}},
            {"name": "b", "id": "inner", "parent": parent, "scope": "b", "attributes": {**tellers[1], **response}},
        ]
        attributes = dict(replay({"spans": spans}).attributes or {})
        names = ("num_model_events", "prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens")
        assert [1, 1000, 430, 1430, 280] == [attributes.get(f"metadata.{name}") for name in names]


class TestToolUse:
    """Input of Gemini's own tools, which its prompt count leaves out."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({IN: 100, OUT: 40, TOOLS: 300}, (400, 40, 440)),
            ({IN: 100, OUT: 40, TOOLS: 30}, (130, 40, 170)),
            ({IN: 100, OUT: 40, THOUGHTS: 90, TOOLS: 300}, (400, 130, 530)),
            ({IN: 100, OUT: 40, TOOLS: 30, TOTAL: 140}, (100, 40, 140)),
            ({IN: 100, OUT: 40, TOOLS: 30, TOTAL: 170}, (130, 40, 170)),
            ({IN: 100, OUT: 40, TOOLS: 30, THOUGHTS: 20, TOTAL: 190}, (130, 60, 190)),
            ({IN: 100, OUT: 40, TOOLS: 30, THOUGHTS: 20, TOTAL: 170}, (130, 40, 170)),
            ({IN: 100, OUT: 40, TOOLS: 30, THOUGHTS: 20, TOTAL: 160}, (100, 60, 160)),
            ({IN: 100, OUT: 40, TOOLS: 300, READ: 80}, (400, 40, 440)),
            ({IN: 100, OUT: 40, TOOLS: "300", READ: 80, TOTAL: 440}, (400, 40, 440)),
            ({IN: 100, OUT: 40, TOOLS: 0}, (100, 40, 140)),
        ],
    )
    def test_figures(self, attributes: dict[str, Any], expected: tuple[int, int, int]) -> None:
        """It is added, unless the total shows that it is in."""
        assert expected == counts(attributes)

    @pytest.mark.parametrize(
        ("scope", "tokens", "expected"),
        [("pydantic-ai", 30, 100), ("pydantic-ai", 300, 400), ("opentelemetry.instrumentation.google_genai", 30, 130)],
    )
    def test_emitters(self, scope: str, tokens: int, expected: int) -> None:
        """An emitter is known to count it as input, as far as the figures can be so."""
        assert expected == usage({IN: 100, OUT: 40, TOOLS: tokens}, scope).prompt_tokens

    @pytest.mark.parametrize("total", [270, 150])
    def test_langchain(self, total: int) -> None:
        """LangChain states it as a detail, and has it in the total only."""
        own = {"input_tokens": 40, "output_tokens": 110, "total_tokens": total}
        details = {"input_token_details": {"tool_use": 120}, "output_token_details": {"reasoning": 30}}
        assert (160, 110, max(total, 270)) == counts({"langsmith.usage_metadata": json.dumps({**own, **details})})

    def test_taken_for_output(self) -> None:
        """Where the figures show that an older version of an emitter took it for output, it is moved."""
        attributes = {IN: 100, OUT: 430, TOOLS: 300, THOUGHTS: 90}
        assert (400, 130, 530) == counts(attributes, "pydantic-ai")

    @pytest.mark.parametrize(
        ("figures", "expected"),
        [
            ({"promptTokenCount": 40, "candidatesTokenCount": 80, "toolUsePromptTokenCount": 120}, (160, 80, 240)),
            ({"promptTokenCount": 40, "candidatesTokenCount": 80, "toolUsePromptTokenCount": 120, "totalTokenCount": 240},
             (160, 80, 240)),
            ({"promptTokenCount": 40, "candidatesTokenCount": 80, "toolUsePromptTokenCount": 12, "totalTokenCount": 162,
              "thoughtsTokenCount": 30}, (52, 110, 162)),
            ({"promptTokenCount": 40, "candidatesTokenCount": 80, "toolUsePromptTokenCount": 12, "totalTokenCount": 132,
              "thoughtsTokenCount": 30}, (52, 80, 132)),
            ({"promptTokenCount": 40, "candidatesTokenCount": 80, "totalTokenCount": 150}, (40, 110, 150)),
            ({"promptTokenCount": 40, "candidatesTokenCount": 80, "thoughtsTokenCount": 30, "totalTokenCount": 270},
             (160, 110, 270)),
            ({"promptTokenCount": 40, "thoughtsTokenCount": 30, "totalTokenCount": 70}, (40, 30, 70)),
            ({"promptTokenCount": 40, "thoughtsTokenCount": 30}, (40, 30, 70)),
            ({"promptTokenCount": 40, "totalTokenCount": 40}, (40, 0, 40)),
            ({"promptTokenCount": 40, "responseTokenCount": 80, "thoughtsTokenCount": 30, "totalTokenCount": 150}, (40, 110, 150)),
            ({"promptTokenCount": 40, "candidatesTokenCount": 80, "cachedContentTokenCount": 32, "totalTokenCount": 132,
              "toolUsePromptTokenCount": 12}, (52, 80, 132)),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize(
        "key", ["ai.response.providerMetadata", "gcp.vertex.agent.llm_response", "metadata.usage_object", RAW]
    )
    def test_texts(self, key: str, figures: dict[str, int], expected: tuple[int, int, int]) -> None:
        """Gemini's own answer has it beside the prompt, wherever it stands and however it is spelled."""
        snake = {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): tokens for name, tokens in figures.items()}
        value: Any = {"ai.response.providerMetadata": {"google": {"usageMetadata": figures}}}.get(key, snake)
        if key == "gcp.vertex.agent.llm_response":
            value = {"usage_metadata": snake}
        assert expected == counts({key: json.dumps(value)}, "gcp.vertex.agent")

    @pytest.mark.parametrize(("stated", "expected"), [(26, 12530), (12530, 12530)])
    def test_beside_text(self, stated: int, expected: int) -> None:
        """The provider's own answer tells whether the input beside it has it."""
        own = {"promptTokenCount": 26, "toolUsePromptTokenCount": 12504, "candidatesTokenCount": 103, "totalTokenCount": 12633}
        attributes = {
            "ai.usage.inputTokens": stated,
            "ai.usage.outputTokens": 103,
            "ai.response.providerMetadata": json.dumps({"google": {"usageMetadata": own}}),
        }
        assert (expected, 103) == counts(attributes)[:2]

    @pytest.mark.parametrize(("stated", "expected"), [(1000, 1050), (1050, 1050)])
    def test_small_beside_text(self, stated: int, expected: int) -> None:
        """It does so for small counts and totals that were made of the counts, too."""
        own = {"promptTokenCount": 1000, "toolUsePromptTokenCount": 50, "candidatesTokenCount": 100, "totalTokenCount": 1150}
        attributes = {
            "ai.usage.inputTokens": stated,
            "ai.usage.outputTokens": 100,
            "ai.usage.totalTokens": stated + 100,
            "ai.response.providerMetadata": json.dumps({"google": {"usageMetadata": own}}),
        }
        assert (expected, 100) == counts(attributes)[:2]


class TestRestOfTotal:
    """What Gemini's total has beyond the stated parts."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({IN: 100, OUT: 40, TOTAL: 230}, (100, 130, 230)),
            ({IN: 1041, OUT: 3093, REASONING: 2191, TOTAL: 381_679}, (378_586, 3093, 381_679)),
            ({IN: 100, OUT: 40, REASONING: 0, TOTAL: 230}, (190, 40, 230)),
            ({IN: 100, OUT: 40, TOOLS: 30, TOTAL: 230}, (130, 100, 230)),
            ({IN: 100, OUT: 40, TOTAL: 140}, (100, 40, 140)),
            ({IN: 100, OUT: 40, TOTAL: 100}, (100, 40, 140)),
            ({IN: 100, OUT: 40, READ: 64, TOTAL: 230}, (100, 130, 230)),
        ],
    )
    def test_gemini(self, attributes: dict[str, Any], expected: tuple[int, int, int]) -> None:
        """It is thoughts, or, where these are stated, input of its tools."""
        assert expected == counts({**GEMINI, **attributes})

    @pytest.mark.parametrize(
        ("scope", "version", "expected"),
        [
            ("openinference.instrumentation.google_genai", "0.1.8", (190, 40)),
            ("openinference.instrumentation.google_genai", "0.1.3", (100, 130)),
            ("openinference.instrumentation.google_adk", "0.1.5", (190, 40)),
            ("openinference.instrumentation.vertexai", "0.1.20", (100, 130)),
            ("openinference.instrumentation.litellm", "0.1.30", (190, 40)),
            ("litellm", "", (190, 40)),
        ],
    )
    def test_emitters(self, scope: str, version: str, expected: tuple[int, int]) -> None:
        """It is input of tools, too, where an emitter is known to have the thoughts in the output."""
        counts = {"llm.token_count.prompt": 100, "llm.token_count.completion": 40, "llm.token_count.total": 230}
        attributes = {"llm.model_name": "gemini-2.5-pro", **counts}
        assert expected == usage(attributes, scope, version)[:2]

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"ai.usage.totalTokens": 190}, (150, 40)),
            ({"ai.usage.totalTokens": 190, "ai.usage.reasoningTokens": 30}, (120, 70)),
            ({"ai.usage.totalTokens": 170, "ai.usage.reasoningTokens": 30}, (100, 70)),
            ({"ai.usage.totalTokens": 140, "ai.usage.reasoningTokens": 30}, (100, 40)),
        ],
    )
    def test_ai_sdk(self, more: dict[str, Any], expected: tuple[int, int]) -> None:
        """In a total of AI SDK 5 there are thoughts and input of tools; that of 6 is input and output."""
        counts = {"ai.usage.inputTokens": 100, "ai.usage.outputTokens": 40, **more}
        attributes = {"ai.model.provider": "google.generative-ai", "ai.model.id": "gemini-2.5-pro", **counts}
        assert expected == usage(attributes)[:2]

    def test_thoughts_are_told(self) -> None:
        """Thoughts that only the total has are told as reasoning."""
        assert 90 == usage({**GEMINI, IN: 100, OUT: 40, TOTAL: 230}).reasoning_tokens

    def test_other_models(self) -> None:
        """Nothing is known of other providers' totals."""
        assert (100, 40, 230) == counts({MODEL: "gpt-5", IN: 100, OUT: 40, TOTAL: 230})


class TestModalities:
    """Gemini's lists of counts by modality."""

    def test_audio(self) -> None:
        """Audio is told apart, that of tools and of the cache too."""
        own = {
            "promptTokenCount": 100, "candidatesTokenCount": 20, "cachedContentTokenCount": 60, "toolUsePromptTokenCount": 30,
            "totalTokenCount": 150,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 30}, {"modality": "AUDIO", "tokenCount": 70}],
            "toolUsePromptTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}, {"modality": "TEXT", "tokenCount": 25}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}, {"modality": "TEXT", "tokenCount": 10}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 15}, {"modality": "TEXT", "tokenCount": 5}],
        }  # fmt: skip
        found = usage({"ai.response.providerMetadata": json.dumps({"google": {"usageMetadata": own}})})
        assert (130, 20, 60) == (found.prompt_tokens, found.completion_tokens, found.cache_read_tokens)
        assert (75, 15, 50) == (found.audio_prompt_tokens, found.audio_completion_tokens, found.audio_cache_read_tokens)

    def test_no_audio(self) -> None:
        """A list without audio says that there was none."""
        own = {
            "prompt_token_count": 9,
            "candidates_token_count": 1,
            "prompt_tokens_details": [{"modality": "TEXT", "token_count": 9}],
        }
        assert 0 == usage({RAW: json.dumps(own)}).audio_prompt_tokens

    @pytest.mark.parametrize("items", [[], [3], [{"modality": "AUDIO"}], [{"modality": 1, "tokenCount": 2}], "x", [[]], [None]])
    def test_malformed(self, items: object) -> None:
        """What is no such list says nothing."""
        own = {"prompt_token_count": 9, "candidates_token_count": 1, "prompt_tokens_details": items}
        assert (9, None) == (usage({RAW: json.dumps(own)}).prompt_tokens, usage({RAW: json.dumps(own)}).audio_prompt_tokens)


class TestContradictions:
    """Two counts of one thing, and a third figure that decides between them."""

    DETAILS = "ai.usage.inputTokenDetails."

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({IN: 180, "ai.usage.inputTokens": 100, DETAILS + "noCacheTokens": 20, DETAILS + "cacheReadTokens": 80}, 100),
            ({IN: 100, "ai.usage.inputTokens": 180, DETAILS + "noCacheTokens": 20, DETAILS + "cacheReadTokens": 80}, 100),
            ({IN: 180, "gen_ai.usage.prompt_tokens": 100, DETAILS + "noCacheTokens": 20, DETAILS + "cacheReadTokens": 80}, 100),
            ({IN: 180, "ai.usage.inputTokens": 20, DETAILS + "noCacheTokens": 20, DETAILS + "cacheReadTokens": 80}, 100),
            ({IN: 180, "ai.usage.inputTokens": 170, DETAILS + "noCacheTokens": 20, DETAILS + "cacheReadTokens": 80}, 180),
            ({IN: 180, "ai.usage.inputTokens": 100, "ai.usage.totalTokens": 110}, 100),
            ({IN: 180, "gen_ai.usage.prompt_tokens": 100, TOTAL: 110}, 100),
            ({IN: 180, "llm.token_count.prompt": 100, "llm.token_count.completion": 10, "llm.token_count.total": 110}, 100),
            ({IN: 100, "ai.usage.inputTokens": 180, "ai.usage.totalTokens": 110}, 100),
            ({IN: 180, "ai.usage.inputTokens": 100, "ai.usage.totalTokens": 150}, 180),
            ({IN: 180, "ai.usage.inputTokens": 100, "ai.usage.totalTokens": 110, READ: 80}, 180),
        ],
    )
    def test_prompt(self, attributes: dict[str, Any], expected: int) -> None:
        """A count that the figures disprove gives way to one that they prove."""
        outputs = {OUT: 10, "ai.usage.outputTokens": 10}
        assert expected == usage({**outputs, **attributes}).prompt_tokens

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({OUT: 90, "gen_ai.usage.completion_tokens": 10, TOTAL: 110}, 10),
            ({OUT: 10, "gen_ai.usage.completion_tokens": 90, TOTAL: 110}, 10),
            ({OUT: 90, "gen_ai.usage.completion_tokens": 10}, 90),
        ],
    )
    def test_completion(self, attributes: dict[str, Any], expected: int) -> None:
        """The same holds for the output."""
        assert expected == usage({IN: 100, **attributes}).completion_tokens

    @pytest.mark.parametrize(
        ("prompt", "expected"),
        [(180, 100), (100, 100), (20, 100), (150, 150)],
    )
    def test_own_usage(self, prompt: int, expected: int) -> None:
        """The provider's own usage object for the same output shows where the cached part was added twice."""
        own = {"input_tokens": 20, "output_tokens": 10, "cache_read_input_tokens": 80}
        assert expected == usage({IN: prompt, OUT: 10, READ: 80, RAW: json.dumps(own)}).prompt_tokens

    def test_usage_of_one_step(self) -> None:
        """A usage object of another output is of another call: the last of several."""
        own = {"input_tokens": 20, "output_tokens": 10, "cache_read_input_tokens": 80}
        attributes = {IN: 280, OUT: 30, READ: 160, RAW: json.dumps(own)}
        assert (280, 30, 310) == counts(attributes)

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({READ: 0, "gen_ai.usage.input_tokens.cached": 80}, (100, 80, None)),
            ({READ: 80, "gen_ai.usage.input_tokens.cached": 0}, (100, 80, None)),
            (
                {READ: 70, "gen_ai.usage.cache_write.input_tokens": 0, "gen_ai.usage.cache_creation.input_tokens": 10},
                (100, 70, 10),
            ),
            ({READ: 70, "gen_ai.usage.input_tokens.cached": 60}, (100, 70, None)),
        ],
    )
    def test_cached(self, more: dict[str, Any], expected: tuple[int, int, int | None]) -> None:
        """Of two counts of the cached part the one is taken that makes the input with the uncached part."""
        found = usage({IN: 100, OUT: 10, self.DETAILS + "noCacheTokens": 20, **more})
        assert expected == (found.prompt_tokens, found.cache_read_tokens, found.cache_write_tokens)


class TestIterations:
    """Samplings inside one call of Anthropic's."""

    COMPACTION: ClassVar = {"type": "compaction", "input_tokens": 18_000, "output_tokens": 350}
    MESSAGE: ClassVar = {"type": "message", "input_tokens": 2300, "output_tokens": 100}

    def own(self, *items: dict[str, Any], **counts: Any) -> dict[str, Any]:
        """A usage object with a list of iterations."""
        return {"input_tokens": 2300, "output_tokens": 100, "iterations": list(items), **counts}

    @pytest.mark.parametrize("key", ["langfuse.observation.usage_details", RAW, "metadata.usage_object", "llm.anthropic.usage"])
    def test_sum(self, key: str) -> None:
        """All that was sampled is billed."""
        assert (20_300, 450, 20_750) == counts({key: json.dumps(self.own(self.COMPACTION, self.MESSAGE))})

    def test_number(self) -> None:
        """The call says of how many samplings it is the sum."""
        assert 2 == read({RAW: json.dumps(self.own(self.COMPACTION, self.MESSAGE))}).num_calls

    def test_several(self) -> None:
        """There can be any number of them."""
        items = [self.COMPACTION, self.MESSAGE, self.COMPACTION, self.MESSAGE]
        assert (40_600, 900) == counts({RAW: json.dumps(self.own(*items, input_tokens=4600, output_tokens=200))})[:2]

    def test_summed_form(self) -> None:
        """Counts that are the sum already stay."""
        own = self.own(self.COMPACTION, self.MESSAGE, input_tokens=20_300, output_tokens=450)
        assert (20_300, 450, 20_750) == counts({RAW: json.dumps(own)})

    def test_cached(self) -> None:
        """Each has its own cached part."""
        items = [
            {**self.COMPACTION, "cache_read_input_tokens": 9000, "cache_creation_input_tokens": 0},
            {**self.MESSAGE, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 500,
             "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 400}},
        ]  # fmt: skip
        own = self.own(*items, cache_read_input_tokens=10, cache_creation_input_tokens=500)
        found = usage({RAW: json.dumps(own)})
        assert (29_810, 450, 9010, 500, 400) == (*found[:2], *found[3:6])

    @pytest.mark.parametrize("stated", [2300, 2810, 29_810])
    def test_beside_keys(self, stated: int) -> None:
        """Keys of an emitter that knows no iterations are set right by the object, with and without the cached part."""
        items = [{**self.COMPACTION, "cache_read_input_tokens": 9000}, {**self.MESSAGE, "cache_read_input_tokens": 510}]
        own = self.own(*items, cache_read_input_tokens=510)
        outputs = 450 if stated == 29_810 else 100
        attributes = {IN: stated, OUT: outputs, READ: 9510 if stated == 29_810 else 510, RAW: json.dumps(own)}
        found = usage(attributes)
        assert (29_810, 450, 9510) == (found.prompt_tokens, found.completion_tokens, found.cache_read_tokens)

    def test_inclusive(self) -> None:
        """In an object whose input has the cached part the sum has it, too."""
        own = {"prompt_tokens": 2810, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 510},
               "iterations": [{**self.COMPACTION, "cache_read_input_tokens": 9000}, {**self.MESSAGE, "cache_read_input_tokens": 510}]}  # fmt: skip
        found = usage({"metadata.usage_object": json.dumps(own)})
        assert (29_810, 450, 9510) == (found.prompt_tokens, found.completion_tokens, found.cache_read_tokens)

    @pytest.mark.parametrize("outer", [False, True])
    def test_ai_sdk(self, *, outer: bool) -> None:
        """The AI SDK has the list inside or beside the usage, and its own counts may be the sum."""
        items = [
            {"type": "compaction", "inputTokens": 18_000, "outputTokens": 350},
            {"type": "message", "inputTokens": 2300, "outputTokens": 100},
        ]
        anthropic: dict[str, Any] = {"usage": {"input_tokens": 2300, "output_tokens": 100, "cache_read_input_tokens": 0}}
        if outer:
            anthropic["iterations"] = items
        else:
            anthropic["usage"]["iterations"] = [self.COMPACTION, self.MESSAGE]
        for prompt, completion in ((2300, 100), (20_300, 450)):
            attributes = {
                "ai.usage.inputTokens": prompt,
                "ai.usage.outputTokens": completion,
                "ai.response.providerMetadata": json.dumps({"anthropic": anthropic}),
            }
            assert (20_300, 450) == counts(attributes)[:2]

    @pytest.mark.parametrize(
        "items",
        [
            [MESSAGE, {**COMPACTION, "type": "advisor_message", "model": "claude-opus-4-8"}],
            [{**MESSAGE, "model": "claude-sonnet-4-6"}, {**COMPACTION, "model": "claude-opus-4-8"}],
        ],
    )
    def test_others(self, items: list[dict[str, Any]]) -> None:
        """Samplings of another model and declined ones are not in the sum, and their price is not known."""
        found = usage({RAW: json.dumps(self.own(*items))})
        assert (2300, 100) == found[:2]
        assert found.other_model_tokens
        prices = PriceBook({"*": {"input": 1, "output": 1}})
        models = ("claude-sonnet-4-6",)
        assert prices.cost_pusd(provider="anthropic", models=models, usage=found, at_ns=1) is None
        assert (
            prices.cost_pusd(provider="anthropic", models=models, usage=found._replace(other_model_tokens=0), at_ns=1) is not None
        )

    def test_one_model(self) -> None:
        """Samplings that all name one model are summed up."""
        items = [{**self.COMPACTION, "model": "claude-sonnet-4-6"}, {**self.MESSAGE, "model": "claude-sonnet-4-6"}]
        assert (20_300, 450, None) == (
            *counts({RAW: json.dumps(self.own(*items))})[:2],
            usage({RAW: json.dumps(self.own(*items))}).other_model_tokens,
        )

    @pytest.mark.parametrize("items", [None, 3, "x", [], [3], [None], [{}], [{"type": {}}], [{"type": "message"}], {"a": 1}])
    def test_malformed(self, items: object) -> None:
        """What is no such list says nothing."""
        own = {"input_tokens": 2300, "output_tokens": 100, "iterations": items}
        assert (2300, 100, 2400) == counts({RAW: json.dumps(own)})


class TestVersionsOfTheAiSdk:
    """Bedrock's and Anthropic's input on streams of versions without token details."""

    STREAM: ClassVar = {
        "ai.model.provider": "amazon-bedrock",
        "ai.model.id": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "ai.usage.inputTokens": 1000,
        "ai.usage.outputTokens": 50,
        "ai.usage.totalTokens": 1050,
        "ai.usage.cachedInputTokens": 300,
    }

    @pytest.mark.parametrize(
        ("agent", "expected"),
        [
            ("ai/5.0.277", 1300),
            ("shop/1.2 ai/5.0.277", 1300),
            ("ai/6.0.100", 1000),
            ("shop/1.2 ai/6.0.100 runtime/node.js/24", 1000),
            ("ai/10.1.0", 1000),
            ("openai/6.1 ai/5.0.277", 1300),
            (None, 1000),
            (7, 1000),
        ],
    )
    def test_stream(self, agent: object, expected: int) -> None:
        """The version in the headers tells; without it, as on streams, the input has the cached part, as newer versions write it."""
        more = {} if agent is None else {"ai.request.headers.user-agent": agent}
        assert expected == usage({**self.STREAM, **more}).prompt_tokens

    @pytest.mark.parametrize(("raw", "expected"), [(1000, 1300), (700, 1000)])
    def test_anthropic(self, raw: int, expected: int) -> None:
        """Anthropic's own usage proves that the input has the cached part, from 6 on; before, it had not."""
        own = {"anthropic": {"usage": {"input_tokens": raw, "cache_read_input_tokens": 300, "output_tokens": 50}}}
        attributes = {**self.STREAM, "ai.model.provider": "anthropic.messages", "ai.response.providerMetadata": json.dumps(own)}
        assert expected == usage(attributes).prompt_tokens

    @pytest.mark.parametrize(("agent", "expected"), [("ai/4", 300), ("ai/5.0.277", 300), ("ai/6.0.100", 200), (None, 300)])
    def test_no_stream(self, agent: str | None, expected: int) -> None:
        """Without a stream all versions write other keys; 4, which does not name itself, leaves the cached part out."""
        attributes = {
            "ai.model.provider": "amazon-bedrock",
            "ai.usage.promptTokens": 200,
            "ai.usage.completionTokens": 5,
            "ai.response.providerMetadata": '{"bedrock": {"usage": {"cacheWriteInputTokens": 100}}}',
            "ai.request.headers.user-agent": agent,
        }
        assert expected == usage(attributes).prompt_tokens

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"ai.usage.cachedInputTokens": 1300}, 2300),
            ({"ai.usage.totalTokens": 1350}, 1300),
            (
                {
                    "ai.response.providerMetadata": '{"anthropic": {"usage": {"input_tokens": 700, "cache_read_input_tokens": 300}}}'
                },
                1000,
            ),
        ],
    )
    @pytest.mark.parametrize("agent", ["ai/5.0.277", "ai/6.0.100", None])
    def test_proof(self, agent: str | None, more: dict[str, Any], expected: int) -> None:
        """Figures that prove it go before the version."""
        assert expected == usage({**self.STREAM, "ai.request.headers.user-agent": agent, **more}).prompt_tokens


class TestOperations:
    """Operations that are in no table."""

    @pytest.mark.parametrize(
        "operation",
        [
            "generate_live_content",
            "generate_text",
            "responses",
            "image_generation",
            "transcription",
            "speech",
            "dream_up",
            "Dream",
        ],
    )
    @pytest.mark.parametrize("more", [{IN: 1}, {"gen_ai.provider.name": "openai"}, {"gen_ai.input.messages": "[]"}])
    def test_model_is_named(self, operation: str, more: dict[str, Any]) -> None:
        """A span that names a model beside usage, messages or a provider is a model call."""
        assert Kind.MODEL is read({"gen_ai.operation.name": operation, MODEL: "m", **more}).kind

    @pytest.mark.parametrize(
        "attributes",
        [
            {},
            {MODEL: "m"},
            {IN: 1, "gen_ai.provider.name": "openai"},
            {MODEL: "", IN: 1},
            {MODEL: "m", IN: 1, "gen_ai.tool.name": "t"},
            {MODEL: "m", IN: 1, "gen_ai.agent.name": "a"},
        ],
    )
    def test_others(self, attributes: dict[str, Any]) -> None:
        """Without a model's name, and beside a tool's or an agent's, an unknown operation is none."""
        assert Kind.SPAN is read({"gen_ai.operation.name": "dream_up", **attributes}).kind

    @pytest.mark.parametrize(
        ("operation", "kind"),
        [
            ("create_agent", Kind.AGENT),
            ("invoke_agent", Kind.AGENT),
            ("execute_tool", Kind.TOOL),
            ("search_memory", Kind.SPAN),
            ("update_memory", Kind.SPAN),
            ("create_memory_store", Kind.SPAN),
            ("count_tokens", Kind.SPAN),
            ("invoke_node", Kind.SPAN),
            ("tts", Kind.SPAN),
            ("retrieval", Kind.RETRIEVER),
            ("rerank", Kind.RETRIEVER),
            ("plan", Kind.CHAIN),
        ],
    )
    def test_known(self, operation: str, kind: Kind) -> None:
        """Known operations stay what they are, whatever model is named."""
        assert kind is read({"gen_ai.operation.name": operation, MODEL: "m", IN: 1, "gen_ai.provider.name": "openai"}).kind


class TestOtherUnits:
    """Counts that are not of tokens."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({"gen_ai.system": "Cohere", MODEL: "rerank-v3.5", "llm.usage.total_tokens": 3}, None),
            ({"gen_ai.system": "aws.bedrock", MODEL: "cohere.rerank-v3-5:0", TOTAL: 3}, None),
            ({"gen_ai.system": "Cohere", MODEL: "rerank-v3.5", IN: 40, TOTAL: 40}, 40),
            ({"gen_ai.system": "voyageai", MODEL: "rerank-2.5", TOTAL: 300}, 300),
        ],
    )
    def test_reranker(self, attributes: dict[str, Any], expected: int | None) -> None:
        """A total alone is the number of searches where these are billed."""
        event = read({"llm.request.type": "rerank", **attributes})
        assert expected == (event.usage and event.usage.total_tokens)
        assert (("count_of_other_units",) if expected is None else ()) == event.ignored

    @pytest.mark.parametrize(
        ("details", "expected"),
        [
            ({"input": 400, "unit": "CHARACTERS"}, None),
            ({"input": 12, "output": 3, "total": 15, "unit": "SECONDS"}, None),
            ({"input": 12, "output": 3, "total": 15, "unit": "TOKENS"}, (12, 3, 15)),
            ({"input_characters": 400, "total": 400}, None),
            ({"input": 12, "output_images": 2, "total": 14}, (12, None, None)),
            ({"output_seconds": 0, "input": 12, "total": 12}, (12, None, 12)),
            ({"total": 12}, (None, None, 12)),
            ({"pages": 3, "total_tokens": 12}, (None, None, 12)),
        ],
    )
    def test_details(self, details: dict[str, Any], expected: tuple[int, int, int] | None) -> None:
        """Characters, seconds, images and pages are no tokens, nor is a sum that has them in it."""
        found = read({"langfuse.observation.usage_details": json.dumps(details)}).usage
        assert expected == (found and found[:3])


class TestKeys:
    """Keys of usage that conventions have."""

    AUDIO: ClassVar = {IN: 1000, OUT: 100, "gen_ai.usage.audio.input_tokens": 800, READ: 600}

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"gen_ai.usage.cache_read.audio_tokens": 500}, 500),
            ({"gen_ai.usage.audio.cache_read.input_tokens": 500}, 500),
            ({"gen_ai.usage.text.cache_read.input_tokens": 600}, 0),
            ({"gen_ai.usage.text.cache_read.input_tokens": 500}, None),
            ({"gen_ai.usage.text.cache_read.input_tokens": 100, "gen_ai.usage.cache_read.audio_tokens": 500}, 500),
            ({}, None),
        ],
    )
    def test_cached_audio(self, more: dict[str, Any], expected: int | None) -> None:
        """Audio read from a cache has several names; where all that was read is text, there was none."""
        assert expected == usage({**self.AUDIO, **more}).audio_cache_read_tokens

    @pytest.mark.parametrize(
        ("key", "field"),
        [
            ("gen_ai.usage.input_cached_tokens", "cache_read_tokens"),
            ("gen_ai.usage.input_cache_read", "cache_read_tokens"),
            ("gen_ai.usage.input_tokens_details.cached_tokens", "cache_read_tokens"),
            ("gen_ai.usage.cached_content_token_count", "cache_read_tokens"),
            ("llm.usage.cache_read_input_tokens", "cache_read_tokens"),
            ("gen_ai.usage.input_cache_creation", "cache_write_tokens"),
            ("gen_ai.usage.input_cache_creation_5m", "cache_write_tokens"),
            ("gen_ai.usage.output_reasoning_tokens", "reasoning_tokens"),
            ("gen_ai.usage.thoughts_token_count", "reasoning_tokens"),
            ("gen_ai.usage.audio_input_tokens", "audio_prompt_tokens"),
            ("gen_ai.usage.audio_output_tokens", "audio_completion_tokens"),
        ],
    )
    def test_names_of_usage_objects(self, key: str, field: str) -> None:
        """The names of usage objects are known as attributes, too."""
        assert 7 == getattr(usage({IN: 100, OUT: 50, key: 7}), field)


_NAMES = st.sampled_from(
    ["prompt_tokens", "input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
     "reasoning_tokens", "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount",
     "totalTokenCount", "promptTokensDetails", "iterations", "input", "output", "total", "unit", "type", "modality", "tokenCount"]
)  # fmt: skip
_COUNTS = st.one_of(st.integers(-1, 300), st.sampled_from(["7", "x", None, True, 1.5, 1e300, "AUDIO", "compaction", 10**30]))
_OBJECTS = st.recursive(
    _COUNTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=20,
)


class TestWhatever:
    """Usage objects of any content."""

    @given(
        own=st.dictionaries(_NAMES, _OBJECTS, max_size=8),
        keys=st.dictionaries(st.sampled_from([IN, OUT, TOTAL, READ, REASONING, TOOLS]), _COUNTS, max_size=6),
        gemini=st.booleans(),
    )
    def test_counts(self, own: dict[str, Any], keys: dict[str, Any], *, gemini: bool) -> None:
        """Counts are whole, not negative, and their sum is not more than the total."""
        for key in (RAW, "langfuse.observation.usage_details", "metadata.usage_object"):
            found = read({**(GEMINI if gemini else {}), **keys, key: json.dumps(own)}).usage
            if found is not None:
                assert all(value is None or (type(value) is int and value >= 0) for value in found)
                known = (found.prompt_tokens or 0) + (found.completion_tokens or 0)
                has_both = found.prompt_tokens is not None and found.completion_tokens is not None
                assert (found.total_tokens is None and not has_both) or (found.total_tokens or 0) >= known


class TestZeros:
    """Zeros beside figures of the same thing."""

    OLD: ClassVar = {"gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 10}
    OTHER: ClassVar = {"llm.token_count.prompt": 0, "llm.token_count.completion": 0, "llm.token_count.total": 0}

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({IN: 0, OUT: 0, **OLD}, (100, 10, 110)),
            ({IN: 0, OUT: 0, TOTAL: 110, **OLD}, (100, 10, 110)),
            ({IN: 0, OUT: 12, **OLD}, (0, 12, 12)),
            ({**OTHER, IN: 100, OUT: 10}, (100, 10, 110)),
            ({**OTHER, IN: 100, OUT: 10, TOTAL: 110}, (100, 10, 110)),
            ({**OTHER, IN: 0, OUT: 0}, (0, 0, 0)),
            ({IN: 0, OUT: 0}, (0, 0, 0)),
        ],
    )  # fmt: skip
    def test_figures_beat_zeros(self, attributes: dict[str, Any], expected: tuple[int, int, int]) -> None:
        """A figure by another name or of another convention is taken; zeros alone are a value."""
        assert expected == counts(attributes)


class TestRealtime:
    """OpenAI's realtime API has names of its own for the parts."""

    DETAILS: ClassVar = {
        "input_token_details": {
            "audio_tokens": 800,
            "text_tokens": 200,
            "cached_tokens": 600,
            "cached_tokens_details": {"audio_tokens": 500, "text_tokens": 100},
        },
        "output_token_details": {"text_tokens": 20, "audio_tokens": 80},
    }
    OWN: ClassVar = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100, **DETAILS}

    @pytest.mark.parametrize(
        "attributes",
        [
            {RAW: json.dumps(OWN)},
            {IN: 1000, OUT: 100, "lk.realtime_model_metrics": json.dumps(OWN), "gen_ai.usage.input_cached_tokens": 600},
            {
                IN: 1000,
                OUT: 100,
                "gen_ai.usage.input_token_details.audio_tokens": 800,
                "gen_ai.usage.input_token_details.cached_tokens": 600,
                "gen_ai.usage.input_token_details.cached_tokens_details.audio_tokens": 500,
                "gen_ai.usage.output_token_details.audio_tokens": 80,
            },
        ],
    )
    def test_parts(self, attributes: dict[str, Any]) -> None:
        """All that the price depends on is read: text, audio, and of both what was cached."""
        span = {MODEL: "gpt-realtime", "gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", **attributes}
        root = replay({"spans": [{"id": "a", "parent": None, "name": "a", "attributes": span}]})
        assert root.attributes is not None
        assert 600 == root.attributes["metadata.cache_read_tokens"]
        assert pytest.approx(0.01568, abs=1e-12) == root.attributes["metadata.cost"]


class TestUsageEvents:
    """AG2's spans of usage events: some repeat what other spans state."""

    SCOPE = "opentelemetry.instrumentation.ag2"

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("model_call", (Kind.SPAN, None)),
            ("subtask", (Kind.SPAN, None)),
            ("compaction", (Kind.MODEL, 1060)),
            ("aggregation", (Kind.MODEL, 1060)),
        ],
    )
    def test_kinds(self, kind: str, expected: tuple[Kind, int | None]) -> None:
        """Summaries and memories are told of by nothing else; Anthropic's input excludes the cached part."""
        attributes = {
            "ag2.span.type": "usage",
            "ag2.usage.kind": kind,
            "gen_ai.response.model": "claude-sonnet-4-5",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.usage.cache_read_input_tokens": 60,
            "ag2.usage.total_tokens": 1100,
            IN: 1000,
            OUT: 100,
        }
        found = read(attributes, self.SCOPE)
        assert expected == (found.kind, found.usage and found.usage.prompt_tokens)
        bare = without_content(SpanData("call", 1, 1, 0, "INTERNAL", self.SCOPE, "", 0, 1, attributes))
        assert found == reading.read(bare)

    def test_thoughts(self) -> None:
        """Gemini's thoughts are beside its output, those of others are in it."""
        thoughts = {IN: 1000, OUT: 100, "gen_ai.usage.thinking_tokens": 35}
        assert (1000, 135, 1135) == counts({**thoughts, **GEMINI}, self.SCOPE)
        assert (1000, 100, 1100) == counts({**thoughts, MODEL: "gpt-5-mini"}, self.SCOPE)


class TestStreamsThatAreLost:
    """Streams of Anthropic's that end before their last figures: the first one says nothing of the output."""

    RAW: ClassVar = {RAW: '{"input_tokens":1046,"cache_read_input_tokens":60,"cache_creation_input_tokens":20,"output_tokens":1}'}
    SAID = '[{"role":"assistant","parts":[{"type":"text","content":"It is"}]%s}]'

    @pytest.mark.parametrize(
        ("scope", "version", "attributes", "end"),
        [
            (
                "openinference.instrumentation.anthropic",
                "3.1.0",
                {"llm.token_count.prompt": 1126, "llm.token_count.completion": 1, "llm.token_count.total": 1127},
                {"llm.finish_reason": "end_turn"},
            ),
            (
                "opentelemetry.instrumentation.genai.anthropic",
                "1.3b0",
                {IN: 1126, OUT: 1},
                {"gen_ai.response.finish_reasons": ("stop",)},
            ),
            (
                "logfire.anthropic",
                "5.2.0",
                {IN: 1126, OUT: 1, "duration": 0.3, "gen_ai.output.messages": SAID % "", **RAW},
                {"gen_ai.output.messages": SAID % ',"finish_reason":"end_turn"'},
            ),
        ],
    )
    def test_first_figure(self, scope: str, version: str, attributes: dict[str, Any], end: dict[str, Any]) -> None:
        """Without a reason why the answer ended, its output is unknown; with one, an output of one token is one."""
        attributes = {**attributes, "gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-5"}
        lost, whole = (read(found, scope, version) for found in (attributes, {**attributes, **end}))
        assert lost.usage is not None
        assert whole.usage is not None
        assert (1126, None, None) == lost.usage[:3]
        assert (1126, 1, 1127) == whole.usage[:3]
        bare = without_content(SpanData("call", 1, 1, 0, "CLIENT", scope, version, 0, 1, attributes))
        assert lost.usage == reading.read(bare).usage

    def test_later_figure(self) -> None:
        """An output that is larger than a first figure is kept."""
        assert (1126, 9, 1135) == counts({IN: 1126, OUT: 9}, "opentelemetry.instrumentation.genai.anthropic")


class TestAnthropicAnswers:
    """OpenInference writes Anthropic's whole answer beside counts that know nothing of some of its parts."""

    SCOPE: ClassVar = "openinference.instrumentation.anthropic"
    OWN: ClassVar = {"input_tokens": 20, "output_tokens": 10, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 500}
    COUNTS: ClassVar = {
        "llm.token_count.prompt": 1520,
        "llm.token_count.completion": 10,
        "llm.token_count.prompt_details.cache_read": 1000,
        "llm.token_count.prompt_details.cache_write": 500,
    }

    def _cost(self, usage: dict[str, Any]) -> object:
        span = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "claude-sonnet-4-5",
            "llm.provider": "anthropic",
            "output.value": json.dumps({"usage": {**self.OWN, **usage}}),
            **self.COUNTS,
        }
        root = replay({"spans": [{"id": "a", "parent": None, "name": "a", "scope": self.SCOPE, "attributes": span}]})
        assert root.attributes is not None
        return root.attributes["metadata.cost"]

    def test_kept_for_an_hour(self) -> None:
        """What was written to the cache for an hour has its own price."""
        written = {"cache_creation": {"ephemeral_1h_input_tokens": 500, "ephemeral_5m_input_tokens": 0}}
        assert pytest.approx(0.00351, abs=1e-12) == self._cost(written)
        assert pytest.approx(0.002385, abs=1e-12) == self._cost({})

    def test_searches(self) -> None:
        """Searches are billed on top."""
        assert pytest.approx(0.022385, abs=1e-12) == self._cost({"server_tool_use": {"web_search_requests": 2}})

    def test_iterations(self) -> None:
        """Samplings that the counts leave out are added."""
        own = {
            "input_tokens": 2300,
            "output_tokens": 100,
            "iterations": [
                {"type": "compaction", "input_tokens": 18000, "output_tokens": 350},
                {"type": "message", "input_tokens": 2300, "output_tokens": 100},
            ],
        }
        keys = {"llm.token_count.prompt": 2300, "llm.token_count.completion": 100, "llm.token_count.total": 2400}
        assert (20300, 450, 20750) == counts({**keys, "output.value": json.dumps({"usage": own})}, self.SCOPE)


class TestNames:
    """Further names that emitters write."""

    @pytest.mark.parametrize("scope", ["", "com.anthropic.claude_code.tracing"])
    def test_anthropic(self, scope: str) -> None:
        """Anthropic's own names without a prefix mean what they mean in its answers."""
        own = {"model": "claude-sonnet-4-5", "input_tokens": 2, "output_tokens": 100}
        cached = {"cache_read_input_tokens": 84562, "cache_creation_input_tokens": 7096}
        assert (91660, 100, 91760) == counts({**own, **cached}, scope)

    def test_adk_camel_case(self) -> None:
        """Google ADK's answer may have the names of the API."""
        own = {"promptTokenCount": 40, "candidatesTokenCount": 80, "toolUsePromptTokenCount": 120, "totalTokenCount": 240}
        response = {"gcp.vertex.agent.llm_response": json.dumps({"usageMetadata": own}), **GEMINI}
        assert (160, 80, 240) == counts(response, "gcp.vertex.agent")

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({"gen_ai.response.prompt_tokens": 10, "gen_ai.response.completion_tokens": 5}, (10, 5, 15)),
            ({IN: 10, OUT: 5, "gen_ai.usage.thoughts_tokens": 9}, (10, 14, 24)),
            ({IN: 10, OUT: 5, "gen_ai.usage.reasoning_output_tokens": 9}, (10, 14, 24)),
            ({"llm.token_count.prompt": 10, "llm.token_count.completion": 5,
              "llm.token_count.prompt_details.cache_creation": 20}, (30, 5, 35)),
        ],
    )  # fmt: skip
    def test_others(self, attributes: dict[str, Any], expected: tuple[int, int, int]) -> None:
        """Each is read."""
        assert expected == counts(attributes)

    def test_traceloop_gemini(self) -> None:
        """Beside stated thoughts, what a total of Gemini's has beyond them is input of its tools."""
        attributes = {"gen_ai.system": "Google", **GEMINI, IN: 40, OUT: 80, "llm.usage.total_tokens": 270, REASONING: 30}
        assert (160, 110, 270) == counts(attributes, "opentelemetry.instrumentation.google_generativeai")


class TestSearchUnits:
    """Rerankers that bill searches."""

    @pytest.mark.parametrize(
        "attributes",
        [
            {"gen_ai.operation.name": "rerank", MODEL: "rerank-v3.5", IN: 0, OUT: 0, TOTAL: 2},
            {"openinference.span.kind": "RERANKER", "reranker.model_name": "rerank-v3.5", "llm.token_count.total": 3},
        ],
    )
    def test_no_tokens(self, attributes: dict[str, Any]) -> None:
        """A total without a prompt counts searches, also beside zeros and where only the reranker's own key names the model."""
        assert read(attributes).usage is None
