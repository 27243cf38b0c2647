"""What ended spans state, alone and together with what was known when they began."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from otel_session_agg._model.span import LACKS_FIGURES, LACKS_SESSION, Kind, Reading, SpanData, SpanEvent, Usage
from otel_session_agg._reading import kept_readings
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.entity_names import SpanNaming
from otel_session_agg._reading.kept_readings import MAX_KEPT
from otel_session_agg._reading.plan import ReadingPlan
from otel_session_agg._reading.span import MAX_NAMES, Reader
from otel_session_agg.conventions._schema import Effect, Emitter
from tests.support.apps import CALL

NO_ID = frozenset[str]()


def span(attributes: dict[str, Any], dropped: int = 0, *, parent_id: int | None = 9, failed: bool = False) -> SpanData:
    """An ended span."""
    return SpanData("chat", 1, 2, parent_id, "INTERNAL", "", "", 1, 2, attributes, failed=failed, dropped_attributes=dropped)


@pytest.fixture
def reader() -> Reader:
    """One that reads by the real tables."""
    return Reader(reading.read)


def session(event: Reading) -> tuple[str | None, bool]:
    """Session, and whether it is weak."""
    return event.session_id, event.session_is_weak


class TestPlain:
    """Spans whose keys state nothing."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({"gen_ai.tool.name": "t"}, Kind.TOOL),
            ({"gen_ai.agent.name": "a"}, Kind.AGENT),
            ({"gen_ai.tool.name": "t", "gen_ai.request.model": "m", "gen_ai.provider.name": "p"}, Kind.TOOL),
            ({"gen_ai.request.model": "m"}, Kind.SPAN),
            ({"gen_ai.provider.name": "p"}, Kind.SPAN),
            ({"gen_ai.request.model": "m", "gen_ai.provider.name": "p"}, Kind.MODEL),
            ({"gen_ai.request.model": "", "gen_ai.provider.name": "p"}, Kind.SPAN),
            ({"gen_ai.tool.name": "t", "gen_ai.operation.name": "other"}, Kind.SPAN),
            ({"gen_ai.tool.name": "t", "gen_ai.operation.name": "chat"}, Kind.MODEL),
        ],
    )
    def test_kind(self, attributes: dict[str, Any], expected: Kind) -> None:
        """Where no value names a kind the keys do, in a session, too; a call must name a model."""
        for _ in range(2):
            assert expected is reading.read(span(attributes)).kind
            assert expected is reading.read(span({**attributes, "session.id": "s"})).kind

    def test_nothing(self) -> None:
        """Nothing is read of them, whatever they are about."""
        web = {"http.request.method": "GET", "url.full": "https://example.org", "server.address": "example.org"}
        assert {Reading(Kind.SPAN, is_plain=True)} == {reading.read(span(attributes)) for attributes in (web, {"app.key": 1}, {})}

    def test_more_than_keys(self) -> None:
        """A failure, feedback on an event or a known name is read all the same."""
        plain = span({"app.key": 1})
        assert "error" == reading.read(plain._replace(failed=True)).error
        assert reading.read(plain._replace(events=[SpanEvent("gen_ai.evaluation.result", {})])).has_feedback
        assert Kind.AGENT is reading.read(plain._replace(name="haystack.agent.run")).kind


class TestTwoCounts:
    """Calls that state a prompt, a completion and nothing else of tokens."""

    @pytest.mark.parametrize(
        ("prompt", "completion", "expected"),
        [(3, 4, (3, 4, 7)), (0, 0, (0, 0, 0)), ("3", 4.0, (3, 4, 7)), (-1, 4, (None, 4, None)), (10**13, 4, (None, 4, None))],
    )
    def test_counts(self, prompt: object, completion: object, expected: tuple[int | None, ...]) -> None:
        """Plain counts are taken as they are; others are converted or refused, as beside other keys."""
        keys = {"gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": completion}
        for more in ({}, {"gen_ai.usage.reasoning_tokens": 0}):
            assert expected == (reading.read(span({**CALL, **keys, **more})).usage or ())[:3]


