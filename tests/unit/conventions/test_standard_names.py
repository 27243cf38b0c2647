"""The tables hold the names that the conventions' own packages publish."""

from __future__ import annotations

import pytest
from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.schemas import Schemas

from otel_session_agg._spans.scope import SCHEMA_URL
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._operations import OPERATIONS

semconv_ai = pytest.importorskip("opentelemetry.semconv_ai")
TABLES = {table.name: table for table in CONVENTIONS}
GENAI, OPENINFERENCE, OPENLLMETRY = TABLES["otel_genai"], TABLES["openinference"], TABLES["openllmetry"]


def _published(module: object, *parts: str) -> set[str]:
    """Names that a package publishes and that have one of these parts."""
    return {value for name, value in vars(module).items() if name.isupper() and any(part in name for part in parts)}


class TestGenAI:
    """OpenTelemetry GenAI."""

    def test_usage(self) -> None:
        """Every usage attribute is read."""
        read = {*GENAI.prompt, *GENAI.completion, *GENAI.cache_read, *GENAI.cache_write, *GENAI.reasoning}
        assert set() == _published(gen_ai, "GEN_AI_USAGE_") - read

    def test_names(self) -> None:
        """Models, providers, ids and conversations are read."""
        read = {*GENAI.request_model, *GENAI.response_model, *GENAI.provider, *GENAI.response_id, *GENAI.session}
        assert {
            gen_ai.GEN_AI_REQUEST_MODEL,
            gen_ai.GEN_AI_RESPONSE_MODEL,
            gen_ai.GEN_AI_PROVIDER_NAME,
            gen_ai.GEN_AI_SYSTEM,
            gen_ai.GEN_AI_RESPONSE_ID,
            gen_ai.GEN_AI_CONVERSATION_ID,
        } == read

    def test_operations(self) -> None:
        """Every operation has a kind."""
        assert set() == {value.value for value in gen_ai.GenAiOperationNameValues} - OPERATIONS.keys()


class TestOpenInference:
    """OpenInference."""

    def test_counts(self) -> None:
        """Every token count is read."""
        table = OPENINFERENCE
        read = {*table.prompt, *table.completion, *table.total, *table.cache_read, *table.cache_write, *table.reasoning}
        read |= {*table.audio_prompt, *table.audio_completion, SpanAttributes.LLM_TOKEN_COUNT_PROMPT_DETAILS}
        assert set() == _published(SpanAttributes, "TOKEN_COUNT") - read

    def test_costs(self) -> None:
        """The cost and its two parts are read, and none of the details."""
        read = {*OPENINFERENCE.cost, *OPENINFERENCE.cost_parts}
        assert {name for name in _published(SpanAttributes, "LLM_COST") if "details" not in name} == read

    def test_models(self) -> None:
        """Every model name is read."""
        assert set() == _published(SpanAttributes, "MODEL_NAME") - {*OPENINFERENCE.response_model, *OPENINFERENCE.request_model}

    def test_kinds(self) -> None:
        """Every kind but the unknown one is known."""
        assert {"unknown"} == {value.value.lower() for value in OpenInferenceSpanKindValues} - OPENINFERENCE.kinds[
            0
        ].values.keys()


class TestSchema:
    """The schema of what is emitted."""

    def test_published(self) -> None:
        """It is one that there is, and has the event of feedback."""
        assert SCHEMA_URL in {schema.value for schema in Schemas}
        assert (1, 38) <= tuple(int(part) for part in SCHEMA_URL.rsplit("/", 1)[1].split(".")[:2])


class TestOpenLLMetry:
    """OpenLLMetry."""

    def test_usage(self) -> None:
        """Every usage attribute is read by this or the GenAI table."""
        read = {*GENAI.prompt, *GENAI.completion, *GENAI.total, *GENAI.cache_read, *GENAI.cache_write, *GENAI.reasoning}
        read |= {*OPENLLMETRY.total, *OPENLLMETRY.reasoning}
        unread = _published(semconv_ai.SpanAttributes, "GEN_AI_USAGE_", "LLM_USAGE_") - read
        assert set() == {name for name in unread if "token_type" not in name}

    def test_kinds(self) -> None:
        """Every kind but the unknown one is known."""
        known = {value for kinds in OPENLLMETRY.kinds if kinds.key == "traceloop.span.kind" for value in kinds.values}
        assert {"unknown"} == {value.value for value in semconv_ai.TraceloopSpanKindValues} - known
