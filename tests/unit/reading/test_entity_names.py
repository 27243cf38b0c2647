"""The names of tools and agents."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._reading import entity_names
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.entity_names import MAX_KNOWN, MAX_NAME_CHARS, SpanNaming, short_name
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._schema import SpanNames

TOOL, AGENT = {"openinference.span.kind": "TOOL"}, {"openinference.span.kind": "AGENT"}
CHAIN = {"openinference.span.kind": "CHAIN"}
LANGCHAIN = "openinference.instrumentation.langchain"
CALL = {"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai"}


def read(attributes: dict[str, Any], name: str = "span", scope: str = "", *, failed: bool = False) -> Reading:
    """What a span with these attributes states."""
    return reading.read(SpanData(name, 1, 1, 2, "INTERNAL", scope, "", 0, 1, attributes, failed=failed))


class TestKeys:
    """Names that keys state."""

    def test_tool(self) -> None:
        """A tool has a name, and no agent, whoever used it."""
        found = read({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.agent.name": "a"})
        assert (Kind.TOOL, "weather", None) == (found.kind, found.tool_name, found.agent_name)

    def test_agent(self) -> None:
        """An agent has a name, and no tool."""
        found = read({**AGENT, "gen_ai.agent.name": "a", "gen_ai.tool.name": "weather"})
        assert (Kind.AGENT, None, "a") == (found.kind, found.tool_name, found.agent_name)

    def test_call(self) -> None:
        """A call has the agent that it states, else none."""
        assert (None, "a") == read({**CALL, "gen_ai.operation.name": "chat", "gen_ai.agent.name": "a"})[-3:-1]
        assert (None, None) == read({**CALL, "gen_ai.operation.name": "chat", "traceloop.entity.name": "a"}, "invoke_agent a")[
            -3:-1
        ]
        assert "a" == read({"gen_ai.operation.name": "embeddings", "gen_ai.agent.name": "a"}).agent_name

    @pytest.mark.parametrize(
        "key",
        [
            "langfuse.observation.metadata.lc_agent_name",
            "langsmith.metadata.lc_agent_name",
            "traceloop.association.properties.lc_agent_name",
        ],
    )
    def test_chain(self, key: str) -> None:
        """A chain has the agent that it is part of, if it states one: the calls below may state none."""
        chain = {**CHAIN, "tool.name": "t", "graph.node.name": "n", key: "a"}
        plain, more = read(chain), read({**chain, "output.value": "o"})
        assert [(Kind.CHAIN, None, "a")] * 2 == [(one.kind, one.tool_name, one.agent_name) for one in (plain, more)]
        assert (True, False) == (plain.is_plain, more.is_plain)
        assert [None] * 3 == [read({**chain, key: value}, "a").agent_name for value in ("", " ", True)]

    @pytest.mark.parametrize("key", ["agent.name", "gen_ai.agent.name", "graph.node.name"])
    def test_chain_itself(self, key: str) -> None:
        """What names the chain itself is no agent: some write the name of any chain there."""
        assert read({**CHAIN, key: "RunnableSequence"}).agent_name is None

    @pytest.mark.parametrize("kind", ["CHAIN", "RETRIEVER", "GUARDRAIL"])
    def test_others(self, kind: str) -> None:
        """Nothing else has either."""
        found = read({"openinference.span.kind": kind, "tool.name": "t", "agent.name": "a", "output.value": "o"})
        assert (None, None) == (found.tool_name, found.agent_name)

    def test_order(self) -> None:
        """The first key with a valid name wins; then what the span is about; then the span's name."""
        keys = {"tool.name": "a", "gen_ai.tool.name": "b", "traceloop.entity.name": "c"}
        found = []
        for key in keys:
            found.append(read({**TOOL, **keys}, "d").tool_name)
            keys[key] = " "
        assert ["a", "b", "c", "d"] == [*found, read({**TOOL, **keys}, "d").tool_name]

    def test_nameless(self) -> None:
        """What an instrumentation states of all agents is no name."""
        call = {**CALL, "gen_ai.operation.name": "chat", "gen_ai.agent.name": "OpenAI Agent"}
        assert "OpenAI Agent" == read(call).agent_name
        assert read(call, scope="opentelemetry.instrumentation.openai_agents").agent_name is None

    def test_readable_agent(self) -> None:
        """CrewAI writes a hash beside the role."""
        assert "Writer" == read({**AGENT, "gen_ai.agent.name": "04a10b2a", "crewai.agent.role": "Writer"}).agent_name


