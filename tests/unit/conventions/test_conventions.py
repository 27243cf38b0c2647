"""What attributes mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from otel_session_agg._model.span import Kind, Reading, SpanData, SpanEvent, Usage
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.emitters import united, version_tuple
from otel_session_agg._reading.index import _LISTS, _RANKED, MAX_SILENT, Index
from otel_session_agg._reading.objects import MAX_TEXT_CHARS
from otel_session_agg._reading.plan import MAX_PLAN_KEYS, MAX_PLANS, MAX_SCOPE_CHARS, MAX_SCOPES, Scope
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._precedence import SESSIONS, WEAK_SESSIONS
from otel_session_agg.conventions._schema import Convention, Effect, Emitter, Meaning
from tests.support.replay import replay

IN, OUT, TOTAL = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.total_tokens"
READ, WRITE = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"
BEDROCK = "opentelemetry.instrumentation.botocore.bedrock-runtime"


def read(attributes: dict[str, Any], scope: str = "", version: str = "", name: str = "span", **rest: Any) -> Reading:
    """What a span with these attributes says."""
    return reading.read(SpanData(name, 1, 1, 0, "INTERNAL", scope, version, 0, 1, attributes, **rest))


def usage(attributes: dict[str, Any], scope: str = "", version: str = "") -> Usage:
    """The usage of a span that states one."""
    found = read(attributes, scope, version).usage
    assert found is not None
    return found


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "prompt": lambda event: event.usage and event.usage.prompt_tokens == 7,
    "completion": lambda event: event.usage and event.usage.completion_tokens == 7,
    "total": lambda event: event.usage and event.usage.total_tokens == 7,
    "cache_read": lambda event: event.usage.cache_read_tokens == 7,
    "cache_write": lambda event: event.usage.cache_write_tokens == 7,
    "cache_write_5m": lambda event: event.usage.cache_write_tokens == 7,
    "cache_write_1h": lambda event: (event.usage.cache_write_tokens, event.usage.cache_write_1h_tokens) == (7, 7),
    "reasoning": lambda event: event.usage.reasoning_tokens == 7,
    "audio_prompt": lambda event: event.usage.audio_prompt_tokens == 7,
    "audio_completion": lambda event: event.usage.audio_completion_tokens == 7,
    "audio_cache_read": lambda event: event.usage.audio_cache_read_tokens == 7,
    "image_prompt": lambda event: event.usage.image_prompt_tokens == 7,
    "image_completion": lambda event: event.usage.image_completion_tokens == 7,
    "web_searches": lambda event: event.usage.web_searches == 7,
    "cost": lambda event: event.recorded_pusd == 7 * 10**12,
    "cost_parts": lambda event: event.recorded_pusd == 7 * 10**12,
    "response_model": lambda event: event.response_model == "7",
    "request_model": lambda event: event.request_model == "7",
    "provider": lambda event: event.provider == "7",
    "response_id": lambda event: event.response_id == "7",
    "service_tier": lambda event: event.service_tier == "7",
    "server_address": lambda event: event.server_address == "7",
    "session": lambda event: event.session_id == "7",
    "user": lambda event: event.user_id == "7",
    "metadata": lambda event: event.metadata == "7",
    "output": lambda event: event.output == "7",
    "answer": lambda event: event.shows_answer == (event.error is not None),
    "error_type": lambda event: event.error == "7",
    "feedback": lambda event: event.has_feedback,
    "agent_name": lambda event: event.agent_name == "7",
}
"""How it shows that the value 7 of a key was read as this field."""
_PARTS = ("cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "reasoning", "audio_prompt", "audio_completion",
          "audio_cache_read", "image_prompt", "image_completion", "web_searches")  # fmt: skip
_OTHER_FIELDS = {
    "uncached",
    "tool_prompt",
    "text_cache_read",
    "exclusive",
    "cost_text",
    "cost_currency",
    "cache_hit",
    "content",
    "tool",
    "agent",
}
_OF_TOOLS = {"tool_name", "entity_name"}
_OF_CHAINS = {"chain_agent"}
_INDIRECT = [
    pytest.param(field, key, id=f"{table.name}-{field}-{key}")
    for table in CONVENTIONS
    for field in sorted(_OTHER_FIELDS)
    for key in getattr(table, field)
]


class TestOpenAIRequests:
    """OpenInference's instrumentation of ``openai``: every request is a span of kind LLM."""

    SCOPE = "openinference.instrumentation.openai"

    @staticmethod
    def span(name: str, given: str, answer: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A span as 0.1.66 writes it."""
        attributes = {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.invocation_parameters": given,
            "output.value": json.dumps(answer, separators=(",", ":")),
            **more,
        }
        return {"name": name, "id": str(len(name) + len(given) + len(more)), "parent": None, "attributes": attributes}

    def kind(self, name: str, given: str, scope: str = SCOPE, **more: Any) -> Kind:
        """The kind of a span."""
        return read(self.span(name, given, {"id": "x"}, **more)["attributes"], scope, "0.1.66", name).kind

    @pytest.mark.parametrize(
        ("name", "given"),
        [
            ("SyncPage[Model]", "{}"),
            ("SyncPage[VectorStoreSearchResponse]", '{"query": "x", "max_num_results": 5}'),
            ("FileObject", '{"purpose": "batch"}'),
            ("Batch", '{"completion_window": "24h", "endpoint": "/v1/responses", "input_file_id": "f"}'),
            ("VectorStore", '{"name": "x"}'),
            ("Conversation", "{}"),
            ("InputTokenCountResponse", '{"model": "gpt-4o", "input": "hi"}'),
            ("ModerationCreateResponse", '{"model": "omni-moderation-latest", "input": "x"}'),
        ],
    )
    def test_other_requests(self, name: str, given: str) -> None:
        """What asks no model for an answer is no call."""
        assert self.kind(name, given) is Kind.SPAN

    @pytest.mark.parametrize(
        ("name", "given", "more"),
        [
            ("ChatCompletion", '{"model": "gpt-4o"}', {}),
            ("Response", '{"prompt": {"id": "pmpt_1"}}', {}),
            ("Response", '{"model": "gpt-4o", "background": true}', {"llm.model_name": "gpt-4o"}),
            ("Response", "{}", {"llm.token_count.prompt": 5}),
            ("ImagesResponse", '{"prompt": "a cat"}', {}),
            ("Run", '{"assistant_id": "a"}', {}),
            ("NewAnswer", '{"tools": [], "model": "gpt-9"}', {}),
        ],
    )
    def test_calls(self, name: str, given: str, more: dict[str, Any]) -> None:
        """What asks a model stays a call, also when it states no figures: its cost is unknown."""
        assert self.kind(name, given, **more) is Kind.MODEL

    def test_other_instrumentation(self) -> None:
        """The rows are not for the Agents SDK, whose scope begins alike."""
        assert self.kind("response", "{}", "openinference.instrumentation.openai_agents") is Kind.MODEL

    @pytest.mark.parametrize("num_reads", [1, 3])
    def test_background(self, num_reads: int) -> None:
        """A response in the background, asked for until it is there and read again, is one call."""
        answer = {"id": "resp_1", "model": "gpt-4o", "status": "queued"}
        counts = {"llm.token_count.prompt": 1000, "llm.token_count.completion": 100, "llm.token_count.total": 1100}
        named = {"llm.model_name": "gpt-4o"}
        spans = [self.span("Response", '{"model": "gpt-4o", "background": true}', answer, **named)]
        spans += [self.span("Response", "{}", answer, **named) for _ in range(5)]
        spans += [self.span("Response", "{}", answer, **named, **counts) for _ in range(num_reads)]
        for number, span in enumerate(spans):
            span |= {"id": f"s{number}", "parent": "root", "scope": self.SCOPE}
        root: dict[str, Any] = {"name": "app", "id": "root", "parent": None, "attributes": {}}
        found = dict(replay({"spans": [*spans, root]}).attributes or {})
        names = ("num_model_events", "prompt_tokens", "completion_tokens", "cost", "num_unpriced_events")
        assert [1, 1000, 100, 0.0035, None] == [found.get(f"metadata.{name}") for name in names]


class TestAnthropicCounting:
    """The span of Anthropic's SDK for counting the tokens of a prompt."""

    ATTRIBUTES: ClassVar = {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "http.route": "/v1/messages/count_tokens",
        "anthropic.message.count_tokens.input_tokens": 777,
    }

    @pytest.mark.parametrize(
        ("name", "expected"), [("anthropic.messages.count_tokens", Kind.SPAN), ("anthropic.messages.create", Kind.MODEL)]
    )
    def test_kind(self, name: str, expected: Kind) -> None:
        """It is no call; one that creates a message is, also when it states no operation."""
        found = read(self.ATTRIBUTES, "com.anthropic.sdk.python", "2.14.0", name)
        assert (expected, None) == (found.kind, found.usage)


class TestSearchesOfLangChain:
    """Searches of the provider's own tool, in the message that OpenInference writes."""

    ANTHROPIC: ClassVar = {
        "response_metadata": {
            "usage": {
                "input_tokens": 1000, "output_tokens": 100, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 20,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 0},
                "server_tool_use": {"web_search_requests": 2},
            }
        },
        "content": "hi",
    }  # fmt: skip
    OPENAI: ClassVar = {
        "content": [
            {"id": "ws_0", "action": {"type": "search", "query": "x"}, "type": "web_search_call"},
            {"id": "ws_1", "action": {"type": "open_page", "url": "x"}, "type": "web_search_call"},
            {"id": "ws_2", "action": {"type": "search", "query": "y"}, "type": "web_search_call"},
            {"type": "text", "text": "hi"},
        ]
    }

    @pytest.mark.parametrize("message", [ANTHROPIC, OPENAI])
    @pytest.mark.parametrize(
        "scope", ["openinference.instrumentation.langchain", "@arizeai/openinference-instrumentation-langchain"]
    )
    def test_counted(self, scope: str, message: dict[str, Any]) -> None:
        """They are counted, and change nothing in the tokens."""
        output = {"generations": [[{"text": "hi", "message": {"lc": 1, "kwargs": message}}]], "llm_output": None}
        attributes = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "m",
            "llm.token_count.prompt": 1080,
            "llm.token_count.completion": 100,
            "llm.token_count.total": 1180,
            "output.value": json.dumps(output),
        }
        found = usage(attributes, scope)
        assert (1080, 100, 1180, 2) == (*found[:3], found.web_searches)


