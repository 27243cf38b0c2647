"""Which session a span names, and which ids are copies of a conversation's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_session_agg._reading.span import session_of
from otel_session_agg.conventions._precedence import SESSIONS, STATED_BY_APPLICATIONS, WEAK_SESSIONS


def named(attributes: dict[str, Any], scope: str = "app", version: str = "1") -> tuple[str | None, bool]:
    """The session, and whether it is weak."""
    return session_of(scope, version, attributes)


class TestCopies:
    """A strong key with the id of a conversation."""

    @pytest.mark.parametrize("weak", sorted({*WEAK_SESSIONS} - STATED_BY_APPLICATIONS))
    @pytest.mark.parametrize("strong", SESSIONS)
    def test_same_value(self, strong: str, weak: str) -> None:
        """An id that also stands under the key of a conversation is weak, under whatever key it stands."""
        assert ("c", True) == named({strong: "c", weak: "c"})
        assert ("s", False) == named({strong: "s", weak: "c"})

    def test_said_twice(self) -> None:
        """What the application says under two keys, one of them a vendor's, is its own."""
        assert ("s", False) == named({"session.id": "s", "$ai_session_id": "s"})
        assert ("s", False) == named({"session.id": "s", "ai.telemetry.metadata.sessionId": "s"})
        assert ("s", True) == named({"session.id": "s", "$ai_session_id": "s", "gen_ai.conversation.id": "s"})

    @pytest.mark.parametrize("key", ["thread_id", "session_id", "conversation_id"])
    @pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
    def test_metadata(self, key: str, separators: tuple[str, str]) -> None:
        """So is one that stands in OpenInference's metadata as a thread's, however that is written."""
        for value in ("thread-1", 'with "quotes" \\ and ünï', "7"):
            metadata = json.dumps({"a": 1, key: value, "b": [{"c": "d"}]}, separators=separators)
            assert (value, True) == named({"session.id": value, "metadata": metadata})
            assert ("s", False) == named({"session.id": "s", "metadata": metadata})

    def test_numbers(self) -> None:
        """A thread may be a number."""
        assert ("7", True) == named({"session.id": "7", "metadata": '{"thread_id": 7}'})
        assert ("7", True) == named({"session.id": 7, "gen_ai.conversation.id": "7"})

    def test_other_names(self) -> None:
        """Other metadata with the same value says nothing."""
        assert ("s", False) == named({"session.id": "s", "metadata": '{"tenant": "s", "my_thread_id": "s"}'})

    def test_another_strong_one(self) -> None:
        """Beside a copy, a session of the application's own counts."""
        own = {"session.id": "c", "gen_ai.conversation.id": "c", "traceloop.association.properties.session_id": "s"}
        assert ("s", False) == named(own)

    @pytest.mark.parametrize("scope", ["openinference.instrumentation.agno", "openinference.instrumentation.google_adk"])
    def test_memories(self, scope: str) -> None:
        """What an emitter writes of the framework's own memory is weak without any proof on the span."""
        assert ("m", True) == named({"session.id": "m"}, scope)
        assert ("m", False) == named({"session.id": "m"}, "openinference.instrumentation.openai")

    def test_association(self) -> None:
        """OpenLLMetry's LangChain copies a run's metadata to where its SDK has what the application states."""
        own = {"traceloop.association.properties.session_id": "chat-1"}
        assert ("chat-1", True) == named(own, "opentelemetry.instrumentation.langchain")
        assert ("chat-1", False) == named(own, "opentelemetry.instrumentation.openai")
        assert ("t", True) == named({"traceloop.association.properties.thread_id": "t"})

    @pytest.mark.parametrize(
        "metadata",
        [
            None,
            7,
            ("thread_id", "s"),
            "",
            '{"thread_id": "s',
            '{"thread_id": "\\u12"}',
            '{"thread_id": s}',
            '"thread_id": "' * 50_000,
            '"thread_id": "\\' * 50_000,
        ],
    )
    def test_hostile(self, metadata: object) -> None:
        """What is no metadata is none, however long."""
        assert ("s", False) == named({"session.id": "s", "metadata": metadata})
