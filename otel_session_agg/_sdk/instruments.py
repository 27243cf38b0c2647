"""The instruments that ``metrics.py`` makes: names, units, descriptions, and what is read for them.

===================================== ========= ========= ======================================
instrument                            kind      unit      attributes (remarks)
===================================== ========= ========= ======================================
``otel_session_agg.session.cost``     histogram {USD}     ``end_reason``, ``partial``, metadata
``otel_session_agg.session.tokens``   histogram {token}   ``end_reason``, ``partial``, metadata
``otel_session_agg.session.duration`` histogram s         ``end_reason``, ``partial``, metadata
``otel_session_agg.session.traces``   histogram {trace}   ``end_reason``, ``partial``, metadata
``otel_session_agg.session.events``   histogram {event}   ``end_reason``, ``partial``, metadata
``otel_session_agg.spans.received``   counter   {span}
``otel_session_agg.spans.folded``     counter   {span}
``otel_session_agg.spans.late``       counter   {span}    (folded after their root left)
``otel_session_agg.spans.ignored``    counter   {span}    ``reason``
``otel_session_agg.spans.lost``       counter   {span}    ``reason`` (never forwarded)
``otel_session_agg.values.unread``    counter   {value}   ``reason``
``otel_session_agg.roots.opened``     counter   {root}
``otel_session_agg.roots.released``   counter   {root}    ``reason``
``otel_session_agg.roots.open``       gauge     {root}
``otel_session_agg.sessions.open``    gauge     {session} (in memory)
``otel_session_agg.calls.unpriced``   counter   {call}
``otel_session_agg.faults``           counter   {fault}   ``place`` (caught, logged once a kind)
``otel_session_agg.callbacks.lost``   counter   {call}    (one does not come back)
``otel_session_agg.queue.size``       gauge     {item}
``otel_session_agg.held.size``        gauge     {span}    (waiting for the downstream)
``otel_session_agg.store.slots``      counter   {slot}    ``outcome``: written, lost, malformed
``otel_session_agg.store.errors``     counter   {error}
===================================== ========= ========= ======================================

Of the metadata only what the setting ``metric_attributes`` allows is an attribute, as
``metadata.<name>`` with a bounded number of values (``metric_labels.py``).  No session, user or
model is ever an attribute, so the number of time series is bounded.

The histograms advise boundaries of buckets: from a hundredth of a cent to 100 USD with 0.10 among
them, tokens as the GenAI semantic conventions have them, durations up to a day.  The SDK's own
default ends at 10,000 of any unit and begins at 0, 5, 10: every session below 5 USD would be in one
bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from otel_session_agg._sdk.worker import SpanWorker

PREFIX = "otel_session_agg."
"""Begins the names of all instruments."""

Numbers = Mapping[str, int] | int
"""A count, or counts by the value of an instrument's attribute."""

Read = Callable[[SpanWorker], Numbers]
"""Reads the counts of one processor or exporter."""

HISTOGRAMS: Mapping[str, tuple[str, str, tuple[float, ...]]] = {
    "cost": (
        "{USD}",
        "Known cost of a session",
        (
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
            1, 2.5, 5, 10, 25, 50, 100,
        ),
    ),
    # opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics: gen_ai.client.token.usage
    "tokens": ("{token}", "Tokens of a session", tuple(4**power for power in range(14))),
    "duration": (
        "s",
        "First start to last end of a session",
        (
            0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
            1800, 3600, 7200, 14400, 28800, 57600, 86400,
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
}  # fmt: skip
"""Unit, description and boundaries of buckets, by what of a session is measured."""

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