class TestOutputType:
    """What an answer is said to consist of."""

    DRAWN: ClassVar = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gemini",
        "gen_ai.request.model": "gemini-2.5-flash-image",
        "gen_ai.output.type": "text",
        IN: 1000,
        OUT: 1290,
    }

    @pytest.mark.parametrize(("scope", "expected"), [("openlit.instrumentation.google_ai_studio", None), ("app", 0.003525)])
    def test_images(self, scope: str, expected: float | None) -> None:
        """OpenLIT says "text" of images, too: their price is twelve times that of text, so the cost is unknown."""
        spans = [
            {"name": "call", "id": "a", "parent": "root", "scope": scope, "attributes": self.DRAWN},
            {"name": "app", "id": "root", "parent": None, "attributes": {}},
        ]
        found = dict(replay({"spans": spans}).attributes or {})
        assert (expected, 2290) == (found.get("metadata.cost"), found["metadata.total_tokens"])


class TestGeminiWithTools:
    """OpenLLMetry's spans of Gemini: a total with thoughts, or with the input of Google's own tools."""

    SCOPE = "opentelemetry.instrumentation.google_generativeai"
    COUNTS: ClassVar = {IN: 1000, OUT: 100, TOTAL: 1400}

    @pytest.mark.parametrize(
        ("tools", "expected"),
        [
            (None, (1000, 400, 1400)),
            ('[{"function_declarations": [{"name": "google", "description": "as url_context"}]}]', (1000, 400, 1400)),
            ('[{"google_search": {}}]', (1000, 100, 1400)),
            ('[{"function_declarations": [{"name": "f"}]}, {"code_execution": {}}]', (1000, 100, 1400)),
        ],
    )
    def test_rest(self, tools: str | None, expected: tuple[int, int, int]) -> None:
        """With such a tool nobody knows whether the rest is input or output, so that it is neither."""
        more = {} if tools is None else {"gen_ai.tool.definitions": tools}
        more |= {"gen_ai.provider.name": "gcp.gen_ai", "gen_ai.request.model": "gemini-2.5-flash"}
        assert expected == usage({**self.COUNTS, **more}, self.SCOPE, "0.62.4")[:3]

    def test_better_teller(self) -> None:
        """Another report of the same call, which knows, has the figures."""
        call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gemini-2.5-flash"}
        blind = {**call, **self.COUNTS, "gen_ai.tool.definitions": '[{"google_search": {}}]'}
        spans: list[dict[str, Any]] = [
            {"name": "a", "id": "a", "parent": "root", "scope": "other", "attributes": {**call, IN: 1300, OUT: 100, TOTAL: 1400}},
            {"name": "b", "id": "b", "parent": "a", "scope": self.SCOPE, "attributes": blind},
            {"name": "app", "id": "root", "parent": None, "attributes": {}},
        ]
        for parent in ("a", "root"):
            spans[1]["parent"] = parent
            found = dict(replay({"spans": spans}).attributes or {})
            names = ("num_model_events", "prompt_tokens", "completion_tokens", "cost")
            assert [1, 1300, 100, 0.00064] == [found.get(f"metadata.{name}") for name in names]


class TestStrandsTranslated:
    """Strands' spans that OpenInference has translated in place."""

    CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    FLAT_READ, FLAT_WRITE = "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_write_input_tokens"

    @pytest.mark.parametrize("version", ["0.1.2", "0.1.3", "0.1.12"])
    @pytest.mark.parametrize("is_inclusive", [False, True])
    def test_cached(self, version: str, *, is_inclusive: bool) -> None:
        """Whichever of the two is newer, the cached part counts once: only Strands' own counts are read."""
        own = {IN: 1200 if is_inclusive else 1120, OUT: 250, TOTAL: 1450, self.FLAT_READ: 60, self.FLAT_WRITE: 20}
        own |= {READ: 60, WRITE: 20} if is_inclusive else {}
        added = 0 if version == "0.1.2" else 80
        translated: dict[str, Any] = {
            "openinference.span.kind": "LLM",
            "llm.model_name": self.CLAUDE,
            "llm.token_count.prompt": own[IN] + added,
            "llm.token_count.completion": 250,
            "llm.token_count.total": 1450,
            "metadata": json.dumps(own),
        }
        if added:
            translated |= {"llm.token_count.prompt_details.cache_read": 60, "llm.token_count.prompt_details.cache_write": 20}
        if version == "0.1.12":
            translated |= own
        found = usage(translated, "strands.telemetry.tracer")
        assert (1200, 250, 1450, 60, 20) == (*found[:3], found.cache_read_tokens, found.cache_write_tokens)

    def test_metadata_of_others(self) -> None:
        """Metadata of the application says nothing of tokens."""
        own = {IN: 1200, OUT: 250, READ: 60, "metadata": json.dumps({"gen_ai.usage.input_tokens": 9, "plan": "pro"})}
        assert (1200, 250, 1450) == usage(own, "strands.telemetry.tracer")[:3]


