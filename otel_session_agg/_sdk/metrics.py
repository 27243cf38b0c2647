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

from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._sdk.instruments import COUNTERS, GAUGES, HISTOGRAMS, PREFIX, Numbers, Read
from otel_session_agg._sdk.metric_labels import MetricLabels
from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg._spans.scope import SCHEMA_URL, version
from otel_session_agg._threads.locks import all_of
from otel_session_agg.attributes import OUR_SCOPE


class _Instruments:
    """The instruments of one meter provider: sums over all processors that measure by it."""

    def __init__(self, provider: metrics.MeterProvider) -> None:
        meter = metrics.get_meter(OUR_SCOPE, version(), provider, SCHEMA_URL)
        self.span_workers: WeakSet[SpanWorker] = WeakSet()
        self.retired: dict[str, Counter[str]] = {}
        """Final counts of processors that were shut down, by instrument: counters never fall."""
        self.histograms = {
            name: _histogram(meter, PREFIX + f"session.{name}", *row)
            for name, row in HISTOGRAMS.items()
        }
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

    def attributes(self, record: SessionRecord, names: tuple[str, ...]) -> dict[str, str | bool]:
        """Return the attributes of what is measured of a session."""
        with self._lock:
            labels = self._labels.of(record.metadata, names) if names else {}
        return {**labels, "end_reason": record.end_reason, "partial": record.is_partial}

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
        provider = metrics.get_meter_provider() if provider is None else provider
        with _lock:
            self._instruments = _instruments.get(provider) or _instruments.setdefault(
                provider, _Instruments(provider)
            )
        self._span_worker = weakref.ref(span_worker)
        self._instruments.span_workers.add(span_worker)

    def ended(self, record: SessionRecord) -> None:
        """Measure a session that has ended; later revisions of its record are not measured."""
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
        """Keep the counts of the processor, which is shut down."""
        span_worker = self._span_worker()
        if span_worker is not None:
            self._instruments.retire(span_worker)
