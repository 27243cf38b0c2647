"""Metrics, scraped through the SDK's own reader."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeter, NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    Sum,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from otel_session_agg import PriceBook, Rollup, SessionRecord, current_rollup, end_session, record_feedback, session
from otel_session_agg._model.breakdown import Breakdown, BreakdownRow
from otel_session_agg._model.details import Details
from otel_session_agg._model.latencies import Latencies
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sdk import instruments, metrics
from otel_session_agg._sdk.instruments import MODEL
from otel_session_agg._sdk.metric_labels import MAX_VALUES
from otel_session_agg._spans.scope import SCHEMA_URL
from otel_session_agg.stores import MemoryStore
from tests.support.apps import CALL, App, alone, below, in_threads
from tests.support.details import DETAILED, START_NS

pytestmark = pytest.mark.oldest_sdk

_KINDS = {"histogram": Histogram, "counter": Sum, "gauge": Gauge}
_PREFIX = "otel_session_agg."


def documented() -> dict[str, tuple[str, str, frozenset[str]]]:
    """Kind, unit and attributes by instrument, as the table of the documentation has them."""
    rows: dict[str, tuple[str, str, frozenset[str]]] = {}
    for line in (instruments.__doc__ or "").splitlines():
        name, kind, unit, *rest = [*line.split(maxsplit=3), "", "", ""][:4]
        if name.startswith("``") and kind in _KINDS:
            attributes = rest[0].split("``")[1::2]
            rows[_PREFIX + name.strip("`")] = (kind, unit, frozenset(attributes))
    return rows


class Meter:
    """A meter provider and what can be scraped of it."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def metrics(self) -> dict[str, Metric]:
        """All metrics that have data, by name."""
        data = self.reader.get_metrics_data()
        rows = [metric for one in (data.resource_metrics if data else ()) for s in one.scope_metrics for metric in s.metrics]
        assert len(rows) == len({metric.name for metric in rows})
        return {metric.name: metric for metric in rows if metric.data.data_points}

    def number(self, name: str, **attributes: object) -> Any:
        """The value, or the sum of a histogram, of one metric with these attributes; 0 when there is none."""
        metric = self.metrics().get(_PREFIX + name)
        points = metric.data.data_points if metric is not None else ()
        return sum(
            point.sum if hasattr(point, "sum") else point.value
            for point in points
            if all((point.attributes or {}).get(key) == value for key, value in attributes.items())
        )

    def count(self, name: str) -> int:
        """How many values a histogram has got."""
        metric = self.metrics().get(_PREFIX + name)
        return sum(point.count for point in (metric.data.data_points if metric is not None else ()) if hasattr(point, "count"))

    def bounds(self, name: str) -> Sequence[float]:
        """The boundaries of a session's histogram."""
        point, *_ = self.metrics()[f"{_PREFIX}session.{name}"].data.data_points
        assert isinstance(point, HistogramDataPoint)
        return point.explicit_bounds


@pytest.fixture
def meter() -> Iterator[Meter]:
    """A meter provider."""
    meter = Meter()
    yield meter
    meter.provider.shutdown()


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, meter: Meter) -> Iterator[Callable[..., App]]:
    """Makes applications with that meter provider."""
    with alone(monkeypatch) as made:
        yield lambda **options: made(more={"meter_provider": meter.provider}, **options)


def busy(make: Callable[..., App]) -> App:
    """An application in which everything has happened that is counted, and a session has ended that says all of itself."""

    def bad(_: SessionRecord) -> None:
        raise LookupError

    app = make(store=MemoryStore(), on_session=bad, max_held_spans=2, metric_attributes=MODEL)
    with session("s", user_id="u", metadata={"plan": "pro"}):
        root = app.tracer.start_span("request")
        late = app.tracer.start_span("chat", below(root), attributes={**CALL, "gen_ai.request.model": "nobody-knows"})
        app.call(below(root), **{"session.id": "another"})
        root.end()
        app.call()
        app.call()  # more than may be held
    app.flush()
    late.end()
    app.processor.on_end(late)  # type: ignore[arg-type]  # twice
    end_session("s")
    app.flush()
    measure(app, DETAILED)
    return app


def measure(app: App, details: Details, revision: int = 1, session_id: str = "detailed") -> None:
    """Measure a session made of these details, as when it has ended."""
    rollup = Rollup(num_events=1, num_computed=1, start_ns=START_NS, end_ns=START_NS + 2 * 10**9, details=details)
    meters = app.processor._aggregator._meters
    assert meters is not None
    meters.ended(SessionRecord(session_id, revision, "idle", SessionTotals(rollup)))


