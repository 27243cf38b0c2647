"""Which key states what was read."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Status, StatusCode

from otel_session_agg._explain.keys import EVENTS, MAX_KEYS, NAME, STATUS, Stated, _Span, stated_by
from otel_session_agg._reading.plan import Scopes
from otel_session_agg._reading.span import INDEX, read
from otel_session_agg._spans.received import span_data
from otel_session_agg.testing import make_span

from .conftest import call


def _stated(attributes: dict[str, Any], **more: Any) -> dict[str, Stated]:
    return stated_by(span_data(make_span(attributes=attributes, **more)), Scopes(INDEX))


class TestStatedBy:
    """One key for each thing, where there is one."""

    def test_plain(self) -> None:
        """Each figure and name is stated by its own key."""
        stated = _stated(call(**{"gen_ai.conversation.id": "c"}))
        assert ("gen_ai.operation.name",) == stated["kind"].keys
        assert Stated(("gen_ai.usage.input_tokens",)) == stated["prompt_tokens"]
        assert Stated(("gen_ai.usage.output_tokens",)) == stated["completion_tokens"]
        assert Stated(("gen_ai.request.model",)) == stated["request_model"]
        assert Stated(("gen_ai.conversation.id",)) == stated["session_id"]

    def test_sum(self) -> None:
        """A total that no key states is stated by its parts."""
        assert {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"} == set(_stated(call())["total_tokens"].keys)

    def test_several(self) -> None:
        """Of several keys that state the same, the first in the reader's order is named, and the others are mentioned."""
        keys = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
        attributes = {**call(), **dict.fromkeys(keys, 1000)}
        prompt = _stated(attributes)["prompt_tokens"]
        assert set(keys) == {*prompt.keys, *prompt.also}
        different = {**attributes, **{key: number for number, key in enumerate(keys)}}
        usage = read(span_data(make_span(attributes=different))).usage
        assert usage is not None
        assert (keys[usage.prompt_tokens or 0],) == prompt.keys

    def test_name(self) -> None:
        """A kind that follows from a span's name is stated by it."""
        assert (NAME,) == _stated({}, name="invocation", scope="gcp.vertex.agent")["kind"].keys

    def test_names(self) -> None:
        """A name of a tool or agent is stated by its key, else by the name of the span; the kind's key does not state it."""
        tool = {"openinference.span.kind": "TOOL"}
        assert Stated(("tool.name",)) == _stated({**tool, "tool.name": "t"})["tool_name"]
        assert Stated(("tool.name",), (NAME,)) == _stated({**tool, "tool.name": "t"}, name="t")["tool_name"]
        assert Stated((NAME,)) == _stated(tool, name="execute_tool t")["tool_name"]
        named = _stated({"haystack.tool.name": "t"}, name="haystack.agent.step.tool")
        assert ((NAME,), ("haystack.tool.name",)) == (named["kind"].keys, named["tool_name"].keys)
        assert Stated(("gen_ai.agent.name",)) == _stated(call(**{"gen_ai.agent.name": "a"}))["agent_name"]

    def test_first_token(self) -> None:
        """The time to the first token is stated by a key, or by an event."""
        stated = _stated(call(**{"gen_ai.response.time_to_first_chunk": 0}))
        assert Stated(("gen_ai.response.time_to_first_chunk",)) == stated["first_token_ns"]
        start = 1_800_000_000 * 10**9
        event = Event("First Token Stream Event", timestamp=start + 1)
        found = _stated(call(), events=[event], start_ns=start, end_ns=start + 2)
        assert Stated((EVENTS,)) == found["first_token_ns"]

    def test_error(self) -> None:
        """An error is stated by the status, by an event or by both."""
        failed = Status(StatusCode.ERROR)
        assert (STATUS,) == _stated({}, status=Status(StatusCode.ERROR, "timeout"))["error"].keys
        exception = Event("exception", {"exception.message": "timeout"})
        assert {STATUS, EVENTS} == set(_stated({}, status=failed, events=[exception])["error"].keys)

    def test_nothing(self) -> None:
        """A span that states nothing has no keys."""
        assert {} == _stated({"http.method": "GET"})

    def test_unused(self) -> None:
        """A value that is not used is stated by its key, too."""
        assert Stated(("gen_ai.usage.cost",)) == _stated(call(**{"gen_ai.usage.cost": "free"}))["ignored"]

    def test_long_texts(self) -> None:
        """Messages change nothing about what is stated."""
        messages = {f"llm.input_messages.{number}.message.content": "text " * 2000 for number in range(100)}
        assert _stated(call())["prompt_tokens"] == _stated({**call(), **messages})["prompt_tokens"]

    def test_events(self) -> None:
        """Where an emitter writes what it states on events, their keys are those of the span."""
        event = Event("LLMChatEndEvent", {"response": "{}", "model": "gpt-4o-mini"})
        span = span_data(make_span(scope="llamaindex.opentelemetry", events=[event], attributes=call()))
        stated = stated_by(span, Scopes(INDEX))
        assert Stated(("gen_ai.usage.input_tokens",)) == stated["prompt_tokens"]

    def test_bounded(self) -> None:
        """Only so many keys are left out one by one."""
        attributes = {**call(), **dict.fromkeys(list(INDEX.entries)[:400], "x")}
        assert len(_Span(span_data(make_span(attributes=attributes)), Scopes(INDEX)).keys) <= MAX_KEYS + 3
