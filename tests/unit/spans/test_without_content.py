"""Spans without what people and models wrote: what stays, what goes, whatever the texts hold."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.span import SpanEvent
from otel_session_agg._reading.span import read
from otel_session_agg._spans.scrubbed_text import scrubbed
from otel_session_agg._spans.without_content import without_content, without_long_texts
from tests.support.offline import stored_span

_SCOPE = "openinference.instrumentation.openai"


def _left(attributes: dict[str, Any], scope: str = "app") -> dict[str, Any]:
    return dict(without_content(stored_span(1, attributes=attributes, scope_name=scope)).attributes)


def _deep(value: object) -> object:
    for _ in range(100_000):
        value = [value]
    return value


class TestAttributes:
    """What is kept of attributes."""

    def test_names_and_figures(self) -> None:
        """Ids, names, counts, costs and flags stay, also as texts."""
        stated = {
            "session.id": "s 1",
            "user.id": "Ada L.",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": "12",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.call.id": "call_1",
            "openinference.span.kind": "LLM",
            "http.response.status_code": 200,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.total_tokens": [17, "17"],
            "llm.token_count.prompt": None,
        }
        assert {**stated, "gen_ai.tool.call.id": ""} == _left(stated)

    def test_content(self) -> None:
        """Of prompts, arguments and feedback only the keys that are read stay; nothing of what nobody knows."""
        stated = {
            "input.value": "secret",
            "output.value": '{"usage": {"prompt_tokens": 3}, "id": "secret"}',
            "gen_ai.input.messages": "secret",
            "gen_ai.tool.call.arguments": "secret",
            "annotations.secret": "secret",
            "my.note": "secret",
            "my.vector": [0.1],
            "error.type": "Timeout",
            "url.full": "https://api.openai.com/v1?q=secret",
        }
        assert {
            "output.value": "",
            "gen_ai.input.messages": "",
            "gen_ai.tool.call.arguments": "",
            "annotations.": "",
            "error.type": "Timeout",
            "url.full": "https://api.openai.com/v1",
        } == _left(stated)

    def test_kept(self) -> None:
        """What sessions are grouped by stays."""
        span = stored_span(1, attributes={"tenant": "Acme, Inc.", "other": "secret"})
        assert {"tenant": "Acme, Inc."} == without_content(span, frozenset({"tenant"})).attributes

    def test_figures_in_texts(self) -> None:
        """Of an answer that is read for figures these stay, in its form."""
        answer = {"id": "a secret", "model": "gpt-4o", "my secret": 7, "usage": {"prompt_tokens": 3, "note": "a secret"}}
        left = _left({"output.value": json.dumps(answer)}, _SCOPE)["output.value"]
        assert '{"id": "t0", "model": "gpt-4o", "k0": 0, "usage": {"prompt_tokens": 3, "k1": "t0"}}' == left

    def test_odd_values(self) -> None:
        """What is no figure, kind, time or name where one belongs becomes one that is none, too."""
        stated = {
            "gen_ai.usage.input_tokens": "a secret",
            "gen_ai.usage.output_tokens": " ",
            "gen_ai.usage.total_tokens": ["3", "a secret", ["a secret"]],
            "gen_ai.operation.name": "a secret of mine",
            "langfuse.observation.completion_start_time": "a secret",
            "gen_ai.request.model": "x" * 2000,
            "gen_ai.request.stream": "true",
            "gen_ai.agent.description": "A human user, and a secret",
            "ai.request.headers.user-agent": "ai/5.0",
            "llm.usage.nothing": None,
            "ai.usage.promptTokens": 1,
            "llm.response.duration": ["a secret"],
            "gen_ai.tool.call.arguments": ["a secret"],
        }
        left = _left(stated)
        assert "secret" not in repr(left)
        keys = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.request.stream")
        assert ["-", "", "true"] == [left[key] for key in keys]
        assert "A human user" == left["gen_ai.agent.description"]
        assert "ai/5.0" == left["ai.request.headers.user-agent"]
        assert len(left["gen_ai.request.model"]) > 1024
        assert read(stored_span(1, attributes=stated)) == read(stored_span(1, attributes=left))

    def test_time(self) -> None:
        """The time of the first token stays."""
        stated = {"langfuse.observation.completion_start_time": '"2026-11-22T04:52:26.879174Z"'}
        assert stated == _left(stated)

    def test_metadata(self) -> None:
        """Plain values of a session's metadata stay, nested texts do not."""
        metadata = (
            '{"plan": "pro plus", "thread_id": "t 1", "more": {"note": "a secret", "thread_id": "t-2"}, "list": ["a secret"]}'
        )
        assert (
            '{"plan": "pro plus", "thread_id": "t 1", "more": {"k0": "t0", "thread_id": "t-2"}, "list": ["t0"]}'
            == _left({"metadata": metadata})["metadata"]
        )


def test_events_and_errors() -> None:
    """Of errors the type stays; events of which nothing is read go."""
    events = [
        SpanEvent("exception", {"exception.type": "ValueError", "exception.message": "secret"}, 1),
        SpanEvent("secret", {"body": "secret"}, 2),
        SpanEvent("gen_ai.evaluation.result", {"gen_ai.evaluation.explanation": "secret"}, 3),
    ]
    span = without_content(stored_span(1, events=events, failed=True, status_description="secret"))
    assert "secret" not in repr(span)
    assert "ValueError" == read(span).error
    assert read(span).has_feedback


def test_events_that_are_read() -> None:
    """Of events that stand for attributes the same stays as of attributes."""
    event = SpanEvent("LLMChatEndEvent", {"response.raw.id": "r-1", "response.message": "secret", "model": "null"}, 1)
    scope = "llamaindex.opentelemetry"
    (left,) = without_content(stored_span(1, events=[event], scope_name=scope)).events
    assert event._replace(attributes={"response.raw.id": "r-1", "model": "null"}) == left


