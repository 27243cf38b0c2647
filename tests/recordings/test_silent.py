"""Calls that were made and billed although no span says how much: their cost is unknown, never 0."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from otel_session_agg.conventions import CONVENTIONS
from tests.recording.verdict import recordings
from tests.support.replay import Case, cases_in, replay
from tests.unit.trace.test_nesting import AGENT, CHAT, EMBEDDING, TIMES, TOOL, span, totals, usage

MODEL = {"gen_ai.request.model": "m", "gen_ai.provider.name": "p"}
UNKNOWN = (0, None, 1)
NOTHING = (0, 0.0, 0)
RERANKER = {"gen_ai.operation.name": "rerank", "gen_ai.request.model": "rerank-v3.5"}
OPENLIT = {"scope": "openlit.instrumentation.openai_agents", "scope_version": "1.45.0"}
AGNO = {"scope": "opentelemetry.instrumentation.agno", "scope_version": "0.62.4"}
AGNO_AGENT = {"traceloop.span.kind": "agent", "gen_ai.system": "agno", "gen_ai.request.model": "gpt-4o-mini"}


def told(*spans: dict[str, Any]) -> tuple[Any, ...]:
    """(model events, cost, unpriced events)."""
    attributes = dict(replay({"spans": list(spans)}).attributes or {})
    names = ("num_model_events", "cost", "num_unpriced_events")
    return tuple(attributes.get(f"metadata.{name}", 0 if name != "cost" else None) for name in names)


def only(attributes: dict[str, Any], **more: Any) -> tuple[Any, ...]:
    """What a session of one span says."""
    return told(span("a", None, attributes, TIMES[0], **more))


class TestEveryWord:
    """Spans that state no tokens, by the word for their kind."""

    @pytest.mark.parametrize(
        ("key", "word"),
        [
            pytest.param(row.key, word, id=f"{row.key}-{word}")
            for table in CONVENTIONS
            for row in table.kinds
            for word in (*row.values, *(f"x{end}" for end in row.suffixes))
            if re.search(r"embed|rerank|stt|tts|moderation", word)
        ],
    )
    def test_billed(self, key: str, word: str) -> None:
        """What providers bill has an unknown cost where a model is named."""
        assert only({key: word, **MODEL}) == UNKNOWN

    @pytest.mark.parametrize("attributes", [{}, MODEL])
    @pytest.mark.parametrize("word", ["execute_tool", "retrieval", "vectordb", "count_tokens", "search_memory", "create_agent"])
    def test_free(self, word: str, attributes: dict[str, Any]) -> None:
        """Tools, stores, and what providers do not bill cost nothing."""
        assert only({"gen_ai.operation.name": word, **attributes}) == NOTHING

    @pytest.mark.parametrize("word", ["rerank", "stt", "tts", "moderation"])
    def test_without_model(self, word: str) -> None:
        """What names no model may be local code."""
        assert only({"gen_ai.operation.name": word}) == NOTHING

    @pytest.mark.parametrize("model", ["omni-moderation-latest", "text-moderation-007"])
    def test_free_models(self, model: str) -> None:
        """OpenAI's moderation is free."""
        assert only({"gen_ai.operation.name": "moderation", "gen_ai.request.model": model}) == NOTHING

    def test_named_by_others(self) -> None:
        """A name that is no model's makes no bill: a flow of Genkit's."""
        assert only({"genkit:metadata:subtype": "flow", "genkit:name": "menu"}) == NOTHING

    @pytest.mark.parametrize("zeros", [usage(0, 0), {"gen_ai.usage.cost": 0.0}])
    def test_zeros(self, zeros: dict[str, Any]) -> None:
        """Zeros are no figures."""
        assert only({**EMBEDDING, **zeros}) == UNKNOWN

    def test_failed(self) -> None:
        """What failed was not billed."""
        failed = {"status": {"code": "ERROR", "description": "no"}}
        assert all(only(attributes, **failed) == NOTHING for attributes in (EMBEDDING, RERANKER))

    def test_recorded_cost(self) -> None:
        """A cost that stands on the span is the cost."""
        assert only({**EMBEDDING, "gen_ai.usage.cost": 0.5}) == (0, 0.5, 0)