class TestEveryKey:
    """Every key of every table is read as what its table says."""

    def test_fields(self) -> None:
        """No list of keys is left out here."""
        assert {name for name, *_ in (*_LISTS, *_RANKED)} == _FIELDS.keys() | _OTHER_FIELDS | _OF_TOOLS | _OF_CHAINS

    @pytest.mark.parametrize("field", _FIELDS)
    def test_read(self, field: str) -> None:
        """A value under a key arrives in its field."""
        keys = [key for table in CONVENTIONS for key in getattr(table, field)]
        assert [] == [key for key in keys if not _FIELDS[field](read(self._attributes(field, key)))]

    @staticmethod
    def _attributes(field: str, key: str) -> dict[str, Any]:
        attributes: dict[str, Any] = {"langfuse.observation.type": "generation"}
        if field in _PARTS:
            attributes |= {"llm.token_count.prompt": 100, "llm.token_count.completion": 100}
        is_text = field in {"output", "metadata"} and not key.startswith("openai.response")
        return {**attributes, key: "7" if is_text else 7}

    @pytest.mark.parametrize(
        "key", [key for table in CONVENTIONS for field in sorted(_OF_TOOLS) for key in getattr(table, field)]
    )
    def test_names_of_tools(self, key: str) -> None:
        """A key of a name is read on the spans of tools."""
        assert "x" == read({"openinference.span.kind": "tool", key: "x"}).tool_name

    @pytest.mark.parametrize("table", [table for table in CONVENTIONS if table.chain_agent], ids=lambda table: table.name)
    def test_agents_of_chains(self, table: Convention) -> None:
        """A key that is read on chains is read on calls, too."""
        assert set(table.chain_agent) <= set(table.agent_name)

    @pytest.mark.parametrize(("field", "key"), _INDIRECT)
    def test_read_indirectly(self, field: str, key: str) -> None:
        """A key that only bears on other values does so."""
        tokens = {"llm.token_count.prompt": 100, "llm.token_count.completion": 1}
        if field == "uncached":
            assert (
                130
                == usage({"ai.usage.inputTokens": 100, "ai.usage.inputTokenDetails.cacheReadTokens": 30, key: 100}).prompt_tokens
            )
        elif field == "text_cache_read":
            assert 0 == usage({**tokens, "llm.token_count.prompt_details.cache_read": 30, key: 30}).audio_cache_read_tokens
        elif field == "tool_prompt":
            assert 130 == usage({**tokens, key: 30}).prompt_tokens
        elif field == "exclusive":
            cached = {**tokens, "llm.token_count.prompt_details.cache_read": 30}
            assert [100, 130] == [usage({**cached, key: flag}).prompt_tokens for flag in (False, True)]
        elif field == "cost_text":
            assert 7 * 10**12 == read({key: json.dumps({"total": 7})}).recorded_pusd
        elif field == "cost_currency":
            assert [5 * 10**12, None] == [read({"llm.cost.total": 5, key: currency}).recorded_pusd for currency in ("USD", "EUR")]
        elif field == "cache_hit":
            assert [None, 0] == [read({"llm.cost.total": 0, key: hit}).recorded_pusd for hit in (False, True)]
        elif field == "content":
            assert Kind.MODEL is read({"gen_ai.request.model": "m", key: "x"}).kind
        elif field == "tool":
            assert Kind.TOOL is read({key: "x"}).kind
        else:
            assert [Kind.MODEL, Kind.AGENT] == [
                read({"gen_ai.request.model": "m", **tokens, **more}).kind for more in ({}, {key: "x"})
            ]

    @pytest.mark.parametrize("key", sorted({kinds.key for table in CONVENTIONS for kinds in table.kinds}))
    def test_kinds(self, key: str) -> None:
        """Every value of every kind key decides, whatever its case."""
        kinds: dict[str, set[Kind]] = {}
        for of_key in (of_key for table in CONVENTIONS for of_key in table.kinds if of_key.key == key):
            for value, kind in of_key.values.items():
                kinds.setdefault(value, set()).add(kind)
        read_as = {value: (read({key: value}).kind, read({key: value.upper()}).kind) for value in kinds}
        assert {} == {value: pair for value, pair in read_as.items() if pair[0] is not pair[1] or pair[0] not in kinds[value]}

    @pytest.mark.parametrize(
        ("name", "scopes", "kind", "need_usage"),
        [
            pytest.param(name, row.scopes, kind, row.need_usage, id=f"{table.name}-{name}-{row.scopes}")
            for table in CONVENTIONS
            for row in table.spans
            for name, kind in row.names.items()
        ],
    )
    def test_named_spans(self, name: str, scopes: tuple[str, ...], kind: Kind, *, need_usage: bool) -> None:
        """Every span that is known by its name is known; some have to state usage, too."""
        full, scope = f"Some{name}" if name.startswith(".") else name, scopes[0] if scopes else "any"
        assert (Kind.SPAN if need_usage else kind) is read({"x": 1}, scope=scope, name=full).kind
        assert kind is read({"gen_ai.usage.input_tokens": 1}, scope=scope, name=full).kind

    @pytest.mark.parametrize(
        "text",
        [text for table in CONVENTIONS for text in table.texts if text.shape not in {"searches", "grounding"}],
        ids=lambda text: text.key,
    )
    def test_texts(self, text: Any) -> None:
        """Every usage text is read, where its table says it stands."""
        value: Any = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
        if text.hint:
            value[text.hint.strip('"')] = 0
        if text.within:
            value, expected = {"cache_read": 3, "reasoning": 3}, None
        else:
            expected = (11, 7)
        if text.search:
            value = {"replies": [{"meta": {text.search: value}}]}
        for key in reversed(text.path):
            value = {key: value}
        if text.shape == "genai":
            value = {f"gen_ai.usage.{name}": count for name, count in value.items()}
        if text.shape == "provider_metadata":
            value = {"openai": {"usage": value}}
        attributes = {text.key: json.dumps({**value, "said": text.hint} if text.hint else value)}
        if expected is None:
            found = usage({**attributes, IN: 11, OUT: 7})
            assert 3 in {found.cache_read_tokens, found.reasoning_tokens}
        else:
            found = usage(attributes, scope=text.scopes[0] if text.scopes else "")
            assert expected == (found.prompt_tokens, found.completion_tokens)


