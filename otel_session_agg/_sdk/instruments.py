"""The instruments that ``metrics.py`` makes: names, units, descriptions, and what is read for them.

All names begin with ``otel_session_agg.``.

================================== ========= ========= ======================================
instrument                         kind      unit      attributes (remarks)
================================== ========= ========= ======================================
``session.cost``                   histogram {USD}     ``end_reason``, ``partial``, metadata
``session.tokens``                 histogram {token}   ``end_reason``, ``partial``, metadata
``session.duration``               histogram s         ``end_reason``, ``partial``, metadata
``session.model_duration``         histogram s         ``end_reason``, ``partial``, metadata
``session.tool_duration``          histogram s         ``end_reason``, ``partial``, metadata
``session.busy_duration``          histogram s         ``end_reason``, ``partial``, metadata
``session.idle_duration``          histogram s         ``end_reason``, ``partial``, metadata
``session.time_to_first_token``    histogram s         ``end_reason``, ``partial``, metadata
``session.time_to_first_response`` histogram s         ``end_reason``, ``partial``, metadata
``session.traces``                 histogram {trace}   ``end_reason``, ``partial``, metadata
``session.events``                 histogram {event}   ``end_reason``, ``partial``, metadata
``calls.duration``                 histogram s         metadata (of model calls)
``calls.unpriced``                 counter   {call}
``models.cost``                    counter   {USD}     ``gen_ai.response.model``, metadata
``models.tokens``                  counter   {token}   ``gen_ai.response.model``, metadata
``spans.received``                 counter   {span}
``spans.folded``                   counter   {span}
``spans.late``                     counter   {span}    (folded after their root left)
``spans.ignored``                  counter   {span}    ``reason``
``spans.lost``                     counter   {span}    ``reason`` (never forwarded)
``values.unread``                  counter   {value}   ``reason``
``roots.opened``                   counter   {root}
``roots.released``                 counter   {root}    ``reason``
``roots.open``                     gauge     {root}
``sessions.open``                  gauge     {session} (in memory)
``faults``                         counter   {fault}   ``place`` (caught, logged once a kind)
``callbacks.lost``                 counter   {call}    (one does not come back)
``queue.size``                     gauge     {item}
``held.size``                      gauge     {span}    (waiting for the downstream)
``store.slots``                    counter   {slot}    ``outcome``: written, lost, malformed
``store.errors``                   counter   {error}
================================== ========= ========= ======================================

Of the metadata only what the setting ``metric_attributes`` allows is an attribute, as
``metadata.<name>`` with a bounded number of values (``metric_labels.py``).  What models came to is
measured only if the setting names ``gen_ai.response.model``, with as many values.  No session or
user is ever an attribute, so the number of time series is bounded.

Sessions are measured when they end for the first time.  Calls and models are measured then, too,
and what has come since each time that a session ends again, as long as this process remembers it.
Of more than 10,000 calls in one session a share is measured.
Durations of calls are right to 1 %, those of the totals.  They read best as an exponential
histogram: ``View(instrument_name="otel_session_agg.calls.duration",
aggregation=ExponentialBucketHistogramAggregation())``.

The histograms advise boundaries of buckets: from a hundredth of a cent to 100 USD with 0.10 among
them, tokens as the GenAI semantic conventions have them, durations up to a day.  The SDK's own
default ends at 10,000 of any unit and begins at 0, 5, 10: every session below 5 USD would be in one
bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from otel_session_agg._model.breakdown import BreakdownRow
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg._untrusted.values import PUSD_PER_USD

PREFIX = "otel_session_agg."
"""Begins the names of all instruments."""

Numbers = Mapping[str, int] | int
"""A count, or counts by the value of an instrument's attribute."""

Read = Callable[[SpanWorker], Numbers]
"""Reads the counts of one processor or exporter."""

_TIMES = (
    0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    1800, 3600, 7200, 14400, 28800, 57600, 86400,
)  # fmt: skip
_CALL_TIMES = tuple(0.01 * 2**power for power in range(14))
# opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics: gen_ai.client.operation.duration