class TestTexts:
    """Names in the metadata of LangChain's runs."""

    METADATA: ClassVar[dict[str, object]] = {
        "ls_integration": "langchain_create_agent",
        "lc_agent_name": "planner",
        "tenant": "a",
    }

    @pytest.mark.parametrize("kind", ["AGENT", "CHAIN", "EMBEDDING", "LLM"])
    @pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
    def test_name(self, kind: str, separators: tuple[str, str]) -> None:
        """Agents, chains and calls have the name, however the JSON is spaced."""
        text = json.dumps(self.METADATA, separators=separators)
        found = read({"openinference.span.kind": kind, "metadata": text}, "model", LANGCHAIN)
        assert (None, "planner") == (found.tool_name, found.agent_name)

    def test_tool(self) -> None:
        """A tool has its own name."""
        found = read({**TOOL, "metadata": json.dumps(self.METADATA)}, "lookup", LANGCHAIN)
        assert ("lookup", None) == (found.tool_name, found.agent_name)

    @pytest.mark.parametrize("name", ["A planner", "Пла́н", "计划", 'a "b" \\ c', "tab\tend", "{}", "🙂"])
    @pytest.mark.parametrize("is_ascii", [True, False])
    def test_escapes(self, name: str, *, is_ascii: bool) -> None:
        """The name is that which was written."""
        text = json.dumps({"a": 1, "lc_agent_name": name}, ensure_ascii=is_ascii)
        assert name == read({**CHAIN, "metadata": text}, scope=LANGCHAIN).agent_name

    def test_key(self) -> None:
        """A key states it nearer."""
        key, metadata = "traceloop.association.properties.lc_agent_name", json.dumps(self.METADATA)
        found = [read({**CHAIN, "metadata": metadata, key: value}, scope=LANGCHAIN).agent_name for value in ("a", " ")]
        assert ["a", "planner"] == found

    def test_scope(self) -> None:
        """What others write there is theirs."""
        assert read({**CHAIN, "metadata": json.dumps(self.METADATA)}, scope="app").agent_name is None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{}",
            '{"lc_agent_name": null}',
            '{"lc_agent_name": ""}',
            '{"lc_agent_name": "  "}',
            '{"lc_agent_name": "a"',  # cut off, but not in the name
            '{"lc_agent_name": "a',
            '{"lc_agent_name": "\\x"}',
            '{"lc_agent_name": "\\',
            '{"lc_agent_name": ["a"]}',
            json.dumps({"note": '{"lc_agent_name": "a"}'}),
            json.dumps({"lc_agent_name": "a", "outer": {"lc_agent_name": "b"}}),
            json.dumps({"lc_agent_name": "a" * 2000}),
            json.dumps({"x": "a" * 20_000, "lc_agent_name": "a"}),
            7,
            None,
            [json.dumps({"lc_agent_name": "a"})],
        ],
    )
    def test_none(self, text: object) -> None:
        """A text without one name has none, whatever it holds."""
        expected = "a" if text == '{"lc_agent_name": "a"' else None
        attributes = {key: value for key, value in {**CHAIN, "metadata": text}.items() if value is not None}
        assert expected == read(attributes, scope=LANGCHAIN).agent_name

    def test_same(self) -> None:
        """A name that is written twice is one name."""
        text = json.dumps({"lc_agent_name": "a", "outer": {"lc_agent_name": "a"}})
        assert "a" == read({**CHAIN, "metadata": text}, scope=LANGCHAIN).agent_name

    def test_bound(self) -> None:
        """Of a long name the beginning is kept."""
        text = json.dumps({"lc_agent_name": "a" * 500})
        assert "a" * MAX_NAME_CHARS == read({**CHAIN, "metadata": text}, scope=LANGCHAIN).agent_name