class TestInclusive:
    """Whether the input count has its cached part in it, and by which proof."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({IN: 100, OUT: 5, READ: 30}, 100),
            ({IN: 100, OUT: 5, READ: 30, "ai.usage.inputTokenDetails.noCacheTokens": 70}, 100),
            ({IN: 100, OUT: 5, READ: 30, "ai.usage.inputTokenDetails.noCacheTokens": 100}, 130),
            ({IN: 20, OUT: 5, READ: 30}, 50),
            ({IN: 20, OUT: 5, READ: 15, WRITE: 15}, 50),
            ({IN: 100, OUT: 5, TOTAL: 135, READ: 30}, 130),
            ({IN: 100, OUT: 5, TOTAL: 155, READ: 30, WRITE: 20}, 150),
            ({IN: 100, OUT: 5, TOTAL: 125, WRITE: 20}, 120),
            ({IN: 100, OUT: 5, TOTAL: 105, READ: 30}, 100),
            ({IN: 100, OUT: 5, READ: 30, "$ai_cache_reporting_exclusive": True}, 130),
            ({IN: 100, OUT: 5, READ: 30, "$ai_cache_reporting_exclusive": "false"}, 100),
            ({IN: 100, OUT: 5, READ: 30, "$ai_cache_reporting_exclusive": "maybe"}, 100),
            ({IN: 0, OUT: 5, READ: 0}, 0),
        ],
    )
    def test_figures(self, attributes: dict[str, Any], expected: int) -> None:
        """The figures prove it, or a flag says it, or it is included."""
        assert expected == usage(attributes).prompt_tokens

    @pytest.mark.parametrize(("raw", "expected"), [(70, 100), (100, 130), (50, 100)])
    def test_raw(self, raw: int, expected: int) -> None:
        """The provider's own answer beside the count proves it either way, if it fits."""
        own = json.dumps({"input_tokens": raw, "cache_read_input_tokens": 30, "output_tokens": 5})
        assert expected == usage({IN: 100, OUT: 5, READ: 30, "gen_ai.usage.raw": own}).prompt_tokens

    @pytest.mark.parametrize(
        ("scope", "version", "expected"),
        [
            ("opentelemetry.instrumentation.x", "", 100),
            (BEDROCK, "", 130),
            ("openinference.instrumentation.openai", "0.1.1", 100),
        ],
    )
    def test_emitters(self, scope: str, version: str, expected: int) -> None:
        """What is known of an emitter holds for its versions; an unknown version is the newest."""
        assert expected == usage({IN: 100, OUT: 5, READ: 30}, scope, version).prompt_tokens

    @pytest.mark.parametrize(
        ("version", "expected"), [("1.2.2", 0), ("1.2.3", 1), ("1.10", 1), ("2.0b1", 0), ("2.1", 0), ("", 0), ("unknown", 0)]
    )
    def test_versions(self, version: str, expected: int) -> None:
        """What is known of an emitter holds from one version to before another; an unknown version is the newest."""
        row = Emitter(scopes=("scope",), proof="test", since="1.2.3", before="2.0")
        table = Convention(name="test", prompt=("p",), emitters=(row,))
        assert expected == len(Scope(Index([table]), "scope.part", version).plan({"p": 1}).emitters)

    @pytest.mark.parametrize(
        ("scope", "keys", "expected"),
        [
            ("a.b", ("p", "h1"), 1),
            ("a.b", ("p", "h2"), 1),
            ("a.b", ("p",), 0),
            ("a.b", ("h1", "l"), 0),
            ("a.not", ("h1",), 0),
            ("b", ("h1",), 0),
        ],
    )
    def test_conditions(self, scope: str, keys: tuple[str, ...], expected: int) -> None:
        """What is known of an emitter holds for its scopes, and only with one of some keys and none of others."""
        row = Emitter(scopes=("a",), not_scopes=("a.not",), proof="test", has=("h1", "h2"), lacks=("l",))
        table = Convention(name="test", prompt=("p", "h1", "h2", "l"), emitters=(row,))
        assert expected == len(Scope(Index([table]), scope, "").plan(dict.fromkeys(keys, 1)).emitters)

    @pytest.mark.parametrize(
        ("provider", "expected"), [("anthropic", 130), ("bedrock.anthropic", 130), ("openai", 100), (None, 100)]
    )
    def test_only_for_providers(self, provider: str | None, expected: int) -> None:
        """Some emitters pass on what one provider says."""
        attributes = {
            "$ai_input_tokens": 100,
            "$ai_output_tokens": 1,
            "$ai_cache_read_input_tokens": 30,
            "$ai_provider": provider,
        }
        assert expected == usage(attributes).prompt_tokens

    def test_figures_before_emitter(self) -> None:
        """Proof by figures goes before what is known of an emitter."""
        uncached = {"ai.usage.inputTokenDetails.noCacheTokens": 70}
        assert 100 == usage({IN: 100, OUT: 5, READ: 30, **uncached}, BEDROCK).prompt_tokens


class TestTokens:
    """The other figures."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({IN: 10, OUT: 5}, (10, 5, 15)),
            ({IN: 10}, (10, None, None)),
            ({IN: 10, TOTAL: 10}, (10, None, 10)),
            ({IN: 10, TOTAL: 9}, (10, None, None)),
            ({OUT: 5}, (None, 5, None)),
            ({TOTAL: 9}, (None, None, 9)),
            ({IN: 10, OUT: 5, TOTAL: 20}, (10, 5, 20)),
            ({IN: 10, OUT: 5, TOTAL: 12}, (10, 5, 15)),
            ({IN: "10", OUT: '"5"'}, (10, 5, 15)),
            ({IN: 0, OUT: 0}, (0, 0, 0)),
            ({IN: True, "gen_ai.usage.prompt_tokens": 10, OUT: 5}, (10, 5, 15)),
            ({IN: 0, "gen_ai.usage.prompt_tokens": 10, OUT: 5}, (0, 5, 5)),
            ({IN: 10, OUT: 5, "llm.token_count.prompt": 11, "llm.token_count.completion": 6}, (11, 6, 17)),
            ({IN: 10, "llm.token_count.completion": 6}, (None, 6, None)),
            ({IN: 10, OUT: 5, "llm.usage.total_tokens": 18}, (10, 5, 18)),
        ],
    )
    def test_whole(self, attributes: dict[str, Any], expected: tuple[int | None, ...]) -> None:
        """Both are of one convention; the total is stated and large enough, or the sum of both, or unknown."""
        assert expected == usage(attributes)[:3]

    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"gen_ai.usage.details.ephemeral_5m_input_tokens": 4}, (4, None)),
            ({"gen_ai.usage.details.ephemeral_1h_input_tokens": 6}, (6, 6)),
            ({"gen_ai.usage.details.ephemeral_5m_input_tokens": 4, "gen_ai.usage.details.ephemeral_1h_input_tokens": 6}, (10, 6)),
            ({WRITE: 12, "gen_ai.usage.details.ephemeral_1h_input_tokens": 6}, (12, 6)),
            ({WRITE: 5, "gen_ai.usage.details.ephemeral_1h_input_tokens": 6}, (5, None)),
        ],
    )
    def test_cache_writes(self, more: dict[str, int], expected: tuple[int, int | None]) -> None:
        """Writes for five minutes and for an hour add up, unless a whole is stated."""
        found = usage({IN: 100, OUT: 5, **more})
        assert (100, *expected) == (found.prompt_tokens, found.cache_write_tokens, found.cache_write_1h_tokens)

    @pytest.mark.parametrize(("streaming", "output", "expected"), [(True, 6, 5), (False, 6, 6), (None, 6, 6), (True, 1, 1)])
    def test_stream_extra(self, streaming: bool | None, output: int, expected: int) -> None:  # noqa: FBT001 -- the value under test
        """An emitter that counts the first chunk twice is corrected, on streams only."""
        attributes = {IN: 10, OUT: output, "llm.is_streaming": streaming}
        assert expected == usage(attributes, "opentelemetry.instrumentation.anthropic").completion_tokens

    @pytest.mark.parametrize(("scope", "expected"), [("opentelemetry.instrumentation.vertexai", 25), ("other", 5)])
    def test_completion_from_total(self, scope: str, expected: int) -> None:
        """An emitter that leaves the thoughts out of the completion has them in its total."""
        found = usage({IN: 10, OUT: 5, TOTAL: 35}, scope)
        assert (expected, expected - 5) == (found.completion_tokens, found.reasoning_tokens or 0)

    def test_thoughts_by_figures(self) -> None:
        """A total that is just prompt, completion and reasoning proves that reasoning was left out."""
        assert 25 == usage({IN: 10, OUT: 5, TOTAL: 35, "gen_ai.usage.reasoning_tokens": 20}).completion_tokens

    def test_embedding(self) -> None:
        """The tokens of an embedding are all input."""
        found = usage({"gen_ai.operation.name": "embeddings", TOTAL: 9})
        assert (9, 0, 9) == found[:3]

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({IN: -1}, ("invalid_token_count",)),
            ({IN: "x", OUT: float("nan")}, ("invalid_token_count",) * 2),
            ({IN: None}, ()),
            ({"mlflow.chat.tokenUsage": "{"}, ("unreadable_usage_text",)),
            ({"mlflow.chat.tokenUsage": " "}, ()),
            ({"mlflow.chat.tokenUsage": "{}" + " " * MAX_TEXT_CHARS}, ("unreadable_usage_text",)),
            ({"llm.cost.total": "free"}, ("invalid_cost",)),
            ({"llm.cost.total": 0}, ("zero_cost_recorded",)),
            ({"llm.cost.total": 1, "gen_ai.usage.cost.currency": "EUR"}, ("cost_not_in_usd",)),
        ],
    )
    def test_ignored(self, attributes: dict[str, Any], expected: tuple[str, ...]) -> None:
        """Each value that was not used is told of by its reason."""
        event = read(attributes)
        assert (None, None, expected) == (event.usage, event.recorded_pusd, event.ignored)


class TestTexts:
    """Usage objects as text."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ('{"input_tokens": 10, "output_tokens": 5}', (10, 5)),
            ("{'input_tokens': 10, 'output_tokens': 5}", (10, 5)),
            ("prompt_tokens=10 completion_tokens=5", (10, 5)),
            ({"input_tokens": 10, "output_tokens": 5}, (10, 5)),
            ('{"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2}', (10, 5)),
        ],
    )
    def test_forms(self, value: object, expected: tuple[int, int]) -> None:
        """JSON, ``repr`` and pairs are all read."""
        assert expected == usage({"langsmith.usage_metadata": value})[:2]

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({"input": 70, "input_cached_tokens": 30, "output": 5}, (100, 5)),
            ({"input": 70, "input_cached_tokens": 30, "output": 3, "output_reasoning_tokens": 2, "total": 105}, (100, 5)),
            ({"input": 100, "input_cached_tokens": 30, "output": 5, "total": 105}, (100, 5)),
            ({"input": 70, "input_cache_creation_5m": 20, "input_cache_creation_1h": 10, "output": 5}, (100, 5)),
            ({"output": 5, "input_cached_tokens": 30}, (30, 5)),
            ({"prompt_tokens": 100, "cache_read_tokens": 30, "completion_tokens": 5}, (100, 5)),
        ],
    )
    def test_buckets(self, value: dict[str, int], expected: tuple[int, int]) -> None:
        """Langfuse's parts do not overlap, unless the total shows that they do."""
        assert expected == usage({"langfuse.observation.usage_details": json.dumps(value)})[:2]

    def test_native(self) -> None:
        """A provider's own input leaves the cached part out where the provider does."""
        own = {"input_tokens": 70, "cache_read_input_tokens": 30, "output_tokens": 5}
        assert 100 == usage({"llm.anthropic.usage": json.dumps(own)}).prompt_tokens

    def test_sole(self) -> None:
        """Some texts are read only when nothing else states tokens."""
        assert 1 == usage({IN: 1, OUT: 1, "llm.openai.usage": '{"prompt_tokens": 9}'}).prompt_tokens

    def test_only_of_its_scope(self) -> None:
        """Some texts are read only on spans of one scope."""
        text = '{"usage_metadata": {"prompt_token_count": 9}}'
        assert read({"gcp.vertex.agent.llm_response": text}, "other").usage is None

    def test_number_of_calls(self) -> None:
        """A sum says of how many calls it is."""
        assert 3 == read({"crewai.crew.token_usage": "prompt_tokens=9 completion_tokens=1 successful_requests=3"}).num_calls


