"""Several processors of one process that have parts of one session, without a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import SessionRecord, SessionSpanExporter, end_session, session
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, PRICES, App, alone, in_threads
from tests.support.replay import is_ours

Make = Callable[..., App]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes applications."""
    with alone(monkeypatch) as make:
        yield make


def told(*apps: App) -> list[tuple[str, int, int, int | None]]:
    """Session, revision, traces and tokens of all records."""
    for app in apps:
        app.turn()
    records: list[SessionRecord] = [record for app in apps for record in app.records]
    return [(one.session_id, one.revision, one.num_traces, one.rollup.total_tokens) for one in records]


def shut_down(*apps: App) -> None:
    """Shut providers down, one after the other."""
    for app in apps:
        app.provider.shutdown()


class TestTwoProviders:
    """Each with a processor of its own, so that each sees a part."""

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_shutdown(self, make: Make, order: tuple[int, int]) -> None:
        """One record of both parts, whichever is shut down first; it is exported once."""
        apps = make(session_records=True), make(session_records=True)
        with session("s", user_id="u"):
            apps[0].trace(1)
            apps[1].trace(2)
        shut_down(*(apps[number] for number in order))
        assert [("s", 1, 2, 45)] == told(*apps)
        assert 1 == sum(is_ours(span) for app in apps for span in app.exporter.spans)

    def test_ended(self, make: Make) -> None:
        """A session that the application ends has one record."""
        first, second = make(), make()
        with session("s") as block:
            first.trace(1)
            second.trace(2)
            assert 45 == block.rollup().total_tokens
        end_session("s")
        assert [("s", 1, 2, 45)] == told(first, second)
        shut_down(first, second)
        assert [("s", 1, 2, 45)] == told(first, second)

    def test_open_elsewhere(self, make: Make) -> None:
        """A session that is ended while a trace of it is open in another provider ends with that."""
        first, second = make(), make()
        with session("s"):
            first.trace(1)
            root = second.tracer.start_span("request")
            second.trace(1)
            second.turn()
            end_session("s")
            assert [] == told(first, second)
            root.end()
        assert [("s", 1, 3, 30)] == told(first, second)

    def test_idle(self, make: Make) -> None:
        """It is idle when it is idle in all of them."""
        first, second = make(session_idle_seconds=10), make(session_idle_seconds=10)
        with session("s"):
            first.trace(1)
            second.trace(1)
            first.turn()
            first.turn(6)
            second.turn(6)
            second.trace(1)
            second.turn()
            first.turn(6)
            assert [] == told(first, second)
            second.turn(11)
        assert [("s", 1, 3, 45)] == told(first, second)

    def test_comes_back(self, make: Make) -> None:
        """What comes later is in the next revision, with all that was before."""
        first, second = make(), make()
        with session("s"):
            first.trace(1)
            second.trace(2)
        end_session("s")
        assert [("s", 1, 2, 45)] == told(first, second)
        with session("s"):
            second.trace(1)
        end_session("s")
        assert ("s", 2, 3, 60) in told(first, second)
        assert 2 == len(told(first, second))

    def test_replaced(self, make: Make) -> None:
        """A processor that is shut down leaves its part to the one that goes on, as when an application is set up again."""
        first, second = make(), make()
        with session("s") as block:
            first.trace(1)
            second.trace(2)
            shut_down(first)
            assert [("s", 1, 2, 45)] == told(first, second)
            second.trace(1)
            assert 60 == block.rollup().total_tokens
            shut_down(second)
        assert [("s", 1, 2, 45), ("s", 2, 3, 60)] == told(first, second)

    def test_one_trace(self, make: Make) -> None:
        """A trace with a root in each provider counts once."""
        first, second = make(), make()
        with session("s"), first.tracer.start_as_current_span("root", context=Context()):
            first.call()
            with second.tracer.start_as_current_span("top"):
                second.call()
        shut_down(first, second)
        assert [("s", 1, 1, 30)] == told(first, second)

    def test_others_are_left_alone(self, make: Make) -> None:
        """Sessions that only one of them has end there."""
        first, second = make(), make()
        with session("a"):
            first.trace(1)
        with session("b"):
            second.trace(1)
        shut_down(first)
        assert [("a", 1, 1, 15)] == told(first, second)
        shut_down(second)
        assert [("a", 1, 1, 15), ("b", 1, 1, 15)] == told(first, second)

    def test_at_once(self, make: Make) -> None:
        """Of threads that end sessions at once, one makes the record of each."""
        apps = [make(quiet=False) for _ in range(3)]
        for app in apps:
            for number in range(20):
                with session(f"s{number}"):
                    app.trace(1)
        in_threads(3, lambda index: apps[index].provider.shutdown())
        found = [record for app in apps for record in app.records]
        last = {record.session_id: record for record in sorted(found, key=lambda record: record.revision)}
        assert {f"s{number}": 45 for number in range(20)} == {name: one.rollup.total_tokens for name, one in last.items()}
        assert len(found) == len({(record.session_id, record.revision) for record in found})


class TestSameSpans:
    """Two processors in one provider, as for two backends."""

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_one_record(self, make: Make, order: tuple[int, int]) -> None:
        """Nothing is doubled: each root has its totals in both, and there is one record."""
        apps = make(), make()
        apps[0].provider.add_span_processor(apps[1].processor)
        with session("s") as block:
            apps[0].trace(2)
            assert 30 == block.rollup().total_tokens
        for number in order:
            apps[number].processor.shutdown()
        assert [("s", 1, 1, 30)] == told(*apps)
        assert [30, 30] == [app.attributes("request")["metadata.total_tokens"] for app in apps]

    def test_ended(self, make: Make) -> None:
        """The same when the application ends the session."""
        first, second = make(), make()
        first.provider.add_span_processor(second.processor)
        with session("s", end_on_exit=True):
            first.trace(2)
        assert [("s", 1, 1, 30)] == told(first, second)

    def test_and_a_part_apart(self, make: Make) -> None:
        """With a third one that has a part of its own."""
        first, second, third = make(), make(), make()
        first.provider.add_span_processor(second.processor)
        with session("s") as block:
            first.trace(2)
            third.trace(1)
            assert 45 == block.rollup().total_tokens
        shut_down(second)
        assert [("s", 1, 2, 45)] == told(first, second, third)
        with session("s"):
            third.trace(1)
        shut_down(first, third)
        assert [("s", 1, 2, 45), ("s", 2, 3, 60)] == told(first, second, third)

    def test_live_one(self, make: Make) -> None:
        """One in live mode has no part in it."""
        app, live = make(), make(live=True)
        app.provider.add_span_processor(live.processor)
        with session("s"):
            app.trace(2)
        shut_down(app)
        assert [("s", 1, 1, 30)] == told(app)


def test_exporter(make: Make) -> None:
    """A processor and an exporter in two providers."""
    app = make()
    provider, exporter = TracerProvider(shutdown_on_exit=False), RecordingExporter()
    provider.add_span_processor(SimpleSpanProcessor(SessionSpanExporter(exporter, prices=PRICES)))
    tracer = provider.get_tracer("t")
    with session("s"):
        app.trace(1)
    with tracer.start_as_current_span("request", context=Context(), attributes={"session.id": "s"}):
        tracer.start_span("chat", attributes=CALL).end()
    provider.force_flush()
    provider.shutdown()
    app.provider.shutdown()
    records: list[Any] = [span for span in exporter.spans if is_ours(span)]
    assert [30] == [span.attributes["metadata.total_tokens"] for span in records]
    assert [] == app.records