class TestTwice:
    """Silent calls above, below and beside others."""

    def test_nested(self) -> None:
        """Of two that nest, one counts."""
        assert told(span("a", None, EMBEDDING, TIMES[0]), span("b", "a", EMBEDDING, TIMES[1])) == UNKNOWN

    def test_wrapper(self) -> None:
        """One above several stands for none of its own."""
        inner = [span(name, "a", EMBEDDING, TIMES[number]) for number, name in enumerate("bcd", 1)]
        assert told(span("a", None, EMBEDDING, TIMES[0]), *inner) == (0, None, 3)

    @pytest.mark.parametrize("outer", [EMBEDDING, RERANKER, AGENT])
    @pytest.mark.parametrize("inner", [{**EMBEDDING, **usage(100, 0)}, {**CHAT, **usage(100, 0)}])
    def test_figures_below(self, outer: dict[str, Any], inner: dict[str, Any]) -> None:
        """One above a call with figures is that call, or made it."""
        found = totals(span("a", None, outer, TIMES[0]), span("b", "a", inner, TIMES[1]))
        assert found == (int("chat" in inner.values()), 100, 100, 0)

    def test_figures_above(self) -> None:
        """One below an embedding with figures is the same."""
        outer = span("a", None, {**EMBEDDING, **usage(100, 0)}, TIMES[0])
        assert totals(outer, span("b", "a", EMBEDDING, TIMES[1])) == (0, 100, 100, 0)

    def test_below_sum(self) -> None:
        """An agent's sum is of its model calls: an embedding below is not in it."""
        agent = span("a", None, {**AGENT, **usage(100, 10)}, TIMES[0])
        assert totals(agent, span("b", "a", EMBEDDING, TIMES[1])) == (0, 110, 110, 1)

    @pytest.mark.parametrize("figures", [{}, usage(100, 10)])
    def test_below_model(self, figures: dict[str, Any]) -> None:
        """An embedding below a model call is another call."""
        chat = span("a", None, {**CHAT, **figures}, TIMES[0])
        assert totals(chat, span("b", "a", EMBEDDING, TIMES[1]))[3] == (1 if figures else 2)

    def test_beside(self) -> None:
        """Two scopes report one embedding; two embeddings of one scope are two."""
        one = [span(name, "root", EMBEDDING, TIMES[n], scope=name) for n, name in enumerate("ab", 1)]
        root = span("root", None, {}, TIMES[0])
        assert told(root, *one) == UNKNOWN
        assert told(root, *({**row, "scope": "a"} for row in one)) == (0, None, 2)

    def test_other_knows(self) -> None:
        """One that does not nest with a report that knows the tokens is that one."""
        knows = span("a", "root", {**EMBEDDING, **usage(100, 0)}, TIMES[2], scope="a")
        root, silent = span("root", None, {}, TIMES[0]), span("b", "root", EMBEDDING, TIMES[1], scope="b")
        assert totals(root, knows, silent) == (0, 100, 100, 0)

    def test_late(self) -> None:
        """One that ended before what is below it gives way, too."""
        outer = span("a", "root", EMBEDDING, (100, 300))
        assert told(span("root", None, {}, TIMES[0]), outer, span("b", "a", EMBEDDING, (200, 600))) == UNKNOWN

    def test_beside_known(self) -> None:
        """The known cost stays; what it lacks is counted."""
        root, chat = span("root", None, {}, TIMES[0]), span("a", "root", {**CHAT, **usage(100, 10)}, TIMES[1])
        assert totals(root, chat, span("b", "root", RERANKER, TIMES[2])) == (1, 110, 110, 1)


class TestAgents:
    """Agents below which nobody reports a call."""

    @pytest.mark.parametrize("agent", [AGENT, {"openinference.span.kind": "AGENT"}, {"traceloop.span.kind": "workflow"}])
    def test_others(self, agent: dict[str, Any]) -> None:
        """Of any other agent nobody knows whether it is code, or its calls are told elsewhere."""
        assert only({**agent, "gen_ai.request.model": "m"}) == NOTHING

    def test_crew(self) -> None:
        """OpenInference has no spans of CrewAI's calls: agents whose crew states no figures made some."""
        agent = {"openinference.span.kind": "AGENT", "task_key": "k"}
        assert only(agent, scope="openinference.instrumentation.crewai") == UNKNOWN

    def test_blind(self) -> None:
        """An agent alone, as AutoGen's, made calls that nobody reports."""
        agent = {**AGENT, "gen_ai.system": "autogen", "gen_ai.agent.description": "An agent"}
        assert only(agent, scope="autogen-core") == UNKNOWN
        assert told(span("a", None, agent, TIMES[0], scope="autogen-core"), span("t", "a", TOOL, TIMES[1])) == UNKNOWN

    def test_human(self) -> None:
        """AutoGen's stand-in for a human, and an agent that only comes into being, make no call."""
        agent = {**AGENT, "gen_ai.agent.description": "A human user"}
        assert only(agent, scope="autogen-core") == NOTHING
        created = {"gen_ai.operation.name": "create_agent", "gen_ai.agent.description": "An agent"}
        assert only(created, scope="autogen-core") == NOTHING

    def test_sole_reports(self) -> None:
        """Each run of an emitter that has no spans for calls counts, beside others that state figures, too."""
        root = span("root", None, {}, TIMES[0])
        silent = [span(name, "root", AGNO_AGENT, TIMES[n], **AGNO) for n, name in enumerate("ab", 1)]
        known = span("c", "root", {**AGNO_AGENT, **usage(100, 10)}, TIMES[3], **AGNO)
        assert told(root, *silent) == (0, None, 2)
        assert totals(root, *silent, known) == (0, 110, 110, 2)

    def test_stream_beside(self) -> None:
        """A stream's call is not below the run: where calls are told, runs are none."""
        run = span("run", "root", AGNO_AGENT, TIMES[1], **AGNO)
        call = span("call", "root", {**CHAT, **usage(100, 10)}, TIMES[2], scope="opentelemetry.instrumentation.openai.v1")
        assert totals(span("root", None, {}, TIMES[0]), run, call) == (1, 110, 110, 0)

    def test_below_sum(self) -> None:
        """A sum above runs has their calls."""
        crew = span("crew", None, {**AGENT, **usage(100, 10)}, TIMES[0])
        run = {**AGENT, "gen_ai.request.model": "gpt-4o", "crewai.agent.llm": "gpt-4o"}
        scope = {"scope": "opentelemetry.instrumentation.crewai.instrumentation"}
        assert totals(crew, span("run", "crew", run, TIMES[1], **scope)) == (0, 110, 110, 0)

    def test_turns(self) -> None:
        """OpenLIT names a turn of OpenAI's agents, and what is above agents, as it names agents: a turn alone is a call."""
        task = span("task", None, AGENT, TIMES[0], **OPENLIT)
        agent = span("agent", "task", {**AGENT, "gen_ai.agent.name": "ada"}, TIMES[1], **OPENLIT)
        turns = [span(name, "agent", AGENT, TIMES[n], **OPENLIT) for n, name in enumerate("ab", 2)]
        assert told(task, agent, *turns) == (2, None, 2)
        assert told(task, agent, turns[0]) == (1, None, 1)
        assert totals(task, agent, turns[0], span("c", "a", {**CHAT, **usage(100, 10)}, TIMES[3])) == (1, 110, 110, 0)

    def test_failed_turn(self) -> None:
        """A turn whose call failed is none."""
        failed = {"status": {"code": "ERROR", "description": "no"}}
        task, call = span("task", None, AGENT, TIMES[0], **OPENLIT), span("c", "task", CHAT, TIMES[1], **failed)
        assert told(task, call) == (1, 0.0, 0)


