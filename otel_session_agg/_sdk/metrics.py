"""Metrics: sessions that have ended, and what this library itself has done and lost.

Everything goes through OpenTelemetry's metrics API, which does nothing without a meter provider.

============================================= ========= =========== ====================================================
instrument                                    kind      unit        attributes
============================================= ========= =========== ====================================================
``otel_session_agg.session.cost``             histogram {USD}       ``end_reason``, ``partial``, metadata
``otel_session_agg.session.tokens``           histogram {token}     ``end_reason``, ``partial``, metadata
``otel_session_agg.session.duration``         histogram s           ``end_reason``, ``partial``, metadata
``otel_session_agg.session.traces``           histogram {trace}     ``end_reason``, ``partial``, metadata
``otel_session_agg.session.events``           histogram {event}     ``end_reason``, ``partial``, metadata
``otel_session_agg.spans.received``           counter   {span}
``otel_session_agg.spans.folded``             counter   {span}
``otel_session_agg.spans.late``               counter   {span}      folded after their root had left
``otel_session_agg.spans.ignored``            counter   {span}      ``reason``
``otel_session_agg.spans.lost``               counter   {span}      ``reason``: never forwarded
``otel_session_agg.values.unread``            counter   {value}     ``reason``
``otel_session_agg.roots.opened``             counter   {root}
``otel_session_agg.roots.released``           counter   {root}      ``reason``
``otel_session_agg.roots.open``               gauge     {root}
``otel_session_agg.sessions.open``            gauge     {session}   in memory
``otel_session_agg.calls.unpriced``           counter   {call}
``otel_session_agg.faults``                   counter   {fault}     ``place``: caught, and logged once a kind
``otel_session_agg.callbacks.lost``           counter   {call}      not made because one does not come back
``otel_session_agg.queue.size``               gauge     {item}
``otel_session_agg.held.size``                gauge     {span}      waiting for the downstream
``otel_session_agg.store.slots``              counter   {slot}      ``outcome``: written, lost, malformed
``otel_session_agg.store.errors``             counter   {error}
============================================= ========= =========== ====================================================

No session, user or model is ever an attribute, and of metadata only what the setting ``metric_attributes`` allows, as
``metadata.<name>`` with a bounded number of values (``_metric_labels``), so the number of time series is bounded.

The histograms advise boundaries of buckets: from a hundredth of a cent to 100 USD with 0.10 among them, tokens as the GenAI
semantic conventions have them, durations up to a day.  The SDK's own default ends at 10,000 of whatever it is and begins at 0, 5, 10,
so that every session would cost less than 5 USD and nothing more could be asked.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from weakref import WeakKeyDictionary, WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._scope import SCHEMA_URL, version
from otel_session_agg._sdk.metric_labels import MetricLabels
from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg._threads.locks import all_of

_NAME = "otel_session_agg"
_PREFIX = "otel_session_agg."

_Numbers = Mapping[str, int] | int
_Read = Callable[[SpanWorker], _Numbers]

_HISTOGRAMS: Mapping[str, tuple[str, str, tuple[float, ...]]] = {
    "cost": (
        "{USD}",
        "Known cost of a session",
        (
            0.0001,
            0.00025,
            0.0005,
            0.001,
            0.0025,
            0.005,
            0.01,
            0.025,
            0.05,
            0.1,
            0.25,
            0.5,
            1,
            2.5,
            5,
            10,
            25,
            50,
            100,
        ),
    ),
    # opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics: gen_ai.client.token.usage
    "tokens": ("{token}", "Tokens of a session", tuple(4**power for power in range(14))),
    "duration": (
        "s",
        "First start to last end of a session",
        (
            0.1,
            0.25,
            0.5,
            1,
            2.5,
            5,
            10,
            30,
            60,
            120,
            300,
            600,
            1800,
            3600,
            7200,
            14400,
            28800,
            57600,
            86400,
        ),
    ),
    "traces": (
        "{trace}",
        "Traces of a session",
        (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 4096),
    ),
    "events": (
        "{event}",
        "Events of a session",
        (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000),
    ),
}
"""Unit, description and boundaries of buckets, by what of a session is measured."""

_COUNTERS: tuple[tuple[str, str, str, str, _Read], ...] = (
    (
        "spans.received",
        "{span}",
        "",
        "Ended spans that came in",
        lambda r: r.pipeline.engine.received,
    ),
    (
        "spans.folded",
        "{span}",
        "",
        "Ended spans that are in totals",
        lambda r: r.pipeline.engine.folded,
    ),
    (
        "spans.late",
        "{span}",
        "",
        "Spans folded after their root had left",
        lambda r: r.pipeline.engine.late,
    ),
    (
        "spans.ignored",
        "{span}",
        "reason",
        "Ended spans that are in no totals",
        lambda r: r.pipeline.engine.ignored,
    ),
    ("spans.lost", "{span}", "reason", "Spans that were never forwarded", lambda r: r.lost),
    (
        "values.unread",
        "{value}",
        "reason",
        "Attribute values that were not used",
        lambda r: r.pipeline.engine.unread,
    ),
    ("roots.opened", "{root}", "", "Session roots that began", lambda r: r.pipeline.engine.opened),
    (
        "roots.released",
        "{root}",
        "reason",
        "Session roots that left",
        lambda r: r.pipeline.engine.released,
    ),
    (
        "calls.unpriced",
        "{call}",
        "",
        "Model calls without a known cost",
        lambda r: r.pipeline.engine.unpriced,
    ),
    ("faults", "{fault}", "place", "Faults that were caught", lambda r: r.faults()),
    (
        "callbacks.lost",
        "{call}",
        "",
        "Callbacks that were not made because one does not come back",
        lambda r: r.callbacks.num_lost,
    ),
    (
        "store.slots",
        "{slot}",
        "outcome",
        "Slots of the store",
        lambda r: r.store_counts("written", "lost", "malformed"),
    ),
    (
        "store.errors",
        "{error}",
        "",
        "Times that the store could not be used",
        lambda r: r.store_counts("errors").get("errors", 0),
    ),
)
_GAUGES: tuple[tuple[str, str, str, Callable[[SpanWorker], int]], ...] = (
    ("roots.open", "{root}", "Session roots in memory", lambda r: r.pipeline.engine.open),
    (
        "sessions.open",
        "{session}",
        "Sessions in memory",
        lambda r: len(r.pipeline.manager.lifecycle),
    ),
    ("queue.size", "{item}", "Starts and ends that wait to be folded", lambda r: len(r.queue)),
    ("held.size", "{span}", "Spans that wait for the downstream", lambda r: len(r.held)),
)


class _Instruments:
    """The instruments of one meter provider; the processors that it observes are added up."""

    def __init__(self, provider: metrics.MeterProvider) -> None:
        meter = metrics.get_meter(_NAME, version(), provider, SCHEMA_URL)
        self.span_workers: WeakSet[SpanWorker] = WeakSet()
        self.retired: dict[str, Counter[str]] = {}
        """What processors had counted that were shut down, by instrument: counters never fall."""
        self.histograms = {
            name: _histogram(meter, _PREFIX + f"session.{name}", *row)
            for name, row in _HISTOGRAMS.items()
        }
        self._labels = MetricLabels()
        self._lock = threading.Lock()
        for name, unit, key, description, read in _COUNTERS:
            meter.create_observable_counter(
                _PREFIX + name, [partial(self._counted, name, key, read)], unit, description
            )
        for name, unit, description, read in _GAUGES:
            meter.create_observable_gauge(
                _PREFIX + name, [partial(self._gauged, read)], unit, description
            )

    def attributes(self, record: SessionRecord, names: tuple[str, ...]) -> dict[str, str | bool]:
        """Attributes of what is measured of a session."""
        with self._lock:
            labels = self._labels.of(record.metadata, names) if names else {}
        return {**labels, "end_reason": record.end_reason, "partial": record.is_partial}

    def retire(self, span_worker: SpanWorker) -> None:
        """A processor is shut down."""
        if span_worker in self.span_workers:
            self.span_workers.discard(span_worker)
            for name, _, _, _, read in _COUNTERS:
                self.retired.setdefault(name, Counter()).update(_by_name(read(span_worker)))

    def _counted(self, name: str, key: str, read: _Read, _: CallbackOptions) -> list[Observation]:
        """What all processors have together; they are not kept alive, as meters are never given back."""
        sums = Counter(self.retired.get(name))
        for span_worker in all_of(self.span_workers):
            sums.update(_by_name(read(span_worker)))
        return [Observation(number, {key: name} if key else None) for name, number in sums.items()]

    def _gauged(self, read: Callable[[SpanWorker], int], _: CallbackOptions) -> list[Observation]:
        span_workers = all_of(self.span_workers)
        return [Observation(sum(map(read, span_workers)))] if span_workers else []


def _histogram(
    meter: Meter, name: str, unit: str, description: str, boundaries: tuple[float, ...]
) -> Histogram:
    try:
        return meter.create_histogram(
            name, unit, description, explicit_bucket_boundaries_advisory=boundaries
        )
    except TypeError:
        # a provider that does not know of advice: opentelemetry-api before 1.30, or not the SDK's
        return meter.create_histogram(name, unit, description)


def _by_name(numbers: _Numbers) -> Mapping[str, int]:
    return {"": numbers} if isinstance(numbers, int) else dict(numbers)


_instruments: WeakKeyDictionary[metrics.MeterProvider, _Instruments] = WeakKeyDictionary()
_lock = threading.Lock()


class Meters:
    """What one processor measures."""

    def __init__(
        self,
        span_worker: SpanWorker,
        provider: metrics.MeterProvider | None = None,
        metadata_names: tuple[str, ...] = (),
    ) -> None:
        """``metadata_names``: of the metadata that becomes attributes."""
        self._metadata_names = metadata_names
        provider = metrics.get_meter_provider() if provider is None else provider
        with _lock:
            self._instruments = _instruments.get(provider) or _instruments.setdefault(
                provider, _Instruments(provider)
            )
        self._span_worker = weakref.ref(span_worker)
        self._instruments.span_workers.add(span_worker)

    def ended(self, record: SessionRecord) -> None:
        """A session has ended.  Later revisions of a record are not measured again."""
        if record.revision > 1:
            return
        rollup, into = record.rollup, self._instruments.histograms
        measured: dict[str, float | None] = {
            "cost": None if rollup.is_empty else rollup.cost_usd,
            "tokens": rollup.total_tokens or 0,
            "duration": None if rollup.duration_ms is None else rollup.duration_ms / 1000,
            "traces": record.num_traces,
            "events": rollup.num_events,
        }
        attributes = self._instruments.attributes(record, self._metadata_names)
        for name, value in measured.items():
            if value is not None:
                into[name].record(value, attributes)

    def stop(self) -> None:
        """The processor has counted all that it will."""
        span_worker = self._span_worker()
        if span_worker is not None:
            self._instruments.retire(span_worker)
