"""Who uses a session and what its application says of it: read from spans, on roots, in records, stores and commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import end_session, session
from otel_session_agg._cli.sessions import list_sessions
from otel_session_agg._history.sources import Selection
from otel_session_agg._model.rollup import At
from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._reading.sessions import metadata_in
from otel_session_agg._reading.span import read
from otel_session_agg._trace.labels import Labels
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.stores import SqliteStore
from tests.support.apps import App, below

USER_KEYS = sorted(key for table in CONVENTIONS for key in table.user)


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An application that writes a record of every session."""
    return make(session_records=True)


def said(app: App, name: str) -> tuple[Any, Any]:
    """User and plan on the only span with this name."""
    attributes = app.attributes(name)
    return attributes.get("user.id"), attributes.get("metadata.plan")


class TestUser:
    """Users that instrumentations and applications name on spans."""

    @pytest.mark.parametrize("is_root", [True, False])
    @pytest.mark.parametrize("key", USER_KEYS)
    def test_every_key(self, key: str, is_root: bool, app: App) -> None:  # noqa: FBT001 -- pytest's way
        """Each key of each convention puts the user on the root and into the record."""
        own: dict[str, Any] = {key: "ada"}
        with app.tracer.start_as_current_span("request", attributes={"session.id": "s", **(own if is_root else {})}):
            app.call(**({} if is_root else own))
        end_session("s")
        app.flush()
        assert ["ada", "ada"] == [app.attributes(name)["user.id"] for name in ("request", "session")]
        assert ["ada"] == [record.user_id for record in app.records]

    def test_without_session(self, app: App) -> None:
        """A trace without a session has its user on the root, too."""
        app.trace(1, **{"enduser.id": "ada"})
        with app.tracer.start_as_current_span("other"):
            app.call(**{"ai.telemetry.metadata.userId": "bob"})
        app.flush()
        assert ["ada", "bob"] == [app.attributes(name)["user.id"] for name in ("request", "other")]

    def test_order(self, app: App) -> None:
        """On one span the order of the keys decides, and over several the first that began."""
        with app.tracer.start_as_current_span("request"):
            first = app.tracer.start_span("first", attributes={"gen_ai.request.user": "late", "enduser.id": "ada", "user.id": ""})
            app.call(**{"user.id": "bob"})
            first.end()
        app.flush()
        assert "ada" == app.attributes("request")["user.id"]

    @pytest.mark.parametrize("user", ["", "  ", "x" * 1025, 1.5, True, ("ada",)])
    def test_none(self, user: object, app: App) -> None:
        """What is no name is none."""
        app.trace(1, **{"enduser.id": user})
        app.flush()
        assert "user.id" not in app.attributes("request")

    def test_own_stays(self, app: App) -> None:
        """What stands on the root by hand stays."""
        mine = {"user.id": "mine", "metadata.plan": "free"}
        ada = session("s", user_id="ada", metadata={"plan": "pro"})
        with app.tracer.start_as_current_span("request", attributes=mine), ada:
            app.call()
        app.flush()
        assert ("mine", "free") == said(app, "request")

    def test_two_sessions(self, app: App) -> None:
        """Below one root each session has its own user, and the root that of its own."""
        with app.tracer.start_as_current_span("job", attributes={"session.id": "job", "enduser.id": "root"}):
            for name in ("a", "b"):
                app.call(**{"session.id": name, "user.id": f"user-{name}"})
        app.flush()
        app.provider.shutdown()
        assert "root" == app.attributes("job")["user.id"]
        assert {"job": "root", "a": "user-a", "b": "user-b"} == {record.session_id: record.user_id for record in app.records}


class TestBlock:
    """What ``session()`` states."""

    @pytest.mark.parametrize("live", [True, False])
    def test_inside_the_request(self, live: bool, make: Callable[..., App]) -> None:  # noqa: FBT001 -- pytest's way
        """User and metadata stand on a root that began before the block, and are there while it is open in live mode."""
        app = make(live=live)
        with app.tracer.start_as_current_span("request"), session("s", user_id="ada", metadata={"plan": "pro", "seats": 3}):
            app.call()
        app.flush()
        assert ("ada", "pro") == said(app, "request")
        assert 3 == app.attributes("request")["metadata.seats"]

    def test_before_spans(self, app: App) -> None:
        """It counts before what instrumentations say, also of what began earlier."""
        with app.tracer.start_as_current_span("request") as root:
            early = app.tracer.start_span("agent", attributes={"user.id": "user", "metadata": '{"plan": "free", "team": "red"}'})
            with session("s", user_id="ada", metadata={"plan": "pro"}):
                app.call(below(root), **{"user.id": "other", "metadata": '{"plan": "late"}'})
            early.end()
        end_session("s")
        app.flush()
        for name in ("request", "session"):
            assert ("ada", "pro", "red") == (*said(app, name), app.attributes(name)["metadata.team"])

    def test_profiles(self, make: Callable[..., App]) -> None:
        """Other profiles have their own names for it."""
        app = make(profiles=("posthog",))
        with app.tracer.start_as_current_span("request"), session("s", user_id="ada", metadata={"plan": "pro"}):
            app.call()
        app.flush()
        root = app.attributes("request")
        assert ("ada", "pro") == (root["posthog.distinct_id"], root["ai_session_metadata_plan"])