class TestTexts:
    """Texts that are read for figures."""

    @pytest.mark.parametrize(
        ("text", "left"),
        [
            ("", ""),
            ("my answer is x=3", "-"),
            ("total_tokens=10 secret=4", "total_tokens=10"),
            (
                '{"usage": {"input_tokens": "12", "cost": "0.5", "note": "12"}}',
                '{"usage": {"input_tokens": "12", "cost": "0.5", "k0": "t0"}}',
            ),
            ('{"usage": {"is_byok": true}, "a": true, "b": 5}', '{"usage": {"is_byok": true}, "k0": true, "k1": 0}'),
            ('{"secret_pages": 4}', '{"k0_pages": 4}'),
            ('{"a": "one\ntwo", "b": "one\ttwo"}', '{"k0": "t0\n", "k1": "t1\t"}'),
            ("{'model': 'a secret', 'role': 'assistant'}", "{'model': 't0', 'role': 'assistant'}"),
            ('{"a": secret, "b": "never closed', '{"k0": x, "k1": "'),
            (
                """{"replies": ["say {'usage': {'input_tokens': 3, 'note': 'a secret'}} to me"]}""",
                """{"replies": ["t0 'usage': {'input_tokens': 3, 'k0': 't0'}"]}""",
            ),
            (
                r'{"replies": ["say \"usage\": {\"input_tokens\": 3}"]}',
                r'{"replies": ["t0 \"usage\": {\"input_tokens\": 3}"]}',
            ),
            (
                '{"replies": ["a(usage=Usage(total_tokens=3, name=secret), secret)"]}',
                '{"replies": ["t0 usage=x(total_tokens=3, x=x)"]}',
            ),
            ('{"replies": ["usage=Usage(total_tokens=3"]}', '{"replies": ["t0 usage=x(total_tokens=3"]}'),
        ],
    )
    def test_left(self, text: str, left: str) -> None:
        """Figures, known names and the form stay."""
        assert left == scrubbed(text)

    def test_too_long(self) -> None:
        """Of a text that nobody parses the beginning is left, in which a name may be looked for."""
        text = '{"meta": {"model": "gpt-4o"}, "content": "' + "secret " * 10_000 + '"}'
        assert '{"meta": {"model": "gpt-4o"}, "k0": "' == scrubbed(text)

    def test_costs(self) -> None:
        """Of costs all numbers stay, since they are added up."""
        assert '{"k0": 0.5, "input": 1}' == scrubbed('{"secret": 0.5, "input": 1}', keeps_all=True)


class TestLongTexts:
    """Long texts that nothing reads."""

    def test_left_out(self) -> None:
        """Their keys stay; short texts, names, and what may have figures in it stay as they are."""
        long = "word " * 300
        stated = {
            "gen_ai.output.messages": long,
            "llm.input_messages.0.message.content": long,
            "my.notes": ("a", {"content": long}),
            "my.tags": ("a", "b"),
            "tenant": long,
            "gen_ai.request.model": long,
            "metadata": long,
            "gen_ai.usage.input_tokens": 12,
            "my.note": "short",
        }
        gone = {"gen_ai.output.messages", "llm.input_messages.0.message.content", "my.notes"}
        span = stored_span(1, attributes=stated)
        left = without_long_texts(span, frozenset({"tenant"})).attributes
        assert {**stated, **dict.fromkeys(gone, "")} == left
        assert list(stated) == list(left)

    def test_events(self) -> None:
        """An error stays what it is; its stack trace goes, as other contents of events do."""
        long = "word " * 300
        events = (
            SpanEvent("exception", {"exception.message": "it broke", "exception.stacktrace": long}, 5),
            SpanEvent("gen_ai.user.message", {"content": long}, 6),
        )
        span = stored_span(1, events=events, failed=True)
        left = without_long_texts(span)
        shorter = [{"exception.message": "it broke", "exception.stacktrace": ""}, {"content": ""}]
        assert shorter == [one.attributes for one in left.events]
        assert read(span).error == read(left).error == "it broke"

    def test_short(self) -> None:
        """A span without any is the same object."""
        span = stored_span(1, attributes={"gen_ai.output.messages": "hello", "n": 1})
        assert without_long_texts(span) is span


class TestHostile:
    """Texts that are made to break it."""

    @given(st.text(alphabet="{}[]():=,'\"\\ \n1aeusg_", max_size=60))
    def test_any(self, text: str) -> None:
        """No text raises, and what is left of it is left of that, too."""
        left = scrubbed("{" + text)
        assert left == scrubbed(left)

    @pytest.mark.parametrize("unit", ["{", '{"a":', "[", '"', "\\", "usage=U(", "'usage': {", '"' + "\\" * 3, " ", "a=", "1"])
    def test_linear(self, unit: str) -> None:
        """Long ones take no time; what is not linear takes minutes."""
        inner = (unit * (65_000 // len(unit))).replace('"', "'")
        began = time.thread_time()
        for text in ('{"replies": "' + inner + '"}', "{" + inner, inner, "{" + inner * 100):
            scrubbed(text)
        assert time.thread_time() - began < 5.0

    @pytest.mark.parametrize(
        "value", [{"usage": {"input_tokens": 5, "x": "secret"}}, [{"secret": "secret"}], _deep("secret"), b"secret", [["secret"]]]
    )
    def test_not_text(self, value: object) -> None:
        """Values that are no texts, but have some in them."""
        keys = ("output.value", "gen_ai.usage.raw", "gen_ai.request.model", "gen_ai.usage.input_tokens", "metadata", "x", "event")
        assert "secret" not in repr(_left(dict.fromkeys(keys, value), _SCOPE))