class TestTable:
    """The documented table is what is there."""

    def test_read(self) -> None:
        """The table is really read."""
        assert ("histogram", "{USD}", frozenset({"end_reason", "partial"})) == documented()["otel_session_agg.session.cost"]
        assert ("counter", "{span}", frozenset({"reason"})) == documented()["otel_session_agg.spans.lost"]
        assert ("gauge", "{item}", frozenset()) == documented()["otel_session_agg.queue.size"]

    def test_names(self, make: Callable[..., App], meter: Meter) -> None:
        """Every instrument of the table exists, and no other."""
        busy(make)
        assert documented().keys() == meter.metrics().keys()

    def test_kinds_and_units(self, make: Callable[..., App], meter: Meter) -> None:
        """They have the kinds and units of the table, and a description."""
        busy(make)
        for name, metric in meter.metrics().items():
            kind, unit, _ = documented()[name]
            assert (name, unit) == (name, metric.unit)
            assert isinstance(metric.data, _KINDS[kind])
            assert metric.description
            assert not isinstance(metric.data, Sum) or metric.data.is_monotonic

    def test_attributes(self, make: Callable[..., App], meter: Meter) -> None:
        """They have the attributes of the table, and no value that comes from users."""
        busy(make)
        for name, metric in meter.metrics().items():
            for point in metric.data.data_points:
                attributes = dict(point.attributes or {})
                assert documented()[name][2] == attributes.keys()
                models = set() if name.startswith(f"{_PREFIX}models.") else {"m", "nobody-knows", "gpt-4o-mini"}
                assert not {"s", "another", "u", "pro", "request", *models} & {str(v) for v in attributes.values()}

    def test_bounded(self, make: Callable[..., App], meter: Meter) -> None:
        """Many sessions, users, models and traces make no more time series."""
        app = make()

        def series() -> int:
            return sum(len(metric.data.data_points) for metric in meter.metrics().values())

        def use(number: int) -> None:
            with session(f"s{number}", user_id=f"u{number}", metadata={f"n{number}": number}, end_on_exit=True):
                app.trace(1, **{"gen_ai.request.model": f"model-{number}"})
            app.turn()

        use(0)
        before = series()
        for number in range(1, 30):
            use(number)
        assert before == series()


class TestBuckets:
    """The boundaries that histograms advise."""

    @pytest.mark.parametrize(
        ("name", "first", "last", "among"),
        [
            ("cost", 0.0001, 100, {0.001, 0.01, 0.1, 1}),
            ("tokens", 1, 67_108_864, {4, 16, 64, 256, 1024, 4096, 16384, 65536, 262_144, 1_048_576, 4_194_304, 16_777_216}),
            ("duration", 0.1, 86_400, {1, 60, 3600}),
            ("traces", 1, 4096, {2, 10}),
            ("events", 1, 10_000, {100}),
        ],
    )
    def test_boundaries(
        self, name: str, first: float, last: float, among: set[float], make: Callable[..., App], meter: Meter
    ) -> None:
        """They span what sessions cost, use and last, and rise."""
        busy(make)
        bounds = meter.bounds(name)
        assert (first, last) == (bounds[0], bounds[-1])
        assert among <= set(bounds)
        assert sorted(set(bounds)) == list(bounds)

    def test_over_ten_cents(self, make: Callable[..., App], meter: Meter) -> None:
        """What costs 0.10 USD is not over 0.10 USD, and what costs more is."""
        app = make(prices=PriceBook({"m": {"input": 10_000}, "n": {"input": 10_100}}))
        for model in "mn":
            with session(model, end_on_exit=True):
                app.call(**{"gen_ai.request.model": model, "gen_ai.usage.output_tokens": 0})
        app.turn()
        (point,) = meter.metrics()[_PREFIX + "session.cost"].data.data_points
        assert isinstance(point, HistogramDataPoint)
        below_ten = sum(point.bucket_counts[: point.explicit_bounds.index(0.1) + 1])
        assert (2, 1) == (point.count, below_ten)

    def test_no_advice(self) -> None:
        """A meter that knows of no advice makes its histograms all the same."""

        class Old(NoOpMeter):
            def create_histogram(self, name: str, unit: str = "", description: str = "") -> Any:  # type: ignore[override]
                return (name, unit, description)

        made: object = metrics._histogram(Old("old"), "n", "s", "d", (1.0,))
        assert ("n", "s", "d") == made