class TestMetadata:
    """OpenInference's object of metadata."""

    def test_on_root_and_record(self, app: App) -> None:
        """Its plain values stand on the root and in the record; what frameworks put there does not."""
        framework = {"ls_provider": "openai", "langgraph_step": 1, "thread_id": "t", "user_id": "ada", "gen_ai.system": "x"}
        text = json.dumps({"plan": "pro", "seats": 3, "ratio": 0.5, "beta": True, "tags": ["a"], "num_events": 9, **framework})
        with app.tracer.start_as_current_span("request", attributes={"session.id": "s"}):
            app.call(metadata=text)
        end_session("s")
        app.flush()
        expected = {"plan": "pro", "seats": 3, "ratio": 0.5, "beta": True}
        assert [expected] == [dict(record.metadata) for record in app.records]
        assert "ada" == app.records[0].user_id
        for name in ("request", "session"):
            assert {f"metadata.{key}": value for key, value in expected.items()}.items() <= app.attributes(name).items()
            assert 1 == app.attributes(name)["metadata.num_events"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "[]",
            "[" * 10_000,
            '"plan"',
            "7",
            "null",
            '{"a": NaN}',
            '{"a": 1e999}',
            '{"": 1}',
            '{"a": ' + "9" * 5000 + "}",
        ],
    )
    def test_hostile(self, text: str) -> None:
        """What is no object of plain values says nothing."""
        assert {} == metadata_in(text)

    def test_bounds(self) -> None:
        """Few texts of each session are read, and long ones not at all."""
        labels = Labels()
        for number in range(100):
            event = Reading(Kind.SPAN, metadata=json.dumps({f"name{number}": 1}))
            labels.add(SpanData("s", 1, 2, 3, "INTERNAL", "", "", 1, 2, {}), event)
        assert 2 == len(labels.totals.metadata)
        assert {} == metadata_in(json.dumps({"a": "x" * 20_000}))

    def test_bound_of_characters(self) -> None:
        """Of many long values the first are kept, as far as there is room in each session; long texts are not kept at all."""
        said = metadata_in(json.dumps({f"name{number}": "x" * 1000 for number in range(16)}))
        assert [f"name{number}" for number in range(8)] == list(said)
        span = SpanData("s", 1, 2, 3, "INTERNAL", "", "", 1, 2, {"metadata": '{"a": "' + "x" * 100_000 + '"}'})
        assert read(span).metadata is None


class TestStore:
    """What travels to a store."""

    def test_command(self, tmp_path: Path, make: Callable[..., App]) -> None:
        """User and metadata of blocks and of spans are columns of the command, and can be asked for."""
        url = f"sqlite:///{tmp_path / 's.db'}"
        for name, attributes in (("a", {}), ("b", {"enduser.id": "bob", "metadata": '{"plan": "free"}'})):
            app = make(store=SqliteStore(tmp_path / "s.db"))
            with session(name, user_id="ada" if name == "a" else None, metadata={"plan": "pro"} if name == "a" else None):
                app.trace(1, **attributes)
            app.flush()
            app.provider.shutdown()
        rows = json.loads(list_sessions(url, "json", Selection(sort="session")).text)
        assert [("a", "ada", {"plan": "pro"}), ("b", "bob", {"plan": "free"})] == [
            (row["session"], row["user"], row["metadata"]) for row in rows
        ]
        for where in ("user = bob", 'metadata = \'{"plan": "free"}\''):
            told = list_sessions(url, "table", Selection(sort="metadata", where=where))
            assert ["b"] == [line.split()[-1] for line in told.text.splitlines()]
        assert '"{""plan"": ""pro""}"' in list_sessions(url, "csv", Selection(sort="session")).text


class TestLabels:
    """``Labels``, by themselves."""

    @given(
        stated=st.lists(
            st.tuples(
                st.integers(0, 3),
                st.integers(0, 2),
                st.sampled_from([None, "a", "b"]),
                st.sampled_from([None, "{}", '{"x": 1}', '{"x": true}', '{"x": 1.0}', "no JSON"]),
            ),
            max_size=6,
        )
    )
    def test_sum(self, stated: list[tuple[int, int, str | None, str | None]]) -> None:
        """The earliest user counts, and all metadata, whenever they are asked for."""
        often, once = Labels(), Labels()
        expected: At | None = None
        for start_ns, span_id, user, text in stated:
            span = SpanData("", 1, span_id, None, "INTERNAL", "", "", start_ns, 9, {})
            reading = Reading(Kind.SPAN, user_id=user, metadata=text)
            often.add(span, reading)
            once.add(span, reading)
            assert often.only_user in (None, often.totals.user)
            if user is not None and (expected is None or (start_ns < expected.time_ns and user != expected.value)):
                expected = At(start_ns, span_id or 1, user)
        assert repr(often.totals) == repr(once.totals)
        assert expected == once.totals.user
        if all(text is None for _, _, _, text in stated):
            assert (expected, {}) == (once.only_user, once.totals.metadata)