class TestKind:
    """What a span stands for."""

    @pytest.mark.parametrize(
        ("attributes", "name", "expected"),
        [
            ({}, "span", Kind.SPAN),
            ({"langfuse.observation.type": "tool", "openinference.span.kind": "LLM"}, "span", Kind.TOOL),
            ({"openinference.span.kind": "CHAIN", "gen_ai.operation.name": "chat"}, "span", Kind.CHAIN),
            ({"openinference.span.kind": "UNKNOWN", "gen_ai.operation.name": "chat"}, "span", Kind.MODEL),
            ({"openinference.span.kind": 5, "gen_ai.operation.name": "chat"}, "span", Kind.MODEL),
            ({"traceloop.span.kind": "workflow", "llm.request.type": "chat"}, "span", Kind.CHAIN),
            ({"ai.operationId": "ai.generateText.doGenerate", "gen_ai.operation.name": "x"}, "span", Kind.MODEL),
            ({"ai.operationId": "ai.streamText"}, "span", Kind.CHAIN),
            ({"operation.name": "ai.embed.doEmbed my-function"}, "span", Kind.EMBEDDING),
            ({"gen_ai.operation.name": "something", "gen_ai.request.model": "m", IN: 1}, "span", Kind.MODEL),
            ({"gen_ai.operation.name": "something", "llm.request.type": "chat"}, "claude_code.llm_request", Kind.SPAN),
            ({"llm.request.type": "chat"}, "claude_code.interaction", Kind.AGENT),
            ({"llm.request.type": "rerank", "gen_ai.tool.name": "t"}, "span", Kind.RETRIEVER),
            ({"gen_ai.tool.name": "t", "gen_ai.request.model": "m", IN: 1}, "span", Kind.TOOL),
            ({"gen_ai.agent.name": "a", "gen_ai.request.model": "m", IN: 1}, "span", Kind.AGENT),
            ({"gen_ai.request.model": "m", IN: 1}, "span", Kind.MODEL),
            ({"gen_ai.request.model": "m", "gen_ai.system": "openai"}, "span", Kind.MODEL),
            ({"gen_ai.request.model": "m"}, "span", Kind.SPAN),
            ({"gen_ai.request.model": 1.5, IN: 1}, "span", Kind.SPAN),
            ({IN: 1, OUT: 1}, "span", Kind.SPAN),
        ],
    )
    def test_precedence(self, attributes: dict[str, Any], name: str, expected: Kind) -> None:
        """The first decisive key wins; an unknown operation is a model call only where a model is named."""
        assert expected is read(attributes, name=name).kind


class TestSession:
    """The session id."""

    def test_order(self) -> None:
        """Keys are asked in the order of precedence; what is no id is passed over."""
        ranked = (*SESSIONS, *WEAK_SESSIONS)
        attributes: dict[str, Any] = {key: key for key in sorted(ranked)}
        for key in ranked:
            assert key == read(attributes).session_id
            attributes[key] = " "
        assert read(attributes).session_id is None

    def test_scrubbed_response(self) -> None:
        """Nor one call of all."""
        call = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1, "gen_ai.response.id": "[Scrubbed due to 'auth']"}
        assert (Kind.MODEL, None) == (read(call).kind, read(call).response_id)

    @pytest.mark.parametrize(("more", "expected"), [({}, (None, False)), ({"gen_ai.conversation.id": "c"}, ("c", True))])
    def test_scrubbed(self, more: dict[str, str], expected: tuple[str | None, bool]) -> None:
        """What was put in its place makes no session of all that were scrubbed."""
        event = read({"session.id": "[Scrubbed due to 'session']", **more})
        assert expected == (event.session_id, event.session_is_weak)

    @pytest.mark.parametrize("key", ["thread.id", "mcp.session.id", "langsmith.trace.session_id"])
    def test_no_sessions(self, key: str) -> None:
        """Ids of other things are no sessions."""
        assert read({key: "1", "error.type": "x"}).session_id is None


class TestCost:
    """The recorded cost."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({"llm.cost.total": 0.25}, 250_000_000_000),
            ({"llm.cost.total": "0.25"}, 250_000_000_000),
            ({"llm.cost.total": 0.25, "gen_ai.usage.cost": 0.5}, 500_000_000_000),
            ({"llm.cost.total": 0.25, "gen_ai.usage.cost": 0}, 250_000_000_000),
            ({"llm.cost.total": 0.25, "gen_ai.usage.cost": "n/a"}, 250_000_000_000),
            ({"llm.cost.prompt": 0.25, "llm.cost.completion": 0.5}, 750_000_000_000),
            ({"llm.cost.prompt": 0.25, "llm.cost.completion": "n/a"}, None),
            ({"llm.cost.prompt": 0.25, "llm.cost.total": 1}, 10**12),
            ({"langfuse.observation.cost_details": '{"input": 0.25, "output": 0.5}'}, 750_000_000_000),
            ({"langfuse.observation.cost_details": '{"input": 0.25, "total": 0.5}'}, 500_000_000_000),
            ({"langfuse.observation.cost_details": '{"other": 0.25}'}, None),
            ({"langfuse.observation.cost_details": '{"input": null}'}, None),
            ({"langfuse.observation.cost_details": "[1]"}, None),
            ({"langfuse.observation.cost_details": "{"}, None),
            ({"langfuse.observation.cost_details": 5}, None),
            ({"langfuse.observation.cost_details": "[" * 60_000}, None),
            ({"langfuse.observation.cost_details": '{"total": 1}' + " " * MAX_TEXT_CHARS}, None),
            ({"llm.cost.total": -1}, None),
            ({"llm.cost.total": 0}, None),
            ({"llm.cost.total": 0, "litellm.cache_hit": True}, 0),
            ({"llm.cost.total": 0, "litellm.cache_hit": "true"}, 0),
            ({"llm.cost.total": 0, "litellm.cache_hit": False}, None),
            ({"llm.cost.total": 1, "gen_ai.usage.cost.currency": "usd"}, 10**12),
            ({"llm.cost.total": 1, "gen_ai.usage.cost.currency": "EUR"}, None),
        ],
    )
    def test_examples(self, attributes: dict[str, Any], expected: int | None) -> None:
        """The first valid amount in the design's order; 0 is unknown unless it was a cache hit; other money is not used."""
        assert expected == read(attributes).recorded_pusd