class TestStreams:
    """Emitters whose streams look like something else when nobody was told the usage."""

    def test_logfire_agents(self) -> None:
        """The generation of OpenAI's agents is a call, whatever it does not state; Logfire's own log of a stream follows elsewhere."""
        generation = {"gen_ai.request.model": "gpt-4o", "gen_ai.system": "openai", "request_data": "{}"}
        assert only(generation, scope="logfire.openai_agents") == (1, None, 1)
        assert only(generation, scope="logfire.openai") == NOTHING

    @pytest.mark.parametrize("name", ["instructor.create", "instructor.async_create"])
    def test_instructor(self, name: str) -> None:
        """OpenInference says of Instructor's calls that they are chains, and states no figures."""
        chain = {"openinference.span.kind": "CHAIN", "llm.model_name": "gpt-4o", "llm.provider": "openai"}
        row = {**span("a", None, chain, TIMES[0], scope="openinference.instrumentation.instructor"), "name": name}
        assert told(row) == (1, None, 1)
        assert totals(row, span("b", "a", {**CHAT, **usage(100, 10)}, TIMES[1])) == (1, 110, 110, 0)


NO_SPAN = (
    "anthropic.openlit/beta",
    "azure-ai-inference.openlit/stream",
    "azure-ai-inference.openlit/async-stream",
    "bedrock.openlit/",
    "clients.judgeval/embeddings",
    "openai.agentops/responses",
)
"""Calls that nobody reports at all: OpenLIT 1.45 has no spans of them, AgentOps and Judgment only the function around."""

_FIGURES = re.compile(r"usage|token|cost", re.IGNORECASE)


def _without(value: object) -> object:
    """A value without figures, however deep in JSON."""
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if not _FIGURES.search(key)}
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.dumps(_without(json.loads(value)))
        except ValueError:
            return "" if _FIGURES.search(value) else value
    return value


def _stripped(row: dict[str, Any]) -> dict[str, Any]:
    attributes = {key: _without(value) for key, value in row["attributes"].items() if not _FIGURES.search(key)}
    texts = {key for key, value in attributes.items() if isinstance(value, str) and "usage" in value.lower()}
    kept = {key: value for key, value in attributes.items() if key not in texts}
    return {**row, "attributes": kept, "events": [_stripped(event) for event in row.get("events", ())]}


def _silenced() -> Iterator[Case]:
    """Without figures, every scenario of each instrumentation that is recorded alone once, and one of those together."""
    for path in recordings():
        done = set()
        for case in cases_in(path):
            scenario = case["scenario"].split("/")[0] if "+" not in case["group"] else ""
            answered = [call for call in case["served"] if call["status"] < 400]
            if not case["id"].startswith(NO_SPAN) and not case["rootless"] and answered and scenario not in done:
                done.add(scenario)
                yield {**case, "spans": [_stripped(row) for row in case["spans"]]}


class TestRecorded:
    """What real instrumentations wrote, had nobody told them the figures."""

    @pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in _silenced()])
    def test_unknown(self, case: Case) -> None:
        """A session in which calls were answered has no cost."""
        attributes = replay(case).attributes or {}
        assert (0, None) == (attributes["metadata.total_tokens"], attributes.get("metadata.cost"))
