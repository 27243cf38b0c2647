"""Why a session costs what it costs: lines that add up to its cost, to the last picodollar.

What counts is what was stored when the session was counted.  Its spans are read again for the
prices: the parts of a call's price are shown where they come to the cost that was stored, and the
stored cost alone where they do not, as when it was counted with other prices.  Parts of a price may
be fractions of a picodollar; those of one price are rounded together, so that they still add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from otel_session_agg._explain.explain import explained
from otel_session_agg._explain.notes import price_title
from otel_session_agg._explain.verdicts import COMPUTED, Verdict
from otel_session_agg._history.columns import hex_id
from otel_session_agg._pricing.overrides import EACH
from otel_session_agg._pricing.price_book import PriceBook
from otel_session_agg._pricing.price_parts import WHOLE, PriceOfCall
from otel_session_agg._untrusted.values import PUSD_PER_USD
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.session_spans import words_of

__all__ = ["CostLine", "LeftOut", "WhyCost", "why_cost"]

MAX_EXPLAINED = 10_000
"""Spans of a session that are read again for the prices; of larger ones costs stand by model."""
_MILLION = 10**6
_PICO = Decimal(1).scaleb(-12)
_RECORDED = "recorded on the span"
_STORED = "as it was priced when it was counted"
_UNKNOWN = "unknown"
_REST = "in no call that is stored"

_TRACES = """
SELECT min(start_time), max(end_time), sum(spans)
FROM traces WHERE trace_id IN (SELECT unnest(?::VARCHAR[]))
"""
_CALLS = """
SELECT trace_id, span_id, name, model, (cost * 1000000000000)::HUGEINT, cost_source, unpriced,
       counts, rule, lost_to, tokens