class TestErrors:
    """What went wrong."""

    @pytest.mark.parametrize(
        ("attributes", "events", "failed", "description", "expected"),
        [
            ({}, (), False, None, None),
            ({}, (), True, None, "error"),
            ({}, (), True, "bad", "bad"),
            ({"error.type": "timeout"}, (), False, None, "timeout"),
            ({"error.type": ""}, (), False, None, None),
            ({"error.type": "timeout"}, (), True, "x" * 5000, "x" * 1024),
            ({}, (SpanEvent("exception", {"exception.type": "E", "exception.message": "m"}),), True, None, "E: m"),
            ({}, (SpanEvent("exception", {"exception.message": "m"}), SpanEvent("log", {})), True, None, "m"),
            ({"error.type": "t"}, (SpanEvent("exception", {}),), True, None, "t"),
            ({}, (SpanEvent("exception", {"exception.type": "E"}),), False, None, None),
        ],
    )
    def test_examples(
        self,
        attributes: dict[str, Any],
        events: tuple[SpanEvent, ...],
        failed: bool,  # noqa: FBT001 -- the value under test
        description: str | None,
        expected: str | None,
    ) -> None:
        """The status description, else the last exception, else the error type; bounded."""
        assert expected == read(attributes, events=events, failed=failed, status_description=description).error


class TestFeedback:
    """Whether somebody judged."""

    @pytest.mark.parametrize("key", [f"{prefix}x" for table in CONVENTIONS for prefix in table.feedback_prefixes])
    def test_prefixes(self, key: str) -> None:
        """Every key below a prefix is feedback."""
        assert read({key: 1}).has_feedback

    @pytest.mark.parametrize("name", [name for table in CONVENTIONS for name in table.feedback_events])
    def test_events(self, name: str) -> None:
        """Some events are feedback."""
        assert read({}, events=(SpanEvent(name, {}),)).has_feedback
        assert not read({}, events=(SpanEvent("other", {}),)).has_feedback


class TestOutput:
    """The raw output."""

    def test_bounded(self) -> None:
        """It is text, bounded; other values and empty texts are passed over."""
        assert 16_384 == len(str(read({"output.value": "x" * 10_000_000}).output))
        assert "b" == read({"output.value": "", "gen_ai.output.messages": "b"}).output
        assert read({"output.value": 5}).output is None