class TestInSession:
    """Spans that state a kind and a session, and nothing else."""

    TOOL: ClassVar = {"gen_ai.operation.name": "execute_tool"}

    @pytest.mark.parametrize(
        ("key", "value", "expected"),
        [
            ("session.id", "a", ("a", False)),
            ("gen_ai.conversation.id", "a", ("a", True)),
            ("session.id", ' "a" ', ("a", False)),
            ("session.id", 1, ("1", False)),
            ("session.id", True, (None, False)),
            ("session.id", "1", ("1", False)),
            ("session.id", "", (None, False)),
            ("gen_ai.conversation.id", "[Scrubbed due to 'session']", (None, False)),
            ("session.id", "a" * 1024, ("a" * 1024, False)),
            ("session.id", "a" * 1025, (None, False)),
            ("session.id", ("a",), (None, False)),
        ],
    )
    def test_session(self, key: str, value: object, expected: tuple[str | None, bool]) -> None:
        """It is read as on any other span, whatever was read before, and again the same."""
        for _ in range(2):
            for attributes, kind in (({}, Kind.SPAN), (self.TOOL, Kind.TOOL), (CALL, Kind.MODEL)):
                found = reading.read(span({**attributes, key: value}))
                assert (kind, *expected) == (found.kind, *session(found))

    def test_kept(self) -> None:
        """The reading of such a span is made once for each kind, name and session."""
        first = reading.read(span({**self.TOOL, "session.id": "kept"}))
        assert first is reading.read(span({**self.TOOL, "session.id": "kept", "app.key": 1}))
        assert Reading(Kind.TOOL, session_id="kept", is_plain=True, tool_name="chat") == first

    def test_more(self) -> None:
        """A failure, an output, a user or an event are read, too."""
        plain = span({**self.TOOL, "session.id": "more"})
        assert reading.read(plain) == Reading(Kind.TOOL, session_id="more", is_plain=True, tool_name="chat")
        assert "error" == reading.read(plain._replace(failed=True)).error
        assert "u" == reading.read(span({**plain.attributes, "user.id": "u"})).user_id
        assert "o" == reading.read(span({**plain.attributes, "output.value": "o"})).output
        assert reading.read(plain._replace(events=[SpanEvent("gen_ai.evaluation.result", {})])).has_feedback

    def test_two_ids(self) -> None:
        """An id beside that of a conversation is compared with it, on each span anew."""
        for conversation, expected in (
            ("s", ("s", True)), ("t", ("s", False)), (' "s" ', ("s", True)), ("", ("s", False)), (None, ("s", False)), (1, ("s", False)),
            ("s", ("s", True)), ("c" * 1025, ("s", False)),
        ):  # fmt: skip
            found = reading.read(span({"session.id": "s", "gen_ai.conversation.id": conversation}))
            assert expected == session(found)
        for value, expected in (("", ("c", True)), (1, ("1", False)), ("c", ("c", True)), ("s", ("s", False))):
            found = reading.read(span({"session.id": value, "gen_ai.conversation.id": "c"}))
            assert expected == session(found)

    def test_two_ids_kept(self) -> None:
        """The reading of a span with both is made once, too, and is none of those with one of them."""
        both = {"session.id": "one", "gen_ai.conversation.id": "two"}
        assert reading.read(span(both)) is reading.read(span({**both, "app.key": 1}))
        assert ("two", True) == session(reading.read(span({"gen_ai.conversation.id": "two"})))
        assert ("one", False) == session(reading.read(span({"session.id": "one"})))

    def test_three_ids(self) -> None:
        """Where more than two ids decide, each span is read anew."""
        three = {"session.id": "a", "gen_ai.conversation.id": "a", "langfuse.session.id": "b"}
        assert ("b", False) == session(reading.read(span(three)))
        assert ("a", True) == session(reading.read(span({**three, "langfuse.session.id": "a"})))

    def test_bound(self) -> None:
        """Readings are kept up to a bound."""
        for number in range(MAX_KEPT):
            assert f"s-{number}" == reading.read(span({"session.id": f"s-{number}"})).session_id
            assert f"t-{number}" == reading.read(span({"gen_ai.tool.name": f"t-{number}"})).tool_name
        for kept in (kept_readings._IN_SESSIONS, kept_readings._NAMED):
            assert len(kept.young) + len(kept._old) <= MAX_KEPT