class TestSpanNames:
    """Names that only the span's name states."""

    @pytest.mark.parametrize(
        ("name", "scope", "expected"),
        [
            ("weather", "", "weather"),
            ("execute_tool weather", "", "weather"),
            ("invoke_agent a b", "", "a b"),
            ("create_agent a", "", "a"),
            ("execute_tool", "", None),
            ("execute_tool ", "", None),
            ("weather.tool", "", "weather"),
            ("a.agent", "", "a"),
            ("execute_tool a.tool", "", "a"),
            ("None.agent", "", None),
            ("get_weather.run", "openinference.instrumentation.crewai", "get_weather"),
            ("get_weather.run", "mine", "get_weather.run"),
            ("Hello._execute_core", "openinference.instrumentation.crewai", "Hello"),
            ("Agent.run", "openinference.instrumentation.agno", None),
            ("finish.__call__", "openinference.instrumentation.dspy", "finish"),
            ("invoke_agent gpt-4o", "gen_ai", None),
            ("invoke_agent generate_plan", "openlit.instrumentation.crewai", None),
            ("ai.toolCall", "ai", None),
            ("haystack.agent.run", "haystack", None),
            ("", "", None),
            (" \n", "", None),
        ],
    )
    def test_name(self, name: str, scope: str, expected: str | None) -> None:
        """It is the name without the operation, again the same when it is known."""
        for _ in range(2):
            assert expected == read(TOOL, name, scope).tool_name
            assert expected == read({**AGENT, "session.id": "s"}, name, scope).agent_name

    @pytest.mark.parametrize("row", [row for table in CONVENTIONS for row in table.span_names], ids=repr)
    def test_rows(self, row: SpanNames) -> None:
        """Each part of each row is taken off, and each name that is none is known."""
        scope = row.scopes[0] if row.scopes else "any"
        for span_name in (*(f"{part}x" for part in row.before), *(f"x{part}" for part in row.after)):
            assert "x" == read(TOOL, span_name, scope).tool_name
        for span_name in (*row.nameless, *(f"{part}x" for part in row.nameless_before)):
            assert read(AGENT, span_name, scope).agent_name is None


class TestPlain:
    """Spans that state only a kind, a name and a session are read in one step."""

    @pytest.mark.parametrize("session", [{}, {"session.id": "s"}, {"gen_ai.conversation.id": "s"}, {"session.id": ("s",)}])
    @pytest.mark.parametrize(
        "attributes",
        [
            {"gen_ai.tool.name": "t"},
            {"gen_ai.agent.name": "a"},
            {**TOOL, "tool.name": "t"},
            {**AGENT, "agent.name": "a"},
            {**TOOL, "tool.name": ""},
            {**TOOL, "tool.name": 1},
            {**AGENT, "agent.name": "n" * 2000},
            {**AGENT, "agent.name": ("a",), "graph.node.name": "b"},
            {"gen_ai.operation.name": "execute_tool"},
        ],
    )
    def test_as_the_others(self, attributes: dict[str, Any], session: dict[str, Any]) -> None:
        """It comes to the same as the full reading, which a failure asks for."""
        full = read({**attributes, **session}, "invoke_agent n", failed=True)
        for _ in range(2):
            found = read({**attributes, **session}, "invoke_agent n")
            assert found.is_plain
            assert full._replace(error=None, is_plain=True) == found

    def test_kept(self) -> None:
        """The reading of such a span is made once for each kind, name and session."""
        for more in ({}, {"session.id": "kept-name"}):
            first = read({**TOOL, "tool.name": "t", **more})
            assert first is read({**TOOL, "tool.name": "t", "app.key": 1, **more}, "other")
            assert first != read({**TOOL, "tool.name": "u", **more})
            assert first != read({**AGENT, "agent.name": "t", **more})


class TestShortName:
    """Names that come from anywhere."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (' "weather" ', "weather"),
            ("a\x1b[2J", "a\x1b[2J"),
            ("n" * 129, "n" * 128),
            ("n" * 127 + "  n", "n" * 127),
            ("n" * 10**6, "n" * 128),
            (" " * 10**6 + "n", None),
            (7, "7"),
            (True, None),
            (1.5, None),
            (None, None),
            (("a",), None),
            (b"a", None),
            ({}, None),
            ("[Scrubbed due to 'auth']", None),
        ],
    )
    def test_value(self, value: object, expected: str | None) -> None:
        """It is text of at most 128 characters, without blanks around it."""
        for _ in range(2):
            assert expected == short_name(value)
            assert expected is None or len(expected) <= MAX_NAME_CHARS

    def test_bound(self) -> None:
        """Names are remembered up to a bound, each as it was."""
        naming = SpanNaming((), "")
        for number in range(MAX_KNOWN + 2):
            assert f"n-{number}" == naming.name_in(f"n-{number}")
        assert len(entity_names._known) <= MAX_KNOWN
        assert len(entity_names._named) <= MAX_KNOWN
        assert "long" * 32 == naming.name_in("long" * 1000)
        assert not any(len(name) > 256 for _, name in entity_names._named)