def details_of(*durations_ms: int) -> Details:
    """Details with model calls of these durations."""
    return Details(latencies=Latencies.of(ms * 10**6 for ms in durations_ms))


class TestTimes:
    """Where the time of sessions went."""

    def test_session(self, make: Callable[..., App], meter: Meter) -> None:
        """Times are measured in seconds, and only those that are known."""
        app = make()
        measure(app, DETAILED)
        measure(app, Details(), session_id="empty")
        expected = {
            "model_duration": 1.2,
            "tool_duration": 0.1,
            "busy_duration": 1.6,
            "idle_duration": 0.4,
            "time_to_first_token": 0.12,
            "time_to_first_response": 0.12,
        }
        assert expected == {name: pytest.approx(meter.number(f"session.{name}")) for name in expected}
        assert dict.fromkeys(expected, 1) == {name: meter.count(f"session.{name}") for name in expected}

    def test_call_boundaries(self, make: Callable[..., App], meter: Meter) -> None:
        """Durations of calls have the boundaries of the semantic conventions."""
        measure(make(), DETAILED)
        for name in ("calls.duration", "session.time_to_first_token"):
            (point,) = meter.metrics()[_PREFIX + name].data.data_points
            assert isinstance(point, HistogramDataPoint)
            assert (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92) == tuple(
                point.explicit_bounds
            )


