"""Costs that were billed, and costs that others worked out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_session_agg._model.span import Kind, SpanData
from otel_session_agg._reading.span import read
from tests.support.replay import replay

_CALL = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}


def recorded(attributes: dict[str, Any], scope: str = "", name: str = "s") -> float | None:
    """The recorded cost of a span in USD."""
    found = read(SpanData(name, 1, 1, None, "INTERNAL", scope, "", 0, 0, attributes)).recorded_pusd
    return None if found is None else found / 10**12


def of_usage(**usage: object) -> float | None:
    """The recorded cost of a call whose provider answered with this usage object."""
    return recorded({**_CALL, "gen_ai.usage.raw": json.dumps({"prompt_tokens": 1000, "completion_tokens": 100, **usage})})


def of_metadata(**metadata: object) -> float | None:
    """The recorded cost of a call with this provider metadata of the AI SDK."""
    return recorded(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.usage.inputTokens": 1000,
            "ai.usage.outputTokens": 100,
            "ai.response.providerMetadata": json.dumps(metadata),
        }
    )


class TestRunning:
    def test_turns(self) -> None:
        """What a client of Claude's Agent SDK states of its turns is the cost of all so far: OpenInference's spans of them have none."""
        scope, stated = (
            "openinference.instrumentation.claude_agent_sdk",
            {"openinference.span.kind": "AGENT", "llm.cost.total": 0.5},
        )
        assert 0.5 == recorded(stated, scope, "ClaudeAgentSDK.query")
        assert recorded(stated, scope, "ClaudeAgentSDK.ClaudeSDKClient.receive_response") is None


class TestUsage:
    """Amounts in usage objects."""

    @pytest.mark.parametrize(
        ("usage", "expected"),
        [
            ({"cost": 0.0021}, 0.0021),
            ({"cost": "0.0021"}, 0.0021),
            ({"cost": 0.0021, "cost_details": {"upstream_inference_cost": 0.0021}}, 0.0021),
            ({"cost": 0.0021, "cost_details": {"upstream_inference_cost": None}}, 0.0021),
            ({"cost": 0.0021, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.0019}}, 0.0021),
            ({"cost": 0.0001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.002}}, 0.0021),
            ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.002}}, 0.002),
            ({"cost": 0.0001, "cost_details": {"upstream_inference_cost": 0.002}}, 0.0021),
            ({"cost": 0}, None),
            ({"cost": -1}, None),
            ({"cost": "free"}, None),
            ({"cost": {"input_tokens_cost": 0.001, "request_cost": 0.006, "total_cost": 0.008}}, 0.008),
            ({"cost_in_usd_ticks": 318_319_000}, 0.0318319),
            ({"cost_in_usd_ticks": True}, None),
            ({"total_cost": 0.0021, "input_cost": 0.002, "output_cost": 0.0001}, 0.0021),
            ({"total_cost": 0.5, "cost": 0.0021}, 0.0021),
            ({"total_cost": 0}, None),
        ],
    )
    def test_amount(self, usage: dict[str, object], expected: float | None) -> None:
        """The gateway's amount, with what the provider behind it billed to the caller's own key; 0 is unknown."""
        assert expected == of_usage(**usage)

    @pytest.mark.parametrize(
        ("ticks", "expected"),
        [(318_319_000, 0.0318319), (0, None), (-1, None), (True, None), ("9000000000", 0.9), ("9 ticks", None)],
    )
    def test_ticks(self, ticks: object, expected: float | None) -> None:
        """The SDK of xAI states the amount in an attribute of its own."""
        assert expected == recorded({**_CALL, "gen_ai.usage.cost_in_usd_ticks": ticks})

    def test_where_else(self) -> None:
        """In the answer that OpenInference's OpenAI instrumentation writes, and in what Logfire writes."""
        answer = {"usage": {"prompt_tokens": 1000, "cost": 0.0021}}
        llm = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 1000, "output.value": json.dumps(answer)}
        assert 0.0021 == recorded(llm, "openinference.instrumentation.openai")
        assert recorded(llm, "my.scope") is None
        assert 0.0021 == recorded({**_CALL, "response_data": json.dumps(answer)}, "logfire.openai")

    @pytest.mark.parametrize(
        ("key", "name"),
        [
            ("langsmith.usage_metadata", "total_cost"),
            ("langsmith.metadata.usage_metadata", "total_cost"),
            ("langwatch.metrics", "cost"),
        ],
    )
    def test_in_figures_that_an_application_states(self, key: str, name: str) -> None:
        """Beside the counts in what LangSmith and LangWatch take them from."""
        assert 0.0021 == recorded({**_CALL, key: json.dumps({"input_tokens": 1000, "output_tokens": 100, name: 0.0021})})

    def test_beats_what_others_worked_out(self) -> None:
        """An estimate beside the bill is no news."""
        assert 0.0021 == recorded({**_CALL, "gen_ai.usage.cost": 0.5, "gen_ai.usage.raw": '{"cost": 0.0021}'})
        assert 0.5 == recorded({**_CALL, "gen_ai.usage.cost": 0.5, "gen_ai.usage.raw": '{"cost": 0}'})

    def test_a_container_has_the_bill_of_its_last_call_only(self) -> None:
        """So it is not read there."""
        metadata = json.dumps({"gateway": {"cost": "0.01"}})
        assert recorded({"ai.operationId": "ai.generateText", "ai.response.providerMetadata": metadata}) is None

    @pytest.mark.parametrize(
        "text", ['{"cost', "[" * 5000 + '"cost"', '{"cost": 1e999}', '{"usage": 3, "cost": []}', "x" * 70_000]
    )
    def test_hostile_text(self, text: str) -> None:
        """Nothing raises, and nothing is made of it."""
        assert recorded({**_CALL, "gen_ai.usage.raw": text, "ai.response.providerMetadata": text}) is None