FROM calls WHERE session = ? AND start_time BETWEEN ? AND ? ORDER BY start_time, span_id
"""
_COST = "SELECT (cost * 1000000000000)::HUGEINT, unpriced FROM sessions WHERE session = ?"


class CostLine(NamedTuple):
    """A kind of token, or of charge, of calls that are priced alike."""

    model: str | None
    part: str
    """``input``, ``cache read``, ``whole call``, ``recorded on the span`` ..."""
    number: int | None
    """Tokens, or how often it was charged; ``None``: it is not counted so."""
    rate: Decimal | None
    """USD for a million tokens, or for each where it is charged so; ``None``: there is none."""
    calls: int
    cost: Decimal | None
    """USD, 12 decimals; ``None``: unknown."""
    origin: str = ""
    """The entry of the price list, with what it holds for, or why the cost is unknown."""
    is_each: bool = False
    """Whether it is charged for each, not by tokens."""


class LeftOut(NamedTuple):
    """Reports of calls that are not in the cost, for one reason."""

    why: str
    number: int
    names: Sequence[str]
    """Of the spans: the first ones."""


class WhyCost(NamedTuple):
    """Why a session costs what it costs."""

    lines: Sequence[CostLine]
    """Those with a cost add up to that of the session."""
    left_out: Sequence[LeftOut]
    cost: Decimal | None
    """Of the session, USD; ``None``: unknown."""
    unpriced: int
    """Calls whose cost is unknown."""
    has_prices: bool
    """Whether the spans were read again for the prices."""


class _Call(NamedTuple):
    trace_id: str
    span_id: str
    name: str
    model: str | None
    cost_pusd: int | None
    cost_source: str | None
    unpriced: bool
    counts: bool
    rule: str | None
    lost_to: str | None
    tokens: int | None

    @property
    def key(self) -> tuple[int, int]:
        return int(self.trace_id, 16), int(self.span_id, 16)


def why_cost(history: Reads, session_id: str, prices: PriceBook | None = None) -> WhyCost | None:
    """Return why a session costs what it costs; ``None``: there is no such session.

    ``prices``: those that it was counted with; ``None``: the usual ones.
    """
    known = history.rows(_COST, [session_id])
    if not known:
        return None
    [(cost_pusd, unpriced)] = known
    trace_ids = history.traces_of(session_id)
    [(low, high, spans)] = history.rows(_TRACES, [[hex_id(one, 32) for one in trace_ids]])
    calls = _calls_of(history, session_id, low, high)
    verdicts: Mapping[tuple[int, int], Verdict] = {}
    is_small = spans is not None and spans <= MAX_EXPLAINED
    if is_small and any(call.cost_source == COMPUTED or call.unpriced for call in calls):
        verdicts = _verdicts(history, trace_ids, prices or PriceBook())
    lines = [line for some in _alike(calls, verdicts) for line in _lines(some, verdicts)]
    rest = (cost_pusd or 0) - sum(call.cost_pusd or 0 for call in calls)
    if rest:
        lines.append(CostLine(None, _REST, None, None, 0, _usd(rest)))
    cost = None if cost_pusd is None else _usd(cost_pusd)
    return WhyCost(lines, _left_out(calls), cost, unpriced, bool(verdicts))


def _calls_of(
    history: Reads, session_id: str, low: datetime | None, high: datetime | None
) -> list[_Call]:
    if low is None or high is None:
        return []
    second = timedelta(seconds=1)
    rows = history.rows(_CALLS, [session_id, low - second, high + second])
    return [_Call(*row) for row in rows]


def _verdicts(
    history: Reads, trace_ids: Sequence[int], prices: PriceBook
) -> dict[tuple[int, int], Verdict]:
    """Return what the spans of traces say when they are read again."""
    found = explained((span for span, _ in history.stored_spans(trace_ids)), prices)
    return {
        (row.span.trace_id, row.span.span_id): row.verdict
        for row in found.spans
        if row.verdict is not None
    }


def _price(call: _Call, verdicts: Mapping[tuple[int, int], Verdict]) -> PriceOfCall | None:
    """Return how a call is priced, if that comes to the cost that was stored."""
    verdict = verdicts.get(call.key)
    if verdict is None or call.cost_source not in {COMPUTED, None}:
        return None
    return verdict.price if verdict.cost_pusd == call.cost_pusd else None


def _alike(
    calls: Iterable[_Call], verdicts: Mapping[tuple[int, int], Verdict]
) -> list[list[_Call]]:
    """Return calls that count and are priced alike, those that cost most first."""
    groups: dict[tuple[object, ...], list[_Call]] = {}
    for call in calls:
        if not call.counts or (call.cost_pusd is None and not call.unpriced):
            continue
        price = _price(call, verdicts)
        shared = () if price is None else price._replace(cost_pusd=None, parts=())
        groups.setdefault((call.model, call.cost_source, call.unpriced, *shared), []).append(call)
    return sorted(groups.values(), key=lambda some: -sum(call.cost_pusd or 0 for call in some))


def _lines(calls: Sequence[_Call], verdicts: Mapping[tuple[int, int], Verdict]) -> list[CostLine]:
    """Return the lines of calls that are priced alike."""
    first, number = calls[0], len(calls)
    price = _price(first, verdicts)
    verdict = verdicts.get(first.key)
    if first.unpriced:
        is_known = verdict is not None and verdict.cost_pusd is None
        why = price_title(verdict) if verdict is not None and is_known else _UNKNOWN
        tokens = sum(call.tokens or 0 for call in calls) or None
        return [CostLine(first.model, _UNKNOWN, tokens, None, number, None, why)]
    cost_pusd = sum(call.cost_pusd or 0 for call in calls)
    if price is None or verdict is None:
        part, why = (_RECORDED, "") if first.cost_source == "recorded" else (WHOLE, _STORED)
        return [CostLine(first.model, part, None, None, number, _usd(cost_pusd), why)]
    totals: dict[tuple[str, Fraction], int] = {}
    exact: dict[tuple[str, Fraction], Fraction] = {}
    for call in calls:
        for part_ in (_price(call, verdicts) or price).parts:
            key = (part_.name, Fraction(0) if part_.name == WHOLE else Fraction(part_.rate_pusd))
            totals[key] = totals.get(key, 0) + part_.number
            exact[key] = exact.get(key, Fraction(0)) + part_.cost_pusd
    whole = _rounded_together(list(exact.values()), cost_pusd)
    return [
        CostLine(
            first.model,
            name.replace("_", " "),
            None if name == WHOLE else totals[name, rate],
            None if name == WHOLE else _rate(rate, is_each=name in EACH),
            number,
            _usd(pusd),
            price_title(verdict),
            is_each=name in EACH,
        )
        for (name, rate), pusd in zip(exact, whole, strict=True)
    ]


def _rounded_together(amounts: Sequence[Fraction], total: int) -> list[int]:
    """Return whole amounts that add up to a total, each as near as can be to the exact one."""
    found = [amount.__floor__() for amount in amounts]
    rest = total - sum(found)
    by_loss = sorted(range(len(amounts)), key=lambda at: found[at] - amounts[at])
    turns, more = divmod(rest, len(amounts)) if amounts else (0, 0)
    for place, at in enumerate(by_loss):
        found[at] += turns + (place < more)
    return found


def _rate(rate_pusd: Fraction, *, is_each: bool) -> Decimal:
    usd = rate_pusd * (1 if is_each else _MILLION) / PUSD_PER_USD
    return Decimal(usd.numerator) / Decimal(usd.denominator)


def _usd(pusd: int) -> Decimal:
    return Decimal(pusd) * _PICO


def _left_out(calls: Iterable[_Call]) -> list[LeftOut]:
    """Return the reports that do not count, by the reason."""
    lost = sorted((call for call in calls if not call.counts), key=lambda call: call.rule or "")
    found = []
    for rule, alike in groupby(lost, key=lambda call: call.rule):
        some = list(alike)
        names = list(dict.fromkeys(call.name for call in some))
        found.append(LeftOut(words_of(rule, "another span", counts=False), len(some), names[:3]))
    return found
