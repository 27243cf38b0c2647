"""Reports of calls by values, and what the pass decides about them."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.verdicts import Verdict, calls_of, verdicts
from tests.support.folding import Row

ROOT = 1
MS = 1_000_000


def used(prompt: int, completion: int, *more: int | None) -> Usage:
    """Tokens of a call; ``more``: cache reads, cache writes, ..."""
    return Usage(prompt, completion, prompt + completion, *more)


def report(
    span_id: int,
    parent_id: int | None = ROOT,
    usage: Usage | None = None,
    *,
    kind: Kind = Kind.MODEL,
    times: tuple[int, int] = (0, 100),
    scope: str | None = None,
    span_kind: str = "INTERNAL",
    **more: Any,
) -> Row:
    """A span and what is read from it; times in milliseconds, a scope of its own unless one is named."""
    start, end = times
    name = f"scope {span_id}" if scope is None else scope
    span = SpanData("s", 1, span_id, parent_id, span_kind, name, "", start * MS, end * MS, {})
    return span, Reading(kind, usage, **more)


class Sums(NamedTuple):
    """What calls come to; each token costs one picodollar."""

    model_events: int
    tokens: int
    cost_pusd: int
    unpriced: int
    winners: int


def price(call: Call) -> int:
    """One picodollar per token."""
    return (call.usage.total_tokens or 0) if call.usage is not None else 0


def call_totals(calls: Mapping[int, Call]) -> CallTotals:
    """The totals of the calls that stand."""
    totals = CallTotals()
    for call in calls.values():
        if call.stands:
            totals.add(call, price)
    return totals


def sums(*rows: Row) -> Sums:
    """What the calls of a trace come to."""
    totals = call_totals(calls_of(rows))
    return Sums(totals.num_models, totals.total_tokens or 0, totals.cost_pusd, totals.unpriced, totals.winners)


def decided(*rows: Row) -> dict[int, Verdict]:
    """The verdicts by span id, in whatever order the spans are handed in."""
    found = {one.span_id: one for one in verdicts(rows)}
    for seed in range(5):
        shuffled = Random(seed).sample(rows, len(rows))  # noqa: S311 -- a repeatable choice
        assert found == {one.span_id: one for one in verdicts(shuffled)}
    return found
