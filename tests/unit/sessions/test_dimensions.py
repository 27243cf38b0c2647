"""What sessions are grouped by: on roots, in records, and over several roots and processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import use_span

from otel_session_agg import SessionRecord, SessionSpanExporter, end_session, session
from otel_session_agg.stores import MemoryStore, open_store
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import App, below, beyond

pytestmark = pytest.mark.oldest_sdk

_RESOURCE = {
    "service.name": "shop",
    "service.version": "1.2",
    "deployment.environment": "prod",
    "tenant": "default",
    "user.id": "service",
}


def _record(app: App, session_id: str = "s") -> SessionRecord:
    end_session(session_id)
    app.flush()
    app.turn()
    return app.records[-1]


def _with_resource(app: App) -> App:
    """Its further spans have this resource."""
    provider = TracerProvider(resource=Resource(_RESOURCE), shutdown_on_exit=False)
    provider.add_span_processor(app.processor)
    app.tracer = provider.get_tracer("tests")
    return app


def _written(app: App, name: str = "request") -> list[dict[str, Any]]:
    """The dimensions on exported spans."""
    others = ("metadata.service.", "metadata.deployment", "metadata.tenant", "metadata.gen_ai", "user.id")
    return [{key: value for key, value in (span.attributes or {}).items() if key.startswith(others)} for span in app.named(name)]


class TestWritten:
    """Where dimensions are written."""

    def test_root_and_record(self, make: Callable[..., App]) -> None:
        """Both have those of the resource and of the root, the user by its own name."""
        app = _with_resource(make(session_records=True))
        with session("s", user_id="ann"):
            app.trace(1, **{"gen_ai.agent.name": "clerk"})
        record = _record(app)
        expected = {
            "metadata.service.name": "shop",
            "metadata.service.version": "1.2",
            "metadata.deployment.environment.name": "prod",
            "metadata.gen_ai.agent.name": "clerk",
            "user.id": "ann",
        }
        assert [expected] == _written(app, "session")
        assert [{**expected, "metadata.gen_ai.agent.name": "clerk"}] == [
            {name: value for name, value in row.items() if name != "gen_ai.agent.name"} for row in _written(app)
        ]
        assert {name.removeprefix("metadata."): value for name, value in expected.items()} == record.dimensions
        assert record.dimensions == record.to_dict()["dimensions"]

    def test_without_session(self, make: Callable[..., App]) -> None:
        """A root that is in no session has them, too."""
        app = make()
        app.trace(1)
        app.turn()
        assert [{"metadata.service.name": "shop"}] == _written(app)

    def test_by_hand(self, make: Callable[..., App]) -> None:
        """An attribute that was set by hand stays."""
        app = make()
        app.trace(1, **{"session.id": "s", "metadata.service.name": "mine"})
        app.turn()
        assert [{"metadata.service.name": "mine"}] == _written(app)

    def test_none(self, make: Callable[..., App]) -> None:
        """Without names nothing is written or in the record."""
        app = make(dimensions=(), session_records=True)
        with session("s", user_id="ann"):
            app.trace(1)
        assert {} == _record(app).dimensions
        assert [{"user.id": "ann"}] == _written(app, "session")

    def test_user_of_resource(self, make: Callable[..., App]) -> None:
        """A user whom only the resource names is that of the session."""
        app = _with_resource(make(session_records=True))
        app.trace(1, **{"session.id": "s"})
        record = _record(app)
        assert ("service", "service") == (record.user_id, record.dimensions["user.id"])
        assert {"service"} == {row["user.id"] for row in _written(app) + _written(app, "session")}

    def test_user_of_call(self, make: Callable[..., App]) -> None:
        """A user whom only a span below the root names is a dimension, too."""
        app = make()
        with app.tracer.start_as_current_span("request", attributes={"session.id": "s"}):
            app.call(**{"user.id": "ann"})
        assert "ann" == _record(app).dimensions["user.id"]

    def test_profiles(self, make: Callable[..., App]) -> None:
        """Other backends have them among the application's own properties."""
        app = make(profiles=("honeyhive", "posthog"))
        app.trace(1, **{"session.id": "s"})
        app.turn()
        found = app.attributes("request")
        assert ("shop", "shop") == (
            found["honeyhive_metadata.service.name"],
            found["ai_session_metadata_service.name"],
        )

    def test_live(self, make: Callable[..., App]) -> None:
        """In live mode they are written while the root is open."""
        app = make(live=True, dimensions=("service.name", "tenant"))
        with session("s", metadata={"tenant": "acme"}):
            app.trace(1)
        assert [{"metadata.service.name": "shop", "metadata.tenant": "acme"}] == _written(app)

    def test_exporter(self) -> None:
        """An exporter finds them on ended spans alone."""
        sent, records = RecordingExporter(), list[SessionRecord]()
        exporter = SessionSpanExporter(sent, settings={"dimensions": ("service.name", "tenant")}, on_session=records.append)
        provider = TracerProvider(resource=Resource(_RESOURCE), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        with provider.get_tracer("tests").start_as_current_span("request", attributes={"session.id": "s", "tenant": "acme"}):
            pass
        assert provider.force_flush()
        provider.shutdown()
        [root] = [span for span in sent.spans if span.name == "request"]
        assert ("shop", "acme") == tuple((root.attributes or {})[f"metadata.{name}"] for name in ("service.name", "tenant"))

    def test_metrics(self, make: Callable[..., App]) -> None:
        """The record of a session has the values that metrics are labelled with."""
        app = make(dimensions=("tenant",), metric_attributes=("tenant",))
        app.trace(1, tenant="acme", **{"session.id": "s"})
        record = _record(app)
        meters = app.processor._aggregator._meters
        assert meters is not None
        assert "acme" == meters._instruments.labels(record, ("tenant",))["metadata.tenant"]


class TestPrecedence:
    """Of several values at one root."""

    def test_block_around(self, make: Callable[..., App]) -> None:
        """What ``session()`` states beats the root's attribute, and that the resource's."""
        app = _with_resource(make(dimensions=("tenant", "service.name")))
        with session("s", metadata={"tenant": "acme"}):
            app.trace(1, tenant="other", **{"service.name": "own"})
        assert {"tenant": "acme", "service.name": "own"} == _record(app).dimensions
        assert {} == app.span_worker.pipeline.engine.unread

    def test_block_inside(self, make: Callable[..., App]) -> None:
        """So it does when the block begins below the root."""
        app = _with_resource(make(dimensions=("tenant",), session_records=True))
        root = app.tracer.start_span("request", attributes={"tenant": "other"})
        with use_span(root, end_on_exit=True), session("s", metadata={"tenant": "acme"}):
            app.call()
        assert {"tenant": "acme"} == _record(app).dimensions
        assert ["acme"] == [row["metadata.tenant"] for row in _written(app)]

    def test_two_sessions(self, make: Callable[..., App]) -> None:
        """Sessions below one root have what their own blocks and the resource state, and nothing of the root."""
        app = _with_resource(make(dimensions=("tenant", "service.name")))
        root = app.tracer.start_span("request", attributes={"tenant": "batch", "session.id": "all"})
        with use_span(root, end_on_exit=True):
            with session("a", metadata={"tenant": "acme"}):
                app.call()
            with session("b"):
                app.call()
        app.turn()
        found = {name: _record(app, name).dimensions for name in ("a", "b", "all")}
        assert {
            "a": {"tenant": "acme", "service.name": "shop"},
            "b": {"tenant": "default", "service.name": "shop"},
            "all": {"tenant": "batch", "service.name": "shop"},
        } == found

    def test_without_root(self, make: Callable[..., App]) -> None:
        """What a block states is known before its root has ended."""
        app = make(dimensions=("tenant",))
        with session("s", metadata={"tenant": "acme"}):
            root = app.tracer.start_span("request")
        app.provider.shutdown()
        assert {"tenant": "acme"} == app.records[-1].dimensions
        root.end()


class TestFirst:
    """Of several roots of a session."""

    def test_conflict(self, make: Callable[..., App]) -> None:
        """The first value stays, and each other root is counted once, whatever is late below it."""
        app = make(dimensions=("tenant", "plan"))
        for number, tenant in enumerate(("a", "b", "a", "c")):
            root = app.tracer.start_span("request", attributes={"session.id": "s", "tenant": tenant, "plan": number})
            late = app.tracer.start_span("tool", below(root))
            root.end()
            app.turn(6)
            late.end()
            app.turn()
        assert {"tenant": "a", "plan": 0} == _record(app).dimensions
        assert {"dimension_conflict": 2 + 3} == app.span_worker.pipeline.engine.unread
        assert ["a"] * 4 == [row["metadata.tenant"] for row in _written(app)]

    def test_earlier_one_ends_later(self, make: Callable[..., App]) -> None:
        """The first is the one that began first, whichever ends first."""
        app = make(dimensions=("tenant",))
        first = app.tracer.start_span("request", attributes={"session.id": "s", "tenant": "a"}, start_time=1_000)
        app.tracer.start_span("request", attributes={"session.id": "s", "tenant": "b"}, start_time=2_000).end(3_000)
        app.turn()
        first.end(4_000)
        assert {"tenant": "a"} == _record(app).dimensions

    def test_types(self, make: Callable[..., App]) -> None:
        """``True`` is not 1."""
        app = make(dimensions=("on",))
        for value in (True, 1, True):
            app.trace(1, **{"session.id": "s", "on": value})
        app.turn()
        assert _record(app).dimensions["on"] is True
        assert {"dimension_conflict": 1} == app.span_worker.pipeline.engine.unread


@pytest.fixture(params=["memory", "sqlite", "valkey"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Opens the same store for each process."""
    if request.param == "memory":
        store = MemoryStore()
        return lambda: store
    if request.param == "sqlite":
        return lambda: open_store(f"sqlite:///{tmp_path / 'sessions.db'}")
    url = f"{request.getfixturevalue('server').url}?prefix={uuid4().hex}"
    return lambda: open_store(url)


class TestProcesses:
    """Several processes that share a store."""

    @pytest.mark.slow
    @pytest.mark.parametrize("is_first", [True, False])
    def test_over_stores(self, make: Callable[..., App], stores: Callable[[], Any], is_first: bool) -> None:  # noqa: FBT001
        """The root that began first decides, whichever process writes first."""
        one, other = (make(quiet=False, store=stores(), dimensions=("tenant", "service.name")) for _ in range(2))
        spans = [
            app.tracer.start_span("request", attributes={"session.id": "s", "tenant": tenant}, start_time=start)
            for app, tenant, start in ((one, "a", 1_000), (other, "b", 2_000))
        ]
        for span, app in sorted(zip(spans, (one, other), strict=True), key=lambda row: row[1] is one, reverse=is_first):
            span.end(3_000)
            app.flush()
        end_session("s")
        for app in (one, other):
            app.flush()
        assert {"tenant": "a", "service.name": "shop"} == [*one.records, *other.records][-1].dimensions

    def test_parts(self, make: Callable[..., App]) -> None:
        """A part of a trace says what it is, after the root that begins the trace."""
        app = _with_resource(make(dimensions=("service.name",)))
        root = app.tracer.start_span("request", attributes={"session.id": "s"}, start_time=1_000)
        provider = TracerProvider(resource=Resource({"service.name": "search"}), shutdown_on_exit=False)
        provider.add_span_processor(app.processor)
        provider.get_tracer("tests").start_span("part", beyond(root), start_time=1_500).end(1_600)
        root.end(2_000)
        assert {"service.name": "shop"} == _record(app).dimensions


class _Odd:
    """A resource without attributes."""


class TestHostile:
    """Values and resources that nobody expects."""

    def test_resource(self, make: Callable[..., App]) -> None:
        """A root without a real resource leaves with its totals."""
        app = make()
        root = app.tracer.start_span("request", attributes={"session.id": "s"})
        assert isinstance(root, ReadableSpan)
        root._resource = _Odd()  # type: ignore[assignment]  # what is tested
        app.call(below(root))
        root.end()
        app.turn()
        assert 1 == app.attributes("request")["metadata.num_model_events"]
        assert {} == app.span_worker.faults()

    def test_long(self, make: Callable[..., App]) -> None:
        """A value of a megabyte is cut."""
        app = make(dimensions=("tenant",))
        app.trace(1, tenant="x" * 10**6, **{"session.id": "s"})
        assert {"tenant": "x" * 128} == _record(app).dimensions
