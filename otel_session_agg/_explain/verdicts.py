"""Say what was decided about the call that a span reports: that it counts, or why it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_session_agg._explain.counted import SpanKey, figures_of
from otel_session_agg._model.span import Usage
from otel_session_agg._pricing.price_book import PriceBook
from otel_session_agg._pricing.price_parts import CallPrices, PriceOfCall
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.rules import MERGED, Rule

__all__ = ["COMPUTED", "ELSEWHERE", "RECORDED", "UNKNOWN", "Verdict", "verdicts", "why_not"]

COMPUTED, RECORDED, UNKNOWN = "computed", "recorded", "unknown"
ELSEWHERE = "in another call's"
"""The cost of a call is included in that of another."""

_WORDS: Mapping[Rule, str] = {
    Rule.SUM: "repeats calls below it, {other} among them",
    Rule.WEAK: "its figures repeat those of {other} above it",
    Rule.LAYER: "same call as {other}: one span is inside the other",
    Rule.ATTEMPT: "failed attempt inside {other}, which succeeded",
    Rule.EVENT: "states no figures; {other} below it counts",
    Rule.MISPLACED: "its figures are those of {other} below it",
    Rule.RESPONSE: "same call as {other}: its response id is the same",
    Rule.BESIDE: "same call as {other}: another library reports it at the same time",
    Rule.RUN: "a run whose call another library reports: {other}",
    Rule.TRACE: "same call as {other}, which counts in another trace",
}
_SETTLED = "earlier ones"
"""Calls of a long trace that were added up before this one was decided about."""


_GIVEN: Mapping[str, str] = {
    "usage": "tokens",
    "recorded_pusd": "cost",
    "response_models": "response model",
    "request_models": "request model",
    "response_id": "response id",
    "service_tier": "service tier",
    "server_address": "server address",
}
"""Fields of a call in words; others are words already."""


class Verdict(NamedTuple):
    """What was decided about the call that one span reports."""

    counts: bool
    """Whether the call counts as the one of this span."""
    num_model_events: int
    """The model calls that it counts as."""
    usage: Usage | None
    """The tokens that count, with what other reports of the same call state."""
    models: tuple[str, ...]
    """Names of its model, the most specific first."""
    cost_pusd: int | None
    """The cost that it adds, picodollars; ``None``: unknown."""
    cost_source: str | None
    """``computed``, ``recorded``, ``unknown``, or ``in another call's``; ``None``: it has none."""
    price: PriceOfCall | None
    """How the cost is computed, or why it is unknown."""
    other: SpanKey | None
    """The span whose call counts instead, or has its figures."""
    rule: str | None
    """The rule by which it is that one, a name of ``Rule``."""
    gave: tuple[str, ...]
    """What that call has from this span, in words."""
    has_from: tuple[tuple[SpanKey, tuple[str, ...]], ...]
    """Other spans that report the same call, and what it has from each."""

    def why(self, other: str | None) -> str:
        """Return in words why the call does not count, or not all of it.

        ``other``: how to name the span whose call counts.
        """
        if self.rule is None:
            return ""
        words = why_not(self.rule, other, counts=self.counts)
        has_given = self.gave and not self.counts
        return f"{words}; gave it {', '.join(self.gave)}" if has_given else words


def why_not(rule: str, other: str | None, *, counts: bool = False) -> str:
    """Return in words why a call does not count, or not all of it.

    Args:
        rule: The rule by which it does not, a name of ``Rule``.
        other: How to name the span whose call counts; ``None``: calls that are added up already.
        counts: Whether it counts, without figures of its own.

    """
    other = other or _SETTLED
    if counts:
        return f"a model call, whose figures are in {other}"
    return _WORDS[Rule(rule)].format(other=other)


def verdicts(calls: Mapping[SpanKey, Call], prices: PriceBook) -> dict[SpanKey, Verdict]:
    """Return a verdict for each report of a call."""
    found = CallPrices(prices)
    keys = {id(call): key for key, call in calls.items()}
    same: dict[int, list[Call]] = {}
    for call in calls.values():
        if call.lost_to is not None and call.rule in MERGED:
            same.setdefault(id(call.winner()), []).append(call)
    return {key: _verdict(call, found, keys, same) for key, call in calls.items()}


def _verdict(
    call: Call, prices: CallPrices, keys: Mapping[int, SpanKey], same: Mapping[int, list[Call]]
) -> Verdict:
    other = call.lost_to or call.figures_at
    cost, source, price = _cost(call, prices)
    stands = call.lost_to is None
    return Verdict(
        counts=stands,
        num_model_events=call.model_events if stands else 0,
        usage=call.usage.with_total() if stands and call.usage_counts and call.usage else None,
        models=call.models,
        cost_pusd=cost,
        cost_source=source,
        price=price,
        other=keys.get(id(other)) if other is not None else None,
        rule=call.rule.value if call.rule is not None and other is not None else None,
        gave=_gave(call),
        has_from=tuple((keys[id(one)], _gave(one)) for one in same.get(id(call), ())),
    )


def _gave(call: Call) -> tuple[str, ...]:
    """Return in words what the call that counts has from a report."""
    return tuple(_GIVEN.get(name, name) for name in call.gave)


def _cost(call: Call, prices: CallPrices) -> tuple[int | None, str | None, PriceOfCall | None]:
    """Return what a call adds to the cost, from where, and how it is computed."""
    if call.lost_to is not None:
        return 0, None, None
    figures = figures_of(call, prices.prices)
    if figures.recorded:
        return figures.cost_pusd, RECORDED, None
    if figures.computed:
        return figures.cost_pusd, COMPUTED, prices.price_of(call)
    if figures.unpriced:
        return None, UNKNOWN, prices.price_of(call) if call.usage_counts else None
    is_covered = call.covered and bool(call.usage_counts or call.model_events)
    return 0, ELSEWHERE if is_covered else None, None
