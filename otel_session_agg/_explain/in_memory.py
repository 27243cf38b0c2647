"""Explain what a process remembers of a session: the calls that can still be decided about.

Of ended spans only these calls are remembered, without names and attributes; earlier ones are added
up for good.  So a call is shown by its model, and the earlier ones are the rest of the totals.
Several processors without a store share a session: what each remembers is put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

from otel_session_agg._explain.counted import SpanKey, figures_of
from otel_session_agg._explain.explanation import Explanation
from otel_session_agg._explain.rows import SpanExplanation
from otel_session_agg._explain.tree import Link, branches
from otel_session_agg._explain.verdicts import Verdict, verdicts
from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._pricing.price_book import PriceBook
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_sessions import CallSessions
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.counting import top_id
from otel_session_agg._trace.session_key import NO_SESSION
from otel_session_agg._trace.trace import Trace
from otel_session_agg._trace.tree import Tree

__all__ = ["Remembered", "explain_remembered", "remembered"]


class RememberedCall(NamedTuple):
    """What a processor remembers of one call."""

    link: Link
    row: tuple[SpanData, Reading]
    verdict: Verdict
    figures: CallTotals


class Remembered(NamedTuple):
    """What one processor remembers of a session."""

    calls: Mapping[SpanKey, RememberedCall]
    rollup: Rollup
    """The session's totals."""
    share: Rollup | None
    """Those that no other processor of this process has; ``None``: its sessions are not shared."""


def remembered(
    session_id: str,
    traces: Iterable[Trace],
    totals: tuple[Rollup, Rollup | None],
    prices: PriceBook,
) -> Remembered:
    """Return the calls of a session that are remembered, as they are decided about now.

    ``traces``: those of the session that can change, all decided about.  ``totals``: of the
    session, and the processor's share of them.
    """
    calls: dict[SpanKey, Call] = {}
    links: list[Link] = []
    for trace in traces:
        for call, above in _calls_of(trace, session_id):
            key = (trace.trace_id, call.span_id)
            calls[key] = call
            parent = None if above is None else (trace.trace_id, above.span_id)
            links.append(Link(key, parent, call.span_start_ns))
    decided = verdicts(calls, prices)
    return Remembered(
        {
            link.key: RememberedCall(
                link,
                (_span(link.key, calls[link.key]), calls[link.key].reading),
                decided[link.key],
                figures_of(calls[link.key], prices),
            )
            for link in links
        },
        *totals,
    )


def explain_remembered(session_id: str, parts: Sequence[Remembered]) -> Explanation:
    """Return why a session's totals are what they are, as far as that is remembered.

    ``parts``: of all processors of this process.  The totals are those with the most events, or the
    sum of their shares if that has more.
    """
    fullest = max(parts, key=lambda part: part.rollup.num_events)
    sharing = [part for part in parts if part.share is not None]
    shared = reduce(add, filter(None, (part.share for part in sharing)), NOTHING)
    if shared.num_events > fullest.rollup.num_events:
        return _explained(session_id, sharing, shared)
    return _explained(session_id, [fullest], fullest.rollup)


def _explained(session_id: str, parts: Iterable[Remembered], rollup: Rollup) -> Explanation:
    calls = {key: call for part in parts for key, call in part.calls.items()}
    rows = tuple(
        SpanExplanation(number, branch, calls[branch.key].row, calls[branch.key].verdict, None)
        for number, branch in enumerate(branches(call.link for call in calls.values()), 1)
    )
    known = CallTotals()
    for call in calls.values():
        known.merge(call.figures)
    return Explanation(rows, rollup, {session_id: rollup}, earlier=_rest(rollup, known))


def _calls_of(trace: Trace, session_id: str) -> Iterator[tuple[Call, Call | None]]:
    """Yield the calls of a trace that belong to a session, and the nearest call above each."""
    kept = trace.calls
    if kept is None:
        return
    opened, calls, top = trace.opened or {}, kept.calls, top_id(trace)
    sessions = CallSessions(calls, kept.places, opened, top).of(calls.values())
    outer = Tree(calls, kept.places, opened, top).outer(calls.values())
    for call, (above, _) in outer.items():
        stated = sessions.get(call.winner(), NO_SESSION)
        if trace.attribution.resolved(stated) == session_id:
            yield call, above


def _span(key: SpanKey, call: Call) -> SpanData:
    """Return what is remembered of the span that reports a call."""
    name = call.models[0] if call.models else call.scope
    return SpanData(
        name, *key, call.parent_id, "INTERNAL", call.scope, "", call.span_start_ns,
        call.span_end_ns, {},
    )  # fmt: skip


def _rest(rollup: Rollup, known: CallTotals) -> Rollup | None:
    """Return the totals of calls that are not remembered one by one; ``None``: there are none."""
    rest = Rollup(
        num_model_events=rollup.num_model_events - known.num_models,
        num_unpriced_events=rollup.num_unpriced_events - known.unpriced,
        num_computed=rollup.num_computed - known.computed,
        num_recorded=rollup.num_recorded - known.recorded,
        cost_pusd=rollup.cost_pusd - known.cost_pusd,
        num_winners=rollup.num_winners - known.winners,
        prompt_tokens=(rollup.prompt_tokens or 0) - (known.prompt_tokens or 0),
        completion_tokens=(rollup.completion_tokens or 0) - (known.completion_tokens or 0),
        total_tokens=(rollup.total_tokens or 0) - (known.total_tokens or 0),
        cache_read_tokens=rollup.cache_read_tokens - known.cache_read_tokens,
        cache_write_tokens=rollup.cache_write_tokens - known.cache_write_tokens,
        reasoning_tokens=rollup.reasoning_tokens - known.reasoning_tokens,
    )
    is_any = rest.num_model_events or rest.num_winners or rest.cost_pusd or rest.num_unpriced_events
    return rest if is_any else None