class TestNames:
    """Names of providers and models, of which few occur."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("gpt", "gpt"),
            (' "gpt" ', "gpt"),
            (1, "1"),
            (True, None),
            ("1", "1"),
            ("", None),
            ("\u2003m\x85", "m"),
            ("m" * 1025, None),
        ],
    )
    def test_name(self, value: object, expected: str | None) -> None:
        """They are read as any text, whatever was read before; the second key is asked where the first has none."""
        for _ in range(2):
            attributes = {**CALL, "llm.model_name": value, "gen_ai.response.model": "other"}
            assert (expected or "other") == reading.read(span(attributes)).response_model

    def test_shared(self) -> None:
        """Calls of one model share its name; ids of answers are not kept."""
        names = [
            reading.read(span({**CALL, "gen_ai.response.model": f"shared {part}", "gen_ai.response.id": "r"}))
            for part in ("name", "name")
        ]
        assert names[0].response_model is names[1].response_model
        assert "r" == names[0].response_id
        assert "r" not in reading._NAMES

    def test_bound(self) -> None:
        """Names are kept up to a bound."""
        for number in range(MAX_NAMES + 10):
            assert f"model-{number}" == reading.read(span({**CALL, "gen_ai.response.model": f"model-{number}"})).response_model
            assert len(reading._NAMES) <= MAX_NAMES


class TestFields:
    """Readings are made of a plain tuple, which is fastest."""

    def test_order(self) -> None:
        """Each value is in its field."""
        attributes = {
            **CALL, "gen_ai.provider.name": "p", "gen_ai.response.model": "m", "gen_ai.request.model": "r", "gen_ai.response.id": "i",
            "gen_ai.openai.response.service_tier": "flex", "server.address": "a", "session.id": "s", "user.id": "u",
            "metadata": "{}", "output.value": "o", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 2,
            "llm.cost.total": 1.0, "annotations.x": 1,
        }  # fmt: skip
        expected = Reading(
            kind=Kind.MODEL, usage=Usage(1, 2, 3), provider="p", response_model="m", request_model="r", response_id="i",
            recorded_pusd=10**12, service_tier="flex", server_address="a", session_id="s", output="o", error="e", has_feedback=True,
            user_id="u", metadata="{}",
        )  # fmt: skip
        assert expected == reading.read(span(attributes, failed=True)._replace(status_description="e"))

    def test_effects(self) -> None:
        """What is known of an emitter is in its field."""
        for effect, expected in (
            (Effect.ENDS_EARLY, Reading(Kind.MODEL, ends_early=True)),
            (Effect.UNSURE_OUTPUT, Reading(Kind.MODEL, unsure_output=True)),
            (Effect.UNSURE_USAGE, Reading(Kind.MODEL, unsure_usage=True)),
            (Effect.MISPLACED, Reading(Kind.MODEL, misplaced=True)),
        ):
            plan = ReadingPlan({}, (Emitter(("",), "a test", effects={effect}),), SpanNaming((), ""), feedback=False)
            assert expected == reading._read(span({}), plan, {}, Kind.MODEL, billed=False)


class TestBegun:
    """Spans that began in a session."""

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            ({}, "s"),
            ({"session.id": "s"}, "s"),
            ({"gen_ai.conversation.id": "c"}, "s"),
            ({"session.id": "c", "gen_ai.conversation.id": "c"}, "s"),
            ({"session.id": "far"}, "s"),
            ({"session.id": "mine"}, "mine"),
        ],
    )
    def test_session(self, attributes: dict[str, Any], expected: str, reader: Reader) -> None:
        """They are in that, unless the application has set another one on them that is no farther away."""
        reader.began(1, 2, "s", frozenset({"far"}))
        assert (expected, False) == session(reader.read(span({**CALL, **attributes})))

    def test_others(self, reader: Reader) -> None:
        """Other spans are in what they name themselves, as before."""
        for trace_id, span_id in ((1, 3), (3, 2)):
            reader.began(trace_id, span_id, "s", NO_ID)
        assert ("c", True) == session(reader.read(span({"gen_ai.conversation.id": "c"})))
        assert (None, False) == session(reader.read(span({})))

    def test_once(self, reader: Reader) -> None:
        """What was known is forgotten when the span has ended."""
        reader.began(1, 2, "s", NO_ID)
        assert [("s", False), (None, False)] == [session(reader.read(span({}))) for _ in range(2)]

    def test_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of spans that never end, the last ones are remembered."""
        monkeypatch.setattr(reading, "MAX_BEGUN", 8)
        reader = Reader(reading.read)
        for span_id in range(100):
            reader.began(1, span_id, "s", NO_ID)
        known = [reader.read(span({})._replace(span_id=span_id)).session_id for span_id in range(100)]
        assert "s" == known[-1]
        assert 4 <= known.count("s") <= 8


class TestDropped:
    """Spans that have lost attributes to the SDK's limit."""

    @pytest.mark.parametrize(
        ("without", "lacks"),
        [
            ([], LACKS_SESSION),
            (["gen_ai.usage.input_tokens"], LACKS_SESSION),
            (["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"], LACKS_FIGURES | LACKS_SESSION),
            (["gen_ai.request.model"], LACKS_FIGURES | LACKS_SESSION),
        ],
    )
    def test_call(self, without: list[str], lacks: int, reader: Reader) -> None:
        """What a call does not say may have been dropped, and is counted; when its session is known, that was not."""
        said = {key: value for key, value in CALL.items() if key not in without}
        event = reader.read(span(said, 3))
        assert (lacks, ("dropped_attributes",)) == (event.lacks, event.ignored)
        reader.began(1, 2, "s", NO_ID)
        assert lacks & LACKS_FIGURES == reader.read(span(said, 3)).lacks
        assert 0 == reader.read(span(said)).lacks

    def test_failed(self, reader: Reader) -> None:
        """A call that failed has no usage to lose."""
        assert 0 == reader.read(span({"gen_ai.operation.name": "chat", "session.id": "s"}, 3, failed=True)).lacks

    def test_others(self, reader: Reader) -> None:
        """Of other spans only a root may have lost the session."""
        assert [0, LACKS_SESSION] == [reader.read(span({"http.route": "/"}, 3, parent_id=at)).lacks for at in (9, None)]