@pytest.mark.slow
class TestTables:
    """The machinery."""

    @pytest.mark.parametrize("names", [Meaning, Effect])
    def test_numbers(self, names: type) -> None:
        """No two meanings of keys, and no two effects of emitters, have the same number."""
        numbers = [value for name, value in vars(names).items() if name.isupper()]
        assert len(numbers) == len(set(numbers))

    def test_effects_are_used(self) -> None:
        """Each effect is one of some emitter, and no row has another."""
        used = {effect for table in CONVENTIONS for row in table.emitters for effect in row.effects}
        assert {value for name, value in vars(Effect).items() if name.isupper()} == used

    def test_first_row_decides(self) -> None:
        """Of two rows about the cached part the first holds; other effects are united."""
        with_cache = Emitter(scopes=("",), proof="test", effects={Effect.PROMPT_INCLUDES_CACHE, Effect.UNSURE_OUTPUT})
        without_cache = Emitter(scopes=("",), proof="test", effects={Effect.PROMPT_EXCLUDES_CACHE, Effect.ENDS_EARLY})
        rest = {Effect.UNSURE_OUTPUT, Effect.ENDS_EARLY}
        assert {Effect.PROMPT_INCLUDES_CACHE, *rest} == united([with_cache, without_cache])
        assert {Effect.PROMPT_EXCLUDES_CACHE, *rest} == united([without_cache, with_cache])
        assert frozenset() == united([])

    def test_emitters_have_proof(self) -> None:
        """Nothing is claimed of an emitter without a proof."""
        assert all(row.proof and row.scopes for table in CONVENTIONS for row in table.emitters)

    @pytest.mark.parametrize(
        ("version", "expected"),
        [
            ("1.2.3", (1, 2, 3)),
            ("1.3b0", (1, 3)),
            ("0.1.61.dev1", (0, 1, 61)),
            ("", ()),
            ("v1", ()),
            ("1..2", (1,)),
            ("9" * 5000, ()),
            ("1.\u00b2", (1,)),
            ("\u0663.1", ()),
            ("1." * 100_000, (1,) * 32),
        ],
    )
    def test_versions(self, version: str, expected: tuple[int, ...]) -> None:
        """Versions are compared by the numbers at their head."""
        assert expected == version_tuple(version)

    def test_plans_are_bounded(self) -> None:
        """Sets of keys are remembered up to a bound."""
        scope = Scope(Index(CONVENTIONS), "scope", "")
        for number in range(MAX_PLANS + 10):
            scope.plan({f"key-{number}": 1, IN: 1})
            assert len(scope._plans) <= MAX_PLANS

    def test_plans_are_bounded_in_bytes(self) -> None:
        """Long names of keys that say nothing are not remembered, and all sets of keys together take no more than so much."""
        scope = Scope(Index(CONVENTIONS), "scope", "")
        for number in range(10):
            plan = scope.plan({IN: 1, f"{number}" + "k" * 200_000: 1})
            assert Meaning.PROMPT in plan.entries
        assert 1 == len(scope._plans)
        for number in range(20_000):
            read({IN: 1, **{f"{number}-{index}" + "k" * 80: 1 for index in range(40)}}, scope=f"bytes-{number % 50}")
        sets: list[Any] = [keys for scope in reading._SCOPES.known.values() for keys in scope._plans]
        assert sum(len(key) for keys in sets for key in keys) < 8_000_000

    def test_long_names_of_scopes(self) -> None:
        """Of a scope with a long name the beginning is remembered."""
        for number in range(10):
            assert 1 == usage({IN: 1}, scope="s" * 200_000 + str(number)).prompt_tokens
        assert ("s" * MAX_SCOPE_CHARS, "") in reading._SCOPES.known
        assert all(len(name) <= MAX_SCOPE_CHARS for name, _ in reading._SCOPES.known)

    def test_many_keys(self) -> None:
        """Of very many keys only those that say something are remembered."""
        scope = Scope(Index(CONVENTIONS), "scope", "")
        for number in range(10):
            plan = scope.plan({IN: 1, **{f"key-{number}-{index}": 1 for index in range(MAX_PLAN_KEYS)}})
            assert Meaning.PROMPT in plan.entries
            assert not plan.feedback
        assert 1 == len(scope._plans)
        assert scope.plan({"annotations.x": 1, **{f"key-{index}": 1 for index in range(MAX_PLAN_KEYS)}}).feedback

    def test_silent_keys(self) -> None:
        """Keys that are no feedback are remembered, within bounds, and never those that are some."""
        index = Index(CONVENTIONS)
        scope = Scope(index, "scope", "")
        many = {f"key-{index}": 1 for index in range(MAX_PLAN_KEYS)}
        for number in range(3 * MAX_SILENT // MAX_PLAN_KEYS):
            assert not scope.plan({IN: 1, **{f"{number}-{key}": 1 for key in many}}).feedback
            assert len(index.silent) <= MAX_SILENT
        for number in range(10):
            assert not scope.plan({**many, f"{number}" + "k" * 200_000: 1}).feedback
        assert not scope.plan({f"key-{index}": 1 for index in range(2 * MAX_SILENT)}).feedback
        assert len(index.silent) <= MAX_SILENT
        assert sum(map(len, index.silent)) <= 128 * MAX_SILENT
        for _ in range(2):
            assert scope.plan({**many, "annotations.new": 1}).feedback
            assert not scope.plan(many).feedback
            assert scope.plan({**many, IN: 1, "annotations.other": 1}).feedback
        assert not any(key.startswith("annotations.") for key in index.silent)

    def test_scopes_are_bounded(self) -> None:
        """Scopes are remembered up to a bound."""
        for number in range(MAX_SCOPES + 10):
            read({IN: 1}, scope=f"scope-{number}")
            assert len(reading._SCOPES.known) <= MAX_SCOPES

    @pytest.mark.parametrize("blank", ["\u2003", "\x85", "\xa0\u2003", '"\u2003"'])
    def test_blanks_beyond_ascii(self, blank: str) -> None:
        """A value of blanks of any kind is none."""
        assert Kind.SPAN is read({"operation.name": blank, "gen_ai.operation.name": blank, "ai.operationId": blank}).kind

    @pytest.mark.parametrize("value", [pytest.param(10**5000, id="huge"), 7, None, ["a"], {"a": 1}])
    def test_conditions_of_emitters(self, value: object) -> None:
        """Whether a row of an emitter holds is asked of texts only: a huge integer is not written out."""
        conditions = {pair[0] for table in CONVENTIONS for row in table.emitters for pair in (row.contains, row.matches) if pair}
        scopes = {scope for table in CONVENTIONS for row in table.emitters for scope in row.scopes if row.contains or row.matches}
        for scope in scopes:
            assert 1 == usage({IN: 1, **dict.fromkeys(conditions, value)}, scope=scope).prompt_tokens

    def test_unread_keys(self) -> None:
        """Which keys are not read depends on scopes and keys alone: plans know no values."""
        rows = [row for table in CONVENTIONS for row in table.emitters if row.not_keys]
        assert not [row for row in rows if row.contains or row.matches or row.providers or row.not_providers or row.streaming]

    def test_kinds_are_bounded(self) -> None:
        """Values of a kind's key are remembered up to a bound, and values of any type are looked at."""
        scope = reading._SCOPES.get("kinds", "")
        for number in range(5000):
            assert Kind.SPAN is read({"gen_ai.operation.name": f"operation-{number}"}, scope="kinds").kind
        for number in range(10):
            assert Kind.SPAN is read({"gen_ai.operation.name": f"{number}" + "o" * 1000}, scope="kinds").kind
        assert len(scope.plan({"gen_ai.operation.name": ""}).kind_memo) < 1000
        assert all(len(str(value)) < 100 for value in scope.plan({"gen_ai.operation.name": ""}).kind_memo)
        assert Kind.SPAN is read({"gen_ai.operation.name": ["chat"]}, scope="kinds").kind

    def test_emitter_by_providers_left_out(self) -> None:
        """What is known of an emitter does not hold for some models."""
        reasoning = {IN: 100, OUT: 60, "gen_ai.usage.reasoning.output_tokens": 20}
        outputs = {
            model: usage({**reasoning, "gen_ai.request.model": model}, "gcp.vertex.agent").completion_tokens
            for model in ("openai/gpt-4o-mini", "gemini-2.5-flash", "projects/p/models/gemini-2.5-flash")
        }
        assert {"openai/gpt-4o-mini": 40, "gemini-2.5-flash": 60, "projects/p/models/gemini-2.5-flash": 60} == outputs

    def test_keys_that_say_nothing(self) -> None:
        """A key that an emitter always writes alike is not believed where another one says the same."""
        wrong = {"llm.provider": "google", "openinference.span.kind": "LLM"}
        right = {**wrong, "gen_ai.provider.name": "openai"}
        found = [read(attributes, "gcp.vertex.agent").provider for attributes in (right, wrong)]
        assert ["openai", "google"] == found
        assert "google" == read(right, "other").provider


class TestEvents:
    """What an emitter says on events."""

    SCOPE = "llamaindex.opentelemetry.tracer"

    def _event(self, **raw: Any) -> Reading:
        start = SpanEvent("LLMChatStartEvent", {"class_name": "LLMChatStartEvent", "model_dict.model_name": "gpt-4o"})
        said = {f"response.raw.{key.replace('__', '.')}": value for key, value in raw.items()}
        end = SpanEvent("LLMChatEndEvent", {"class_name": "LLMChatEndEvent", **said})
        return read({}, self.SCOPE, events=(start, end))

    def test_openai(self) -> None:
        """An answer of OpenAI's, with what it does not know."""
        event = self._event(
            id="r-1",
            model="gpt-4o-2024-08-06",
            service_tier="null",
            usage__prompt_tokens=100,
            usage__completion_tokens=50,
            usage__prompt_tokens_details__cached_tokens=40,
            usage__prompt_tokens_details__cache_write_tokens="null",
            usage__completion_tokens_details__reasoning_tokens=20,
        )
        assert event.usage is not None
        assert (Kind.MODEL, "gpt-4o-2024-08-06", "gpt-4o", "r-1") == (
            event.kind,
            event.response_model,
            event.request_model,
            event.response_id,
        )
        assert Usage(100, 50, 150, 40, None, None, 20) == event.usage
        assert (None, ()) == (event.service_tier, event.ignored)

    def test_anthropic(self) -> None:
        """Anthropic's input leaves the cached part out."""
        found = self._event(usage__input_tokens=100, usage__output_tokens=50, usage__cache_read_input_tokens=40).usage
        assert found is not None
        assert (140, 50, 40) == (found.prompt_tokens, found.completion_tokens, found.cache_read_tokens)

    def test_stream(self) -> None:
        """A stream's span ends before its answer: it is a call without figures."""
        event = read({}, self.SCOPE, events=(SpanEvent("LLMChatStartEvent", {"class_name": "LLMChatStartEvent"}),))
        assert (Kind.MODEL, None) == (event.kind, event.usage)

    def test_other_events(self) -> None:
        """Other events, and those of other scopes, say nothing."""
        said = {"class_name": "LLMChatEndEvent", "response.raw.usage.prompt_tokens": 100}
        assert Kind.SPAN is read({}, self.SCOPE, events=(SpanEvent("AgentToolCallEvent", said),)).kind
        assert Kind.SPAN is read({}, "other", events=(SpanEvent("LLMChatEndEvent", said),)).kind


class TestNamesInTexts:
    """Names that stand in texts only."""

    @pytest.mark.parametrize(
        ("output", "expected"),
        [
            ({"replies": [{"meta": {"model": "m", "usage": {"prompt_tokens": 1}}}]}, "m"),
            ({"replies": [{"meta": {"id": "r", "metadata": {}, "model": "m", "usage": {"prompt_tokens": 1}}}]}, "m"),
            ({"replies": [{"meta": {"model": name, "usage": {"prompt_tokens": 1}}} for name in "mm"]}, "m"),
            ({"replies": [{"meta": {"model": name, "usage": {"prompt_tokens": 1}}} for name in "mn"]}, None),
            ({"embedding": [0.5], "meta": {"model": "m", "usage": {"prompt_tokens": 1}}}, "m"),
            ({"replies": [{"meta": {"usage": {"prompt_tokens": 1}}}]}, None),
        ],
    )
    def test_haystack(self, output: dict[str, Any], expected: str | None) -> None:
        """A component's output names the model, if all of it does so alike."""
        attributes = {"haystack.component.type": "OpenAIChatGenerator", "haystack.component.output": json.dumps(output)}
        event = read(attributes, "haystack")
        assert event.usage is not None
        assert expected == event.response_model

    @pytest.mark.parametrize(("models", "expected"), [("a", "a"), ("aa", "a"), ("ab", None)])
    def test_crew(self, models: str, expected: str | None) -> None:
        """The sum of a crew has a model when all of its agents have the same."""
        attributes = {
            "crewai.crew.token_usage": "total_tokens=15 prompt_tokens=10 completion_tokens=5",
            "crewai.crew.agents": json.dumps([{"id": str(number), "llm": model} for number, model in enumerate(models)]),
        }
        assert expected == read(attributes).response_model

    def test_attributes_first(self) -> None:
        """A text is only asked when no attribute names a model."""
        text = {"mastra.span.type": "model_step", "mastra.metadata.modelMetadata": '{"modelId":"a"}'}
        found = [_models({**text, **more}) for more in ({}, {"gen_ai.request.model": "b"})]
        assert [("a", None), (None, "b")] == found

    @pytest.mark.parametrize(
        ("scope", "metadata", "expected"),
        [
            ("langwatch", '{"thread_id": "t-1"}', "t-1"),
            ("langwatch", '{"customer": "c"}', None),
            ("langwatch", 5, None),
            ("other", '{"thread_id": "t-1"}', None),
        ],
    )
    def test_session(self, scope: str, metadata: object, expected: str | None) -> None:
        """A thread that a text names is a session, a weak one."""
        event = read({"metadata": metadata}, scope)
        assert (expected, expected is not None) == (event.session_id, event.session_is_weak)


def _models(attributes: dict[str, Any]) -> tuple[str | None, str | None]:
    event = read(attributes)
    return event.response_model, event.request_model


def _generation(kwargs: dict[str, Any]) -> str:
    """What LangChain hands on as its output."""
    return json.dumps({"generations": [[{"text": "t", "message": {"lc": 1, "kwargs": kwargs}}]]})


PYTHON, JAVASCRIPT = "openinference.instrumentation.langchain", "@arizeai/openinference-instrumentation-langchain"
LLM: dict[str, Any] = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 1000, "llm.token_count.completion": 100}
READ_KEY = "llm.token_count.prompt_details.cache_read"


