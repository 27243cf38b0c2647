"""Span sets with known answers, replayed through the real SDK with their ids, times and scopes."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context

from otel_session_agg import PriceBook, SessionSpanProcessor
from otel_session_agg._sdk import turns
from otel_session_agg.attributes import OUR_SCOPE
from tests.support.paths import TESTS

CASES = TESTS / "cases"
_EPOCH_NS = 1_790_000_000_000_000_000
"""When cases without times are played: 2026, long after every price they need came into force."""

TOKENS = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
FIGURES = (*TOKENS, "num_model_events")
"""What cases expect to be exact."""

Case = dict[str, Any]


def cases_in(path: Path) -> list[Case]:
    """All cases of one file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def load(name: str) -> list[Case]:
    """All cases of one file below ``tests/cases``."""
    return cases_in(CASES / f"{name}.jsonl.gz")


class _Ids(IdGenerator):
    """Hands out the ids it is given."""

    def __init__(self) -> None:
        self.span_id = 1
        self.trace_id = 1

    def generate_span_id(self) -> int:
        return self.span_id

    def generate_trace_id(self) -> int:
        return self.trace_id


@cache
def real_prices() -> PriceBook:
    """The real table alone: a third of the time that a case takes would go to look the same models up again."""
    return PriceBook()


def price_book(prices: dict[str, float] | None) -> PriceBook:
    """A case's prices, USD per token, for every model; none: no prices at all beyond the real table."""
    if not prices:
        return real_prices()
    rates: dict[str, Any] = {}
    tiers: dict[int, dict[str, float]] = {}
    for key, value in prices.items():
        match = re.fullmatch(r"(\w+)_above_(\d+)k", key)
        if match:
            tiers.setdefault(int(match[2]) * 1000, {})[match[1]] = value * 1e6
        else:
            rates[key] = value * 1e6
    if tiers:
        rates["tiers"] = [{"above_tokens": above, **row} for above, row in tiers.items()]
    return PriceBook({"*": rates})


def _steps(spans: list[dict[str, Any]]) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(time, is end, span) in order of time; spans without times are nested as they stand."""
    for index, span in enumerate(spans):
        span.setdefault("start_ns", _EPOCH_NS + index * 1_000_000)
        span.setdefault("end_ns", _EPOCH_NS + (2 * len(spans) - index) * 1_000_000)
    moments = [(span["start_ns"], 0, span) for span in spans] + [(span["end_ns"], 1, span) for span in spans]
    yield from sorted(moments, key=lambda moment: moment[:2])


def is_ours(span: ReadableSpan) -> bool:
    """Whether a span is a session record."""
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == OUR_SCOPE


def replay(case: Case, processor: Callable[[SimpleSpanProcessor], SessionSpanProcessor] | None = None) -> ReadableSpan:
    """Play a case below one session root; returns the root as it was exported."""
    exporter = InMemorySpanExporter()
    ids = _Ids()
    provider = _provider(case, exporter, ids, processor)
    spans = [dict(span) for span in case["spans"]]
    steps = list(_steps(spans))
    known = {span["id"]: number for number, span in enumerate(spans, start=2)}
    root = provider.get_tracer("tests").start_span("session", start_time=steps[0][0])

    def place(span: dict[str, Any]) -> Context:
        ids.span_id = known[span["id"]]
        return _below(ids.trace_id, known.get(span["parent"], 1))

    _play(provider, steps, place)
    root.end(end_time=steps[-1][0])
    exported = _exported(provider, exporter)
    assert len(spans) + 1 == len(exported)
    return next(span for span in exported if span.context is not None and span.context.span_id == 1)


def replay_rootless(case: Case) -> list[ReadableSpan]:
    """Play a case as it stands, with the traces and roots that it has; returns the roots as they were exported."""
    return [span for span in replay_traces(case) if span.parent is None]


def replay_traces(case: Case) -> list[ReadableSpan]:
    """Play a case as it stands, with the traces and roots that it has; returns all spans as they were exported."""
    exporter = InMemorySpanExporter()
    ids = _Ids()
    provider = _provider(case, exporter, ids)
    spans = [dict(span) for span in case["spans"]]
    known = {span["id"]: number for number, span in enumerate(spans, start=1)}
    traces = {trace: number for number, trace in enumerate(dict.fromkeys(span["trace"] for span in spans), start=1)}

    def place(span: dict[str, Any]) -> Context:
        ids.span_id, ids.trace_id = known[span["id"]], traces[span["trace"]]
        return _below(ids.trace_id, known[span["parent"]]) if span["parent"] in known else Context()

    _play(provider, list(_steps(spans)), place)
    exported = _exported(provider, exporter)
    assert len(spans) == len(exported)
    return exported


def _provider(
    case: Case,
    exporter: InMemorySpanExporter,
    ids: _Ids,
    processor: Callable[[SimpleSpanProcessor], SessionSpanProcessor] | None = None,
) -> TracerProvider:
    downstream = SimpleSpanProcessor(exporter)
    provider = TracerProvider(id_generator=ids, shutdown_on_exit=False)
    provider.add_span_processor(
        processor(downstream) if processor else SessionSpanProcessor(downstream, prices=price_book(case.get("prices")))
    )
    return provider


def _below(trace_id: int, span_id: int) -> Context:
    """The context in which a span's children start."""
    parent = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(parent))


def _play(
    provider: TracerProvider, steps: list[tuple[int, int, dict[str, Any]]], place: Callable[[dict[str, Any]], Context]
) -> None:
    """Start and end all spans in their order; the worker takes them as one batch, however slow the machine is."""
    opened: dict[str, Any] = {}
    with patch.object(turns, "GATHER_SECONDS", 600.0):  # a flush ends the wait
        for time_ns, is_end, span in steps:
            if is_end:
                opened[span["id"]].end(end_time=time_ns)
            else:
                opened[span["id"]] = _start(provider, span, place(span))


def _exported(provider: TracerProvider, exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    """All that was played, without the records of sessions."""
    provider.force_flush()
    provider.shutdown()
    return [span for span in exporter.get_finished_spans() if not is_ours(span)]


def _start(provider: TracerProvider, span: dict[str, Any], context: Context) -> Any:
    started = provider.get_tracer(span.get("scope") or "", span.get("scope_version") or None).start_span(
        span["name"],
        context=context,
        kind=SpanKind[span.get("kind") or "INTERNAL"],
        attributes={key: value for key, value in span["attributes"].items() if value is not None},
        start_time=span["start_ns"],
    )
    for event in span.get("events") or ():
        started.add_event(event.get("name", ""), event.get("attributes") or {}, event.get("time_ns"))
    status = span.get("status") or {}
    if status.get("code") == "ERROR":
        started.set_status(Status(StatusCode.ERROR, status.get("description")))
    return started