class TestMetadata:
    """Amounts in the AI SDK's provider metadata."""

    @pytest.mark.parametrize(
        ("metadata", "expected"),
        [
            ({"gateway": {"cost": "0.0045405", "generationId": "gen_1"}}, 0.0045405),
            ({"gateway": {"cost": "0.0045405", "marketCost": "0.005"}}, 0.0045405),
            ({"gateway": {"cost": "0", "marketCost": "0.005"}}, 0.005),
            ({"gateway": {"cost": "0"}}, None),
            ({"anthropic": {"usage": {"cost": 0.001}}, "gateway": {"cost": "0.0045"}}, 0.0045),
            ({"openrouter": {"usage": {"cost": 0.0021}}}, 0.0021),
            ({"openrouter": {"usage": {"cost": 0.0001, "costDetails": {"upstreamInferenceCost": 0.002}}}}, 0.0021),
            ({"xai": {"costInUsdTicks": 10_000_000}}, 0.001),
            ({"perplexity": {"cost": {"totalCost": 0.008}}}, 0.008),
            ({"gateway": 3, "openai": {"cost": None}}, None),
        ],
    )
    def test_amount(self, metadata: dict[str, object], expected: float | None) -> None:
        """The gateway sends the bill; with the caller's own key its 0 stands beside the market's price."""
        assert expected == of_metadata(**metadata)


class TestKeys:
    """Costs as attributes."""

    @pytest.mark.parametrize(
        "key",
        [
            "cost_usd",
            "gen_ai.cost",
            "gen_ai.usage.cost",
            "gen_ai.usage.cost_usd",
            "litellm.response-cost",
            "gen_ai.cost.total_tokens",
        ],
    )
    def test_total(self, key: str) -> None:
        """As a number or as text."""
        assert 0.003 == recorded({**_CALL, key: 0.003})
        assert 0.003 == recorded({**_CALL, key: "0.003"})

    def test_header(self) -> None:
        """Headers are lists."""
        assert 0.003 == recorded({**_CALL, "http.response.header.x-litellm-response-cost": ("0.003",)})

    @pytest.mark.parametrize("key", ["cost_usd", "total_cost_usd", "response_cost"])
    def test_a_name_that_anybody_may_use(self, key: str) -> None:
        """It counts on model calls only."""
        assert recorded({key: 12.5, "order.id": "7"}) is None

    def test_beside_tokens_it_counts_on_agents_too(self) -> None:
        """Claude's agents state both of a run."""
        agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1}
        assert 0.42 == recorded({**agent, "total_cost_usd": 0.42})

    def test_parts_beside_a_sum(self) -> None:
        """They are not added, nor is a surcharge."""
        parts = {"gen_ai.usage.input_cost": 0.003, "gen_ai.usage.output_cost": 0.0015, "gen_ai.usage.gateway_cost": 0.005}
        assert 0.0045 == recorded({**_CALL, **parts, "gen_ai.usage.cost": 0.0045})
        assert 0.0045 == recorded({**_CALL, **parts})

    @pytest.mark.parametrize("key", ["gen_ai.usage.cost.currency", "gen_ai.cost.currency", "cost_currency"])
    def test_currency(self, key: str) -> None:
        """Other money is not read."""
        assert recorded({**_CALL, "gen_ai.cost": 0.003, key: "EUR"}) is None
        assert 0.003 == recorded({**_CALL, "gen_ai.cost": 0.003, key: "usd"})


def _span(id_: str, parent: str | None, **attributes: object) -> dict[str, Any]:
    return {"id": id_, "parent": parent, "name": id_, "scope": "litellm", "attributes": attributes}


class TestGuardrail:
    """What LiteLLM's guardrails cost themselves."""

    def total(self, *spans: dict[str, Any]) -> object:
        """The cost on the root."""
        return (replay({"spans": list(spans)}).attributes or {}).get("metadata.cost")

    @pytest.mark.parametrize("parent", ["root", "call", "agent"])
    @pytest.mark.parametrize(("in_spend", "expected"), [(False, 0.0013), (True, 0.001), (None, 0.001)])
    def test_on_top(self, parent: str, *, in_spend: bool | None, expected: float) -> None:
        """It comes on top, wherever it hangs, if the call's cost is said not to have it."""
        flags = {} if in_spend is None else {"litellm.guardrail.cost_in_spend": in_spend}
        spans = (
            _span("root", None),
            _span("agent", "root", **{"gen_ai.operation.name": "invoke_agent"}),
            _span("call", "agent", **{**_CALL, "gen_ai.request.model": "gpt-4o-mini", "litellm.cost.total": 0.001}),
            _span("guard", parent, **{"litellm.guardrail.name": "shield", "litellm.cost.guardrail": 0.0003, **flags}),
        )
        assert expected == self.total(*spans)

    def test_an_agents_cost_stays(self) -> None:
        """A guardrail's cost is no call's, so it does not stand for those of an agent."""
        agent = _span("agent", None, **{"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.cost": 0.42})
        guard = {"litellm.guardrail.name": "s", "litellm.cost.guardrail": 0.03, "litellm.guardrail.cost_in_spend": "false"}
        assert 0.42 == self.total(agent)
        assert 0.45 == self.total(agent, _span("guard", "agent", **guard))

    def test_kind(self) -> None:
        """The span is a guardrail's."""
        span = SpanData("g", 1, 1, None, "INTERNAL", "litellm", "", 0, 0, {"litellm.guardrail.name": "shield"})
        assert Kind.GUARDRAIL is read(span).kind
