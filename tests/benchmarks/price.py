"""What the steps of one span cost: pricing it, reading it, folding it.

Measures, microseconds with everything warm: ``PriceBook.cost_pusd`` beside ``genai_prices.calc_price`` on the same call;
``span_data`` and ``reading.read`` on each sort of span; ``Engine`` on whole traces, events read beforehand.

Run: ``python -m tests.benchmarks.price --rounds 50``

Read: the two prices take turns, and the ratio is of the same round.  The other lines are medians of short loops; they wander
with the machine and are there to show where time goes.  Targets: a price at most 1 us.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import datetime, timezone
from statistics import median

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg import PriceBook, Settings
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.span import Reading, SpanData, Usage
from otel_session_agg._pricing.price_book import PriceBook as _Book
from otel_session_agg._reading import span as reading
from otel_session_agg._spans.received import span_data
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Released, Trace

from ._workload import (
    CALLS,
    MODEL,
    SPANS,
    TRACE,
    by_kind,
    completion_tokens,
    expected,
    is_root,
    priced,
    prompt_tokens,
    recorded,
    say,
)

_LOOP = 200
_NS_PER_US = 1000


def our_price(book: _Book, prompt: int, completion: int, at_ns: int) -> int | None:
    """The cost of one call, picodollars."""
    usage = Usage(prompt, completion, prompt + completion)
    return book.cost_pusd(provider="openai", models=(MODEL, "gpt-4o"), usage=usage, at_ns=at_ns)


def check_prices() -> None:
    """Ours and theirs agree to the picodollar."""
    book = PriceBook()
    for call in range(CALLS):
        prompt, completion = prompt_tokens(1, call), completion_tokens(1, call)
        theirs = int((priced(prompt, completion) * 10**12).to_integral_value())
        ours = our_price(book, prompt, completion, time.time_ns())
        if ours != theirs:
            message = f"{ours} is not {theirs} picodollars"
            raise AssertionError(message)


def fold(spans: list[tuple[SpanData, ReadableSpan]], events: dict[int, Reading]) -> list[Trace]:
    """Fold recorded spans, read beforehand; returns the traces that left."""
    engine = Engine(Settings(), lambda span: events[span.span_id], lambda call: (call.usage or Usage()).total_tokens, Deadlines())
    out: list[object] = []
    for data, _ in reversed(spans):  # parents end after their children, so they began before them
        engine.started(data.trace_id, data.span_id, data.parent_id, out)
    for data, span in spans:
        engine.ended(data, span, 0.0, out)
    left = [item.trace for item in out if isinstance(item, Released)]
    for trace in left:
        engine.totals.rollup(trace)
    return left


def folding(ended: list[ReadableSpan]) -> tuple[list[tuple[SpanData, ReadableSpan]], dict[int, Reading]]:
    """What ``fold`` takes."""
    spans = [(span_data(span), span) for span in ended]
    return spans, {data.span_id: reading.read(data) for data, _ in spans}


def check_folding() -> None:
    """The totals of folded traces are right."""
    spans, events = folding(recorded(3))
    engine = Engine(Settings(), reading.read, lambda _: None, Deadlines())
    out: list[object] = []
    for data, span in spans:
        engine.ended(data, span, 0.0, out)
    left = [item.trace for item in out if isinstance(item, Released)]
    roots = [span for _, span in spans if is_root(span)]
    totals = [engine.totals.rollup(trace).total_tokens for trace in left]
    wanted = [expected(int(str((root.attributes or {})[TRACE])))["metadata.total_tokens"] for root in roots]
    if totals != wanted or len(fold(spans, events)) != len(roots):
        message = f"{totals} is not {wanted}"
        raise AssertionError(message)


def _microseconds(function: Callable[[], object], loop: int = _LOOP) -> float:
    begin = time.thread_time_ns()
    for _ in range(loop):
        function()
    return (time.thread_time_ns() - begin) / loop / _NS_PER_US


def _report_prices(rounds: int) -> None:
    book, now = PriceBook(), time.time_ns()
    theirs_usage, when = PricedUsage(input_tokens=1000, output_tokens=100), datetime.now(tz=timezone.utc)
    usage, models = Usage(1000, 100, 1100), (MODEL, "gpt-4o")

    def ours() -> object:
        return book.cost_pusd(provider="openai", models=models, usage=usage, at_ns=now)

    def theirs() -> object:
        return calc_price(theirs_usage, MODEL, provider_id="openai", genai_request_timestamp=when)

    ours()
    pairs = [(_microseconds(ours), _microseconds(theirs, 20)) for _ in range(rounds)]
    for name, times in zip(("PriceBook.cost_pusd", "genai_prices.calc_price"), zip(*pairs, strict=True), strict=True):
        say(f"{name:28} {median(times):8.2f} us   [{min(times):.2f}, {max(times):.2f}]")
    say(f"{'ratio':28} {median(b / a for a, b in pairs):8.0f}")


def _report_reading(rounds: int) -> None:
    spans = {str(span.name): span for span in recorded()}
    payloads = {data.span_id: span for span in spans.values() for data in [span_data(span)]}
    for name, data in by_kind().items():
        payload = next(span for span in payloads.values() if span.name == data.name)
        taken = median(_microseconds(lambda s=payload: span_data(s)) for _ in range(rounds))  # type: ignore[misc]
        read = median(_microseconds(lambda d=data: reading.read(d)) for _ in range(rounds))  # type: ignore[misc]
        say(f"{name:28} {taken:8.2f} us to take from the SDK, {read:.2f} us to read")


def _report_folding(rounds: int) -> None:
    spans, events = folding(recorded(20))
    folded = median(_microseconds(lambda: fold(spans, events), 1) for _ in range(rounds)) / len(spans)
    say(f"{'folding, per span':28} {folded:8.2f} us ({SPANS} spans a trace, start and rollup included)")


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.price", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    check_prices()
    check_folding()
    say("answers checked")
    _report_prices(rounds)
    _report_reading(rounds)
    _report_folding(rounds)


if __name__ == "__main__":
    main()
