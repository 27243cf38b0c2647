"""Cost as the emitter recorded it, in USD: the first valid of the keys that conventions know, in the design's order.

A recorded 0 with tokens means *unknown* (several emitters write 0 for models they have no price of), unless the answer came
from a response cache.  Costs in other currencies are not used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from otel_session_agg._values import flag, picodollars, text
from otel_session_agg.conventions._convention import Says
from otel_session_agg.conventions._marks import Mark
from otel_session_agg.conventions._table import Plan
from otel_session_agg.conventions._usage_text import MAX_TEXT_CHARS

INVALID_COST = "invalid_cost"
"""A cost attribute whose value is no amount of money."""

FOREIGN_CURRENCY = "cost_not_in_usd"
"""A recorded cost in another currency."""

ZERO_COST = "zero_cost_recorded"
"""A recorded cost of 0 on a call that used tokens."""


def read_cost(plan: Plan, attributes: Mapping[str, Any]) -> tuple[int | None, list[str]]:
    """The recorded cost in picodollars, and why values were ignored."""
    marks = plan.marks
    currencies = [text(attributes[mark.key]) for mark in marks.get(Says.COST_CURRENCY, ())]
    if any(currency is not None and currency.upper() != "USD" for currency in currencies):
        return None, [FOREIGN_CURRENCY]
    reasons: list[str] = []
    for amount in _amounts(marks, attributes):
        if amount is None:
            reasons.append(INVALID_COST)
        elif amount or any(flag(attributes[mark.key]) for mark in marks.get(Says.CACHE_HIT, ())):
            return amount, reasons
        else:
            reasons.append(ZERO_COST)
    return None, reasons


def _amounts(marks: Mapping[int, Sequence[Mark]], attributes: Mapping[str, Any]) -> list[int | None]:
    """All recorded amounts in order of precedence; ``None`` for each that is no amount."""
    ranked: list[tuple[int, int | None]] = [
        (mark.precedence, picodollars(attributes[mark.key])) for mark in marks.get(Says.COST, ())
    ]
    for mark in marks.get(Says.COST_TEXT, ()):
        amount = _from_text(attributes[mark.key])
        if amount is not None:
            ranked.append((mark.precedence, amount))
    groups: dict[int, list[Mark]] = {}
    for mark in marks.get(Says.COST_PART, ()):
        groups.setdefault(mark.precedence, []).append(mark)
    for precedence, parts in groups.items():
        ranked.append((precedence, _sum([picodollars(attributes[mark.key]) for mark in parts])))
    ranked.sort(key=lambda row: row[0])
    return [amount for _, amount in ranked]


def _sum(parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _from_text(value: object) -> int | None:
    """``total``, ``response_cost`` or ``total_cost`` of a JSON object, or the sum of its parts."""
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS:
        return None
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, Mapping) or not parsed:
        return None
    for key in ("total", "total_cost", "response_cost"):
        if parsed.get(key) is not None:
            return picodollars(parsed[key])
    if not {"input", "output", "input_cost", "output_cost"} & parsed.keys():
        return None
    return _sum([picodollars(part) for part in parsed.values()])
