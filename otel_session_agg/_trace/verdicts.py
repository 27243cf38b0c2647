"""What became of each report of a call: whether it counts, or which call it lost to, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._trace.call import Call, reports_call
from otel_session_agg._trace.resolve import resolve
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.tree import Place, Tree


class Verdict(NamedTuple):
    """What a pass decided about the call that one span reports."""

    span_id: int
    counts: bool
    """Whether the call is in the totals: its figures, or that it was made."""
    model_events: int
    """The number of model events that it counts as."""
    usage: Usage | None
    """The tokens that count, with what other reports of the same call stated."""
    lost_to: int | None
    """The span whose call counts instead, or has the figures."""
    rule: Rule | None
    """Why."""
    gave: tuple[str, ...]
    """What that call has from this report: names of fields of ``Call``."""


def verdict(call: Call) -> Verdict:
    """Return what was decided about a call."""
    other = call.lost_to or call.figures_at
    usage = call.usage if call.stands and call.usage_counts else None
    return Verdict(
        call.span_id,
        counts=call.stands,
        model_events=call.model_events if call.stands else 0,
        usage=usage.with_total() if usage is not None else None,
        lost_to=other.span_id if other is not None else None,
        rule=call.rule,
        gave=call.gave,
    )


def calls_of(rows: Iterable[tuple[SpanData, Reading]]) -> dict[int, Call]:
    """Return the calls that the spans of one trace report, decided about, by span id."""
    calls: dict[int, Call] = {}
    places: dict[int, Place] = {}
    for span, reading in rows:
        if reports_call(reading):
            calls[span.span_id] = Call(span, reading)
        else:
            places[span.span_id] = Place(span.parent_id, reading.kind is Kind.TOOL)
    resolve(calls.values(), Tree(calls, places))
    return calls


def verdicts(rows: Iterable[tuple[SpanData, Reading]]) -> list[Verdict]:
    """Return a verdict for each span of a whole trace that reports a call."""
    return [verdict(call) for call in calls_of(rows).values()]
