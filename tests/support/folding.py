"""Span sets of cases, folded by the engine alone: in any order of ends, as often as a law needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from otel_session_agg import Rollup, Settings
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.span import Kind, Reading, SpanData, SpanEvent
from otel_session_agg._reading import span as reading
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Released
from tests.support.replay import Case, load

_TRACE, _ROOT = 1, 1
_EPOCH_NS = 1_790_000_000_000_000_000
_WEIGHTS = (3, 7, 0, -2, 5, 11, 13, 17, 19, 23)
"""Picodollars per token of each field of ``Usage``: no two fields can be mistaken for each other."""

Row = tuple[SpanData, Reading]


class Totals(NamedTuple):
    """What must not depend on the order of ends."""

    events: int
    model_events: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    winners: int
    unpriced: int
    cost_pusd: int

    def __add__(self, other: tuple[Any, ...]) -> Totals:  # as numbers, not as tuples
        return Totals(*[mine + its for mine, its in zip(self, other, strict=True)])


NOTHING = Totals(*[0] * len(Totals._fields))


def price(call: Call) -> int:
    """A price of every figure that a call states."""
    return sum(weight * (tokens or 0) for weight, tokens in zip(_WEIGHTS, call.usage or (), strict=False))


def rows(case: Case, first_id: int = _ROOT + 1) -> list[Row]:
    """The spans of a case below the root, with what is read from each; their ids follow each other from ``first_id``."""
    spans = case["spans"]
    ids = {span["id"]: number for number, span in enumerate(spans, start=first_id)}
    return [_row(span, ids, index, len(spans)) for index, span in enumerate(spans)]


def _row(span: dict[str, Any], ids: dict[str, int], index: int, number: int) -> Row:
    status = span.get("status") or {}
    data = SpanData(
        span["name"],
        _TRACE,
        ids[span["id"]],
        ids.get(span["parent"], _ROOT),
        span.get("kind") or "INTERNAL",
        span.get("scope") or "",
        span.get("scope_version") or "",
        span.get("start_ns", _EPOCH_NS + index * 1_000_000),
        span.get("end_ns", _EPOCH_NS + (2 * number - index) * 1_000_000),
        {key: value for key, value in span["attributes"].items() if value is not None},
        tuple(
            SpanEvent(event.get("name", ""), event.get("attributes") or {}, event.get("time_ns") or 0)
            for event in span.get("events") or ()
        ),
        status.get("code") == "ERROR",
        status.get("description"),
    )
    return data, reading.read(data)


def folded(told: Sequence[Row], ends: Iterable[int] | None = None, *, is_asked: bool = False) -> Totals:
    """The totals of a root with these spans below it; the arguments are those of ``folded_rollup``."""
    return _totals(folded_rollup(told, ends, is_asked=is_asked))


def folded_rollup(told: Sequence[Row], ends: Iterable[int] | None = None, *, is_asked: bool = False) -> Rollup:
    """The rollup of a root with these spans below it.

    ``ends``: the order in which they end, as places in ``told``; all have started by then.  ``None``: in order of time.
    ``is_asked``: totals are asked for after each end.
    """
    events = {data.span_id: event for data, event in told}
    engine = Engine(Settings(), lambda data: events.get(data.span_id) or Reading(Kind.SPAN), price, Deadlines())
    out: list[object] = []
    times = [data.start_ns for data, _ in told] + [data.end_ns for data, _ in told] + [_EPOCH_NS] * (not told)
    root = SpanData("session", _TRACE, _ROOT, None, "INTERNAL", "app", "", min(times), max(times), {})
    trace = engine.started(_TRACE, _ROOT, None, out)
    assert trace is not None
    steps = _by_time(told) if ends is None else [(0, place) for place in range(len(told))] + [(1, place) for place in ends]
    for is_end, place in steps:
        data = told[place][0]
        if is_end:
            engine.ended(data, data, 0.0, out)
            if is_asked:
                engine.totals.rollup(trace)
        else:
            engine.started(_TRACE, data.span_id, data.parent_id, out)
    engine.ended(root, root, 0.0, out)
    assert Released(trace) in out
    return engine.totals.rollup(trace)


def _by_time(told: Sequence[Row]) -> list[tuple[int, int]]:
    moments = [(data.start_ns, 0, place) for place, (data, _) in enumerate(told)]
    moments += [(data.end_ns, 1, place) for place, (data, _) in enumerate(told)]
    return [(is_end, place) for _, is_end, place in sorted(moments)]


def _totals(rollup: Rollup) -> Totals:
    return Totals(
        rollup.num_events,
        rollup.num_model_events,
        rollup.prompt_tokens or 0,
        rollup.completion_tokens or 0,
        rollup.total_tokens or 0,
        rollup.cache_read_tokens,
        rollup.cache_write_tokens,
        rollup.reasoning_tokens,
        rollup.num_winners,
        rollup.num_unpriced_events,
        rollup.cost_pusd,
    )


def joined(cases: Iterable[Case], gap_ns: int) -> list[Row]:
    """The spans of cases one after the other, as if one trace had all of them."""
    told: list[Row] = []
    clock = _EPOCH_NS
    for case in cases:
        part = rows(case, first_id=_ROOT + 1 + len(told))
        begin, end = min(data.start_ns for data, _ in part), max(data.end_ns for data, _ in part)
        shift = clock - begin
        told += [(data._replace(start_ns=data.start_ns + shift, end_ns=data.end_ns + shift), event) for data, event in part]
        clock += end - begin + gap_ns
    return told


def made_cases() -> list[Case]:
    """Span sets of recorded applications and of peers' tests, without our own recordings."""
    return [case for name in ("spans", "recordings", "stacks") for case in load(name)]