HISTOGRAMS: tuple[
    tuple[str, str, str, tuple[float, ...], Callable[[SessionRecord], float | None]], ...
] = (
    ("cost", "{USD}", "Known cost of a session",
     (
         0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
         1, 2.5, 5, 10, 25, 50, 100,
     ),
     lambda r: None if r.rollup.is_empty else r.rollup.cost_usd),
    # opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics: gen_ai.client.token.usage
    ("tokens", "{token}", "Tokens of a session", tuple(4**power for power in range(14)),
     lambda r: r.rollup.total_tokens or 0),
    ("duration", "s", "First start to last end of a session", _TIMES,
     lambda r: _seconds(r.rollup.duration_ms)),
    ("model_duration", "s", "Time of a session in which a model call ran", _TIMES,
     lambda r: _seconds(r.rollup.model_duration_ms)),
    ("tool_duration", "s", "Time of a session in which a tool ran", _TIMES,
     lambda r: _seconds(r.rollup.tool_duration_ms)),
    ("busy_duration", "s", "Time of a session in which a trace ran", _TIMES,
     lambda r: _seconds(r.rollup.busy_duration_ms)),
    ("idle_duration", "s", "Time of a session between traces", _TIMES,
     lambda r: _seconds(r.rollup.idle_duration_ms)),
    ("time_to_first_token", "s", "Time to the first token of a session's first call that states it",
     _CALL_TIMES, lambda r: _seconds(r.rollup.time_to_first_token_ms)),
    ("time_to_first_response", "s", "Start of a session until a model call first answered",
     _CALL_TIMES, lambda r: _seconds(r.rollup.time_to_first_response_ms)),
    ("traces", "{trace}", "Traces of a session",
     (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 4096), lambda r: r.num_traces),
    ("events", "{event}", "Events of a session",
     (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000), lambda r: r.rollup.num_events),
)  # fmt: skip
"""What of a session is measured: name, unit, description, boundaries of buckets, and how it is
read."""

CALL_DURATION = ("calls.duration", "s", "Duration of a model call", _CALL_TIMES)
"""Name without prefix, unit, description and boundaries of buckets."""

MODEL = "gen_ai.response.model"
"""The attribute of what models came to, of the GenAI semantic conventions; measured only if
``metric_attributes`` names it."""

MODEL_COUNTERS: tuple[tuple[str, str, str, Callable[[BreakdownRow], float]], ...] = (
    ("models.cost", "{USD}", "Known cost of model calls", lambda row: row.cost_pusd / PUSD_PER_USD),
    ("models.tokens", "{token}", "Tokens of model calls", lambda row: row.total_tokens),
)
"""Name without prefix, unit, description, and what is counted of a row."""

COUNTERS: tuple[tuple[str, str, str, str, Read], ...] = (
    ("spans.received", "{span}", "", "Ended spans that came in",
     lambda w: w.pipeline.engine.received),
    ("spans.folded", "{span}", "", "Ended spans that are in totals",
     lambda w: w.pipeline.engine.folded),
    ("spans.late", "{span}", "", "Spans folded after their root had left",
     lambda w: w.pipeline.engine.late),
    ("spans.ignored", "{span}", "reason", "Ended spans that are in no totals",
     lambda w: w.pipeline.engine.ignored),
    ("spans.lost", "{span}", "reason", "Spans that were never forwarded", lambda w: w.lost),
    ("values.unread", "{value}", "reason", "Attribute values that were not used",
     lambda w: w.pipeline.engine.unread),
    ("roots.opened", "{root}", "", "Session roots that began", lambda w: w.pipeline.engine.opened),
    ("roots.released", "{root}", "reason", "Session roots that left",
     lambda w: w.pipeline.engine.released),
    ("calls.unpriced", "{call}", "", "Model calls without a known cost",
     lambda w: w.pipeline.engine.unpriced),
    ("faults", "{fault}", "place", "Faults that were caught", lambda w: w.faults()),
    ("callbacks.lost", "{call}", "", "Callbacks that were not made because one does not come back",
     lambda w: w.callbacks.num_lost),
    ("store.slots", "{slot}", "outcome", "Slots of the store",
     lambda w: w.store_counts("written", "lost", "malformed")),
    ("store.errors", "{error}", "", "Times that the store could not be used",
     lambda w: w.store_counts("errors").get("errors", 0)),
)  # fmt: skip
"""Name without prefix, unit, attribute or "", description, and how the count is read."""

GAUGES: tuple[tuple[str, str, str, Callable[[SpanWorker], int]], ...] = (
    ("roots.open", "{root}", "Session roots in memory", lambda w: w.pipeline.engine.open),
    ("sessions.open", "{session}", "Sessions in memory",
     lambda w: len(w.pipeline.manager.lifecycle)),
    ("queue.size", "{item}", "Starts and ends that wait to be folded", lambda w: len(w.queue)),
    ("held.size", "{span}", "Spans that wait for the downstream", lambda w: len(w.held)),
)  # fmt: skip
"""Name without prefix, unit, description, and how the value is read."""


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000