class TestCalls:
    """Durations of model calls."""

    def test_each_once(self, make: Callable[..., App], meter: Meter) -> None:
        """When a session ends again, only the calls that came since are measured; what was taken back stays."""
        app = make()
        measure(app, details_of(100, 200))
        measure(app, details_of(100, 200, 200, 300), revision=2)
        assert 4 == meter.count("calls.duration")
        assert meter.number("calls.duration") == pytest.approx(0.8, rel=0.01)
        measure(app, details_of(100, 200, 200), revision=3)
        measure(app, details_of(100, 200, 200), session_id="another")
        assert 7 == meter.count("calls.duration")

    def test_ended_elsewhere(self, make: Callable[..., App], meter: Meter) -> None:
        """What was measured before is not known of a session that ended first in another process."""
        app = make()
        measure(app, details_of(100, 200), revision=2)
        assert 0 == meter.count("calls.duration")
        measure(app, details_of(100, 200, 300), revision=3)
        assert 1 == meter.count("calls.duration")

    def test_many(self, make: Callable[..., App], meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of too many calls in one session a share is measured, the same of all durations."""
        monkeypatch.setattr(metrics, "_MAX_RECORDED", 40)
        measure(make(), details_of(*[100] * 300, *[1000] * 100))
        assert 40 == meter.count("calls.duration")
        assert meter.number("calls.duration") == pytest.approx(30 * 0.1 + 10 * 1.0, rel=0.01)

    def test_exponential(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As an exponential histogram, p95 is right to a few percent, whatever the durations."""
        reader = InMemoryMetricReader()
        view = View(instrument_name=f"{_PREFIX}calls.duration", aggregation=ExponentialBucketHistogramAggregation())
        provider = MeterProvider([reader], views=[view], shutdown_on_exit=False)
        durations_ms = [20 + number * number // 40 for number in range(1000)]  # 20 ms to 25 s
        with alone(monkeypatch) as make:
            measure(make(more={"meter_provider": provider}), details_of(*durations_ms))
        data = reader.get_metrics_data()
        assert data is not None
        found = [metric for one in data.resource_metrics for s in one.scope_metrics for metric in s.metrics]
        (metric,) = (one for one in found if one.name == f"{_PREFIX}calls.duration")
        (point,) = metric.data.data_points
        assert isinstance(point, ExponentialHistogramDataPoint)
        assert 1000 == point.count
        assert quantile(point, 0.95) == pytest.approx(sorted(durations_ms)[950] / 1000, rel=0.05)
        provider.shutdown()


def quantile(point: ExponentialHistogramDataPoint, share: float) -> float:
    """A quantile of an exponential histogram: the middle of the bucket that it is in."""
    base = 2.0 ** (2.0**-point.scale)
    seen = 0
    for index, count in enumerate(point.positive.bucket_counts, start=point.positive.offset):
        seen += count
        if seen > share * point.count:
            return float((base**index + base ** (index + 1)) / 2)
    raise AssertionError


class TestModels:
    """Cost and tokens by model."""

    def rows(self, meter: Meter, name: str) -> dict[Any, Any]:
        """What was counted, by model."""
        metric = meter.metrics().get(f"{_PREFIX}models.{name}")
        points = metric.data.data_points if metric is not None else ()
        return {(point.attributes or {})[MODEL]: getattr(point, "value", None) for point in points}

    def test_off(self, make: Callable[..., App], meter: Meter) -> None:
        """Without the setting, nothing is measured by model."""
        measure(make(), DETAILED)
        assert ({}, {}) == (self.rows(meter, "cost"), self.rows(meter, "tokens"))

    def test_on(self, make: Callable[..., App], meter: Meter) -> None:
        """With it, what is known is, and each call once."""
        app = make(metric_attributes=f"plan,{MODEL}")
        measure(app, DETAILED)
        assert {"gpt-4o-mini": 0.000663} == self.rows(meter, "cost")
        assert {"gpt-4o-mini": 95, "larger": 25} == self.rows(meter, "tokens")
        measure(app, DETAILED + DETAILED, revision=2)
        assert {"gpt-4o-mini": 190, "larger": 50} == self.rows(meter, "tokens")

    def test_bounded(self, make: Callable[..., App], meter: Meter) -> None:
        """Of too many models the first keep their names, the others are one."""
        app = make(metric_attributes=MODEL)
        for number in range(MAX_VALUES + 20):
            rows = Breakdown({f"model-{number}": BreakdownRow(num_calls=1, total_tokens=10)})
            measure(app, Details(by_model=rows), session_id=str(number))
        found = self.rows(meter, "tokens")
        assert (MAX_VALUES + 1, 200) == (len(found), found["other"])


class TestMetadata:
    """The setting ``metric_attributes``."""

    def test_allowed(self, make: Callable[..., App], meter: Meter) -> None:
        """What is allowed becomes an attribute, nothing else does, and a session without it has none."""
        app = make(metric_attributes=("plan", "beta"))
        given: dict[str, dict[str, str | bool]] = {"a": {"plan": "pro", "beta": True, "user": "ada"}, "b": {}}
        for name, metadata in given.items():
            with session(name, metadata=metadata, end_on_exit=True):
                app.trace(1)
        app.turn()
        why = {"end_reason": "end_on_exit", "partial": False}
        found = [dict(point.attributes or {}) for point in meter.metrics()[_PREFIX + "session.events"].data.data_points]
        assert [{"metadata.plan": "pro", "metadata.beta": "true", **why}, why] == found

    def test_bounded(self, make: Callable[..., App], meter: Meter) -> None:
        """Of too many values the first keep theirs, the others are one."""
        app = make(metric_attributes="tenant")
        for number in range(MAX_VALUES + 20):
            with session(f"s{number}", metadata={"tenant": number}, end_on_exit=True):
                app.trace(1)
        app.turn()
        assert 20 == meter.number("session.traces", **{"metadata.tenant": "other"})
        assert 1 == meter.number("session.traces", **{"metadata.tenant": "0"})


class TestScope:
    """Where the metrics come from."""

    def test_meter(self, make: Callable[..., App], meter: Meter) -> None:
        """The meter has this library's version, and a schema that there is."""
        busy(make)
        data = meter.reader.get_metrics_data()
        assert data is not None
        (scope,) = {
            (one.scope.name, one.scope.version, one.schema_url) for all_ in data.resource_metrics for one in all_.scope_metrics
        }
        assert ("otel_session_agg", version("otel-session-agg")) == scope[:2]
        assert SCHEMA_URL == scope[2]

    def test_spans(self, make: Callable[..., App]) -> None:
        """Spans that this library makes have the same."""
        app = make(session_records=True)
        with session("s", end_on_exit=True):
            app.trace(1)
            record_feedback(1)
        app.flush()
        for name in ("session", "feedback"):
            (span,) = app.named(name)
            scope = span.instrumentation_scope
            assert scope is not None
            assert ("otel_session_agg", version("otel-session-agg")) == (scope.name, scope.version)
            assert SCHEMA_URL == scope.schema_url


class TestValues:
    """The figures are right."""

    def test_session(self, make: Callable[..., App], meter: Meter) -> None:
        """A session that ended is measured once, with why it ended."""
        app = make()
        with session("s", end_on_exit=True):
            for _ in range(2):
                root = app.tracer.start_span("request", start_time=1_000_000_000)
                app.tracer.start_span("chat", below(root), attributes=CALL, start_time=1_000_000_000).end(2_000_000_000)
                root.end(4_000_000_000)
        app.turn()
        why = {"end_reason": "end_on_exit", "partial": False}
        expected = {"cost": 40.0, "tokens": 30, "duration": 3.0, "traces": 2, "events": 2}
        assert expected == {name: meter.number(f"session.{name}", **why) for name in expected}
        assert dict.fromkeys(expected, 1) == {name: meter.count(f"session.{name}") for name in expected}

    def test_revisions(self, make: Callable[..., App], meter: Meter) -> None:
        """Later revisions are not measured again."""
        app = make()
        for _ in range(3):
            with session("s", end_on_exit=True):
                app.trace(1)
            app.turn()
        assert [1, 2, 3] == [record.revision for record in app.records]
        assert 1 == meter.count("session.tokens")

    def test_unknown_cost(self, make: Callable[..., App], meter: Meter) -> None:
        """A cost that is not known is not measured as 0."""
        app = make()
        with session("s", end_on_exit=True):
            app.call(**{"gen_ai.request.model": "nobody-knows"})
        app.turn()
        assert (0, 1) == (meter.count("session.cost"), meter.count("session.tokens"))
        assert 1 == meter.number("calls.unpriced")

    def test_unpriced_once(self, make: Callable[..., App], meter: Meter) -> None:
        """A call without a known cost is counted once, however often the totals were asked for, and one without figures as well."""
        app = make()
        with session("s", end_on_exit=True):
            root = app.tracer.start_span("request")
            app.call(below(root), **{"gen_ai.request.model": "nobody-knows"})
            app.tracer.start_span("chat", below(root), attributes={"gen_ai.operation.name": "chat"}).end()
            for _ in range(10):
                current_rollup()
            root.end()
        app.turn()
        assert 2 == meter.number("calls.unpriced")

    def test_partial(self, make: Callable[..., App], meter: Meter) -> None:
        """Sessions whose traces had not ended are told apart, and shutdown's are measured."""
        app = make()
        with session("s"):
            root = app.tracer.start_span("request")
            app.call(below(root))
        scraped: list[Any] = []
        app.provider.shutdown()
        scraped.append(meter.number("session.tokens", end_reason="shutdown", partial=True))
        assert [15] == scraped

    def test_switched_off(self, make: Callable[..., App], meter: Meter) -> None:
        """Sessions are measured also when no record is exported."""
        app = make(session_records=False)
        with session("s", end_on_exit=True):
            app.trace(1)
        app.turn()
        assert 15 == meter.number("session.tokens")

    def test_counters(self, make: Callable[..., App], meter: Meter) -> None:
        """A known run gives known counts."""
        busy(make)
        expected = {
            ("spans.received", ""): 6,
            ("spans.folded", ""): 5,
            ("spans.late", ""): 1,
            ("spans.ignored", "duplicate_span"): 1,
            ("roots.opened", ""): 3,
            ("roots.released", "complete"): 2,
            ("roots.released", "force_flush"): 1,
            ("roots.open", ""): 0,
            ("calls.unpriced", ""): 1,
            ("queue.size", ""): 0,
            ("held.size", ""): 0,
            ("values.unread", "session_id_conflict"): 1,
            ("faults", ""): 1,
            ("store.errors", ""): 0,
            ("session.tokens", ""): 45,
        }
        found = {(name, reason): meter.number(name, **({"reason": reason} if reason else {})) for name, reason in expected}
        assert expected == found
        assert 0 < meter.number("spans.lost", reason="max_held_spans")
        assert 0 < meter.number("store.slots", outcome="written")
        assert 1 == meter.number("faults", place="a callback")

    def test_law(self, make: Callable[..., App], meter: Meter) -> None:
        """At every moment: received = folded + ignored, opened = released + open, whatever threads do."""
        app = make(quiet=False)

        def holds() -> bool:
            with app.span_worker.fold_lock:  # a moment, and not a span in the middle of one
                spans = meter.number("spans.received") - meter.number("spans.folded") - meter.number("spans.ignored")
                roots = meter.number("roots.opened") - meter.number("roots.released") - meter.number("roots.open")
            return [spans, roots] == [0, 0]

        def work(_: int) -> None:
            for number in range(20):
                with session(f"s{number}"):
                    app.trace(2)

        stop = threading.Event()
        found: list[bool] = []

        def scrape() -> None:
            while not stop.is_set():
                found.append(holds())

        scraper = threading.Thread(target=scrape)
        scraper.start()
        in_threads(4, work)
        root = app.tracer.start_span("request")
        app.call(below(root))
        app.flush()
        stop.set()
        scraper.join(10)
        assert all(found)
        assert found
        assert holds()
        assert (241, 81, 1) == (meter.number("spans.received"), meter.number("roots.opened"), meter.number("roots.open"))
        root.end()

    def test_open(self, make: Callable[..., App], meter: Meter) -> None:
        """What is open and what waits is as it is now."""
        app = make()
        with session("s"):
            roots = [app.tracer.start_span("request") for _ in range(3)]
        assert 3 == meter.number("queue.size")
        app.turn()
        assert (0, 3, 1) == tuple(meter.number(name) for name in ("queue.size", "roots.open", "sessions.open"))
        for root in roots:
            root.end()
        app.turn()
        assert (0, 3, 1) == (meter.number("roots.open"), meter.number("roots.released"), meter.number("sessions.open"))

    def test_held(self, make: Callable[..., App], meter: Meter) -> None:
        """Spans that wait for the downstream are counted."""
        app = make()
        app.trace(2)
        with app.span_worker.fold_lock:
            app.span_worker.fold_some()
        assert 3 == meter.number("held.size")
        app.turn()
        assert 0 == meter.number("held.size")

    def test_feedback(self, make: Callable[..., App], meter: Meter) -> None:
        """Feedback spans are not received."""
        app = make()
        with session("s"):
            record_feedback(1)
        app.turn()
        assert 0 == meter.number("spans.received")


class TestProviders:
    """With and without a meter provider."""

    def test_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without one everything works, and nothing keeps the processor alive."""
        for provider in (None, NoOpMeterProvider()):
            with alone(monkeypatch) as make:
                app = make(more={"meter_provider": provider})
                with session("s", end_on_exit=True):
                    app.trace(1)
                app.flush()
                assert ["s"] == [record.session_id for record in app.records]
                assert {} == app.span_worker.faults()

    def test_global(self, monkeypatch: pytest.MonkeyPatch, meter: Meter) -> None:
        """The global one is the default."""
        monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", meter.provider)
        with alone(monkeypatch) as make:
            app = make()
            app.trace(1)
            app.turn()
            assert 2 == meter.number("spans.received")

    def test_shut_down(self, make: Callable[..., App], meter: Meter) -> None:
        """What a processor had counted stays after its shutdown, and nothing of it is in a gauge."""
        app = make()
        app.trace(1)
        app.turn()
        assert 2 == meter.number("spans.received")
        app.provider.shutdown()
        assert 2 == meter.number("spans.received")
        assert "otel_session_agg.roots.open" not in meter.metrics()

    def test_two(self, make: Callable[..., App], meter: Meter) -> None:
        """Processors with one meter provider are added up."""
        apps = make(), make()
        for number, app in enumerate(apps, start=1):
            app.trace(number)
            app.turn()
        received = meter.number("spans.received")
        assert 5 == received
        apps[0].provider.shutdown()
        assert received == meter.number("spans.received")

    def test_gone(self, monkeypatch: pytest.MonkeyPatch, meter: Meter) -> None:
        """A processor that is gone without a shutdown is not observed, nor kept alive by the instruments."""
        with alone(monkeypatch):
            app = App(quiet=False, more={"meter_provider": meter.provider})
            app.trace(1)
            app.flush()
            assert 2 == meter.number("spans.received")
            gone = weakref.ref(app.processor)
            del app
            gc.collect()
            assert gone() is None
            assert "otel_session_agg.spans.received" not in meter.metrics()

    def test_failing(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        """A meter provider that fails takes the metrics away and nothing else."""

        class Broken(NoOpMeterProvider):
            def get_meter(self, *_: Any, **__: Any) -> Any:
                raise LookupError

        with alone(monkeypatch) as make:
            app = make(more={"meter_provider": Broken()})
            with session("s", end_on_exit=True):
                app.trace(1)
            app.flush()
            assert ["s"] == [record.session_id for record in app.records]
            assert 15 == app.attributes("request")["metadata.total_tokens"]
        assert 1 == len([message for message in caplog.messages if "starting metrics failed: LookupError" in message])
