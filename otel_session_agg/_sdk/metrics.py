"""Metrics: sessions that have ended, and what this library itself has done and lost.

Everything goes through OpenTelemetry's metrics API, which does nothing without a meter provider.
Which instruments there are: ``instruments.py``.
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

from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.breakdown import NO_ROWS, Breakdown
from otel_session_agg._model.latencies import NO_LATENCIES, Latencies, middle_ns
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._sdk.instruments import (
    CALL_DURATION,
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    MODEL,
    MODEL_COUNTERS,
    PREFIX,
    Numbers,
    Read,
)
from otel_session_agg._sdk.metric_labels import MetricLabels
from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg._spans.scope import SCHEMA_URL, version
from otel_session_agg._threads.locks import all_of
from otel_session_agg.attributes import METADATA_PREFIX, OUR_SCOPE

_MAX_REMEMBERED = 1_000
"""Sessions of which is remembered what was measured, about 1 kB each; twice as many at most.

Those that end again are mostly chats that go on within the day.
"""

_MAX_RECORDED = 10_000
"""Calls of one session that are measured, each by itself as OpenTelemetry's API has it.

That takes a tenth of a second of the callbacks' thread.  Of more calls the same share of each
duration is.
"""


class _Instruments:
    """The instruments of one meter provider: sums over all processors that measure by it."""

    def __init__(self, provider: metrics.MeterProvider) -> None:
        meter = metrics.get_meter(OUR_SCOPE, version(), provider, SCHEMA_URL)
        self.span_workers: WeakSet[SpanWorker] = WeakSet()
        self.retired: dict[str, Counter[str]] = {}
        """Final counts of processors that were shut down, by instrument: counters never fall."""
        self.histograms = {
            name: _histogram(meter, PREFIX + f"session.{name}", unit, description, boundaries)
            for name, unit, description, boundaries, _ in HISTOGRAMS
        }
        self.call_duration = _histogram(meter, PREFIX + CALL_DURATION[0], *CALL_DURATION[1:])
        self.by_model = [
            (meter.create_counter(PREFIX + name, unit, description), read)
            for name, unit, description, read in MODEL_COUNTERS
        ]
        self._labels = MetricLabels()
        self._lock = threading.Lock()
        for name, unit, key, description, read in COUNTERS:
            meter.create_observable_counter(
                PREFIX + name, [partial(self._counted, name, key, read)], unit, description
            )
        for name, unit, description, read in GAUGES:
            meter.create_observable_gauge(
                PREFIX + name, [partial(self._gauged, read)], unit, description
            )

    def labels(
        self, record: SessionRecord, names: tuple[str, ...], model: str | None = None
    ) -> dict[str, str]:
        """Return the attributes that a session's metadata and dimensions, and a model, give."""
        if not names:
            return {}
        values = {**record.metadata, **record.dimensions}
        if model is not None:
            values[MODEL] = model
        with self._lock:
            labels = self._labels.of(values, names)
        if model is not None:
            labels[MODEL] = labels.pop(METADATA_PREFIX + MODEL)
        return labels

    def retire(self, span_worker: SpanWorker) -> None:
        """Keep the final counts of a processor that is shut down, and forget it."""
        if span_worker in self.span_workers:
            self.span_workers.discard(span_worker)
            for name, _, _, _, read in COUNTERS:
                self.retired.setdefault(name, Counter()).update(_by_name(read(span_worker)))

    def _counted(self, name: str, key: str, read: Read, _: CallbackOptions) -> list[Observation]:
        """Return the counts of all processors together.

        Processors are not kept alive by this, as meters are never given back.
        """
        counts = Counter(self.retired.get(name))
        for span_worker in all_of(self.span_workers):
            counts.update(_by_name(read(span_worker)))
        return [
            Observation(number, {key: name} if key else None) for name, number in counts.items()
        ]

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


def _by_name(numbers: Numbers) -> Mapping[str, int]:
    return {"": numbers} if isinstance(numbers, int) else dict(numbers)


_instruments: WeakKeyDictionary[metrics.MeterProvider, _Instruments] = WeakKeyDictionary()
_lock = threading.Lock()


class Meters:
    """Measures the sessions of one processor, and has its counters observed."""

    def __init__(
        self,
        span_worker: SpanWorker,
        provider: metrics.MeterProvider | None = None,
        metadata_names: tuple[str, ...] = (),
    ) -> None:
        """``metadata_names``: names of the metadata that become attributes."""
        self._metadata_names = metadata_names
        self._measured: Recent[str, tuple[Latencies, Breakdown]] = Recent(_MAX_REMEMBERED)
        """What was measured of sessions that have ended; only the callbacks' thread uses it."""
        provider = metrics.get_meter_provider() if provider is None else provider
        with _lock:
            self._instruments = _instruments.get(provider) or _instruments.setdefault(
                provider, _Instruments(provider)
            )
        self._span_worker = weakref.ref(span_worker)
        self._instruments.span_workers.add(span_worker)

    def ended(self, record: SessionRecord) -> None:
        """Measure a session that has ended; of later revisions of its record only new calls."""
        labels = self._instruments.labels(record, self._metadata_names)
        if record.revision == 1:
            attributes: dict[str, str | bool] = {
                **labels,
                "end_reason": record.end_reason,
                "partial": record.is_partial,
            }
            for name, _, _, _, read in HISTOGRAMS:
                value = read(record)
                if value is not None:
                    self._instruments.histograms[name].record(value, attributes)
        self._measure_calls(record, labels)

    def _measure_calls(self, record: SessionRecord, labels: Mapping[str, str]) -> None:
        """Measure the calls of a session that were not measured when it ended before."""
        details = record.rollup.details
        before = self._measured.get(record.session_id) if record.revision > 1 else _NOTHING
        self._measured.put(record.session_id, (details.latencies, details.by_model))
        if before is None:  # another process has, or it is long ago
            return
        new = details.latencies.since(before[0])
        share = max(1.0, new.num_calls / _MAX_RECORDED)
        for bucket, count in new.counts:
            seconds = middle_ns(bucket) / 1e9
            for _ in range(round(count / share)):  # none, when calls were taken back
                self._instruments.call_duration.record(seconds, labels)
        if MODEL in self._metadata_names:
            self._measure_models(record, details.by_model.since(before[1]))

    def _measure_models(self, record: SessionRecord, rows: Breakdown) -> None:
        """Count what models came to."""
        for model, row in rows.items():
            attributes = self._instruments.labels(record, self._metadata_names, model)
            for counter, read in self._instruments.by_model:
                if (value := read(row)) > 0:
                    counter.add(value, attributes)

    def stop(self) -> None:
        """Keep the counts of the processor, which is shut down."""
        span_worker = self._span_worker()
        if span_worker is not None:
            self._instruments.retire(span_worker)


_NOTHING = NO_LATENCIES, NO_ROWS