class TestAnswersInOutputs:
    """Parts that stand in the output only."""

    def test_langchain(self) -> None:
        """LangChain's own usage has the writes, in parts."""
        details = {"cache_creation": 0, "cache_read": 70, "ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}
        stated = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100, "input_token_details": details}
        found = usage({**LLM, READ_KEY: 70, "output.value": _generation({"usage_metadata": stated})}, PYTHON)
        assert Usage(1000, 100, 1100, 70, 50, 30) == found

    def test_langchain_and_provider(self) -> None:
        """Only the provider's own usage beside it tells the part that is kept for an hour."""
        own = {"input_tokens": 880, "output_tokens": 100, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 50}
        kwargs = {
            "response_metadata": {"usage": {**own, "cache_creation": {"ephemeral_1h_input_tokens": 30}}},
            "usage_metadata": {
                "input_tokens": 1000,
                "output_tokens": 100,
                "input_token_details": {"cache_creation": 50, "cache_read": 70},
            },
        }
        found = usage({**LLM, READ_KEY: 70, "output.value": _generation(kwargs)}, JAVASCRIPT)
        assert Usage(1000, 100, 1100, 70, 50, 30) == found

    def test_langchain_disagrees(self) -> None:
        """An output of another call is not used."""
        other = {"usage_metadata": {"output_tokens": 99, "input_token_details": {"cache_creation": 50}}}
        assert usage({**LLM, "output.value": _generation(other)}, PYTHON).cache_write_tokens is None

    @pytest.mark.parametrize(("message", "expected"), [("AIMessageChunk", (99, 1099)), ("AIMessage", (100, 1100))])
    def test_langchain_stream(self, message: str, expected: tuple[int, int]) -> None:
        """LangChain.js counts one too many on Anthropic's streams, in the total too."""
        output = _generation({}).replace('"lc"', f'"id":["{message}"],"lc"')
        attributes = {**LLM, "llm.token_count.total": 1100, "llm.model_name": "claude-sonnet-4-5", "output.value": output}
        event = read(attributes, JAVASCRIPT)
        assert event.usage is not None
        assert expected == (event.usage.completion_tokens, event.usage.total_tokens)
        assert (message == "AIMessageChunk") is event.unsure_output

    def test_bedrock(self) -> None:
        """Bedrock's own usage has the cached parts."""
        own = {"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1180, "cacheReadInputTokens": 60}
        output = json.dumps({"usage": {**own, "cacheWriteInputTokens": 20}})
        attributes = {**LLM, "llm.token_count.total": 1180, "output.value": output}
        assert Usage(1080, 100, 1180, 60, 20) == usage(attributes, "@arizeai/openinference-instrumentation-bedrock")

    @pytest.mark.parametrize(("named", "expected"), [("anthropic", "claude-sonnet-4-5"), ("claude-3-5", "claude-3-5")])
    def test_maker(self, named: str, expected: str) -> None:
        """A maker's name is no model's, where the answer has that."""
        answer = '{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[]}'
        attributes = {**LLM, "llm.model_name": named, "output.value": answer}
        event = read(attributes, "@arizeai/openinference-instrumentation-bedrock")
        assert expected == event.response_model

    @pytest.mark.parametrize(("scope", "expected"), [("mistralai_sdk_tracer", Kind.MODEL), ("other", Kind.SPAN)])
    def test_mistral_stream(self, scope: str, expected: Kind) -> None:
        """Of a stream Mistral's own tracing tells only the model."""
        assert expected is read({"gen_ai.request.model": "mistral-large-latest"}, scope, name="stream_chat").kind

    @pytest.mark.parametrize("path", [(), ("data",)])
    def test_mistral(self, path: tuple[str, ...]) -> None:
        """Mistral's answer has the cached part, a stream's last chunk too."""
        answer: dict[str, Any] = {"usage": {"completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 60}}}
        for key in path:
            answer = {key: answer}
        attributes = {**LLM, "output.value": json.dumps(answer)}
        found = usage(attributes, "openinference.instrumentation.mistralai")
        assert (1000, 60) == (found.prompt_tokens, found.cache_read_tokens)

    def test_cohere(self) -> None:
        """What Cohere bills for an embedding."""
        output = json.dumps({"embeddings": {"float": [[0.5]]}, "meta": {"billed_units": {"input_tokens": 7.0}}})
        attributes = {"openinference.span.kind": "EMBEDDING", "output.value": output}
        assert (7, 0, 7) == usage(attributes, "openinference.instrumentation.cohere")[:3]

    @pytest.mark.parametrize(("closing", "expected"), [(")", 60), ("", None)])
    def test_smolagents(self, closing: str, expected: int | None) -> None:
        """An answer as Python writes it: the last one that is named so, if it is there whole."""
        said = "usage=Usage(cached_tokens=7)"
        details = "PromptTokensDetails(audio_tokens=0, cached_tokens=60)"
        raw = f"Answer(text='{said}', usage=Usage(completion_tokens=100, total_tokens=1100, details={details}{closing}"
        attributes = {**LLM, "llm.token_count.total": 1100, "output.value": json.dumps({"raw": raw})}
        assert expected == usage(attributes, "openinference.instrumentation.smolagents").cache_read_tokens

    def test_logfire(self) -> None:
        """Logfire's spans of OpenAI's agents have the parts in a text."""
        text = {"requests": 1, "input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}}
        attributes = {IN: 10, OUT: 5, "usage": json.dumps(text)}
        assert [4, None] == [usage(attributes, scope).cache_read_tokens for scope in ("logfire.openai_agents", "other")]

    def test_mastra(self) -> None:
        """A step of Mastra's has the provider's answer."""
        own = {"input_tokens": 880, "output_tokens": 100, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 50}
        body = {"usage": {**own, "cache_creation": {"ephemeral_1h_input_tokens": 30}}}
        attributes = {"mastra.span.type": "model_step", "mastra.metadata.body": json.dumps(body)}
        assert Usage(1000, 100, 1100, 70, 50, 30) == usage(attributes)

    @pytest.mark.parametrize(("total", "expected"), [(110, 10), (115, 15), (None, 15)])
    def test_thoughts(self, total: int | None, expected: int) -> None:
        """Candidates leave the thoughts out, unless the total shows that they do not."""
        own = {"prompt_token_count": 100, "candidates_token_count": 10, "thoughts_token_count": 5}
        if total is not None:
            own["total_token_count"] = total
        attributes = {"gcp.vertex.agent.llm_response": json.dumps({"usage_metadata": own})}
        assert expected == usage(attributes, "gcp.vertex.agent", "1.0").completion_tokens
