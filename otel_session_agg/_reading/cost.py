"""Cost as the emitter recorded it, in USD: the first valid of the keys that conventions know, in the design's order.

What a provider or gateway says that it billed beats what others worked out.  Keys whose name anybody may use for anything
(`GENERIC` and later) count on model calls and beside tokens only.  A recorded 0 with tokens means *unknown* (several emitters write 0 for models they have no price of), unless the answer came
from a response cache.  Costs in other currencies are not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_session_agg._json import loaded
from otel_session_agg._reading.billed import read_billed
from otel_session_agg._reading.index import ReadingPlan
from otel_session_agg._reading.marks import KeyMeaning
from otel_session_agg._reading.objects import MAX_TEXT_CHARS
from otel_session_agg._values import flag, picodollars, plain_text, text
from otel_session_agg.conventions._schema import GENERIC, Meaning
from otel_session_agg.conventions._term_rows import FeeKey

INVALID_COST = "invalid_cost"
"""A cost attribute whose value is no amount of money."""

FOREIGN_CURRENCY = "cost_not_in_usd"
"""A recorded cost in another currency."""

ZERO_COST = "zero_cost_recorded"
"""A recorded cost of 0 on a call that used tokens."""


def read_cost(
    plan: ReadingPlan, attributes: Mapping[str, Any], scope: str, *, is_call: bool, has_tokens: bool
) -> tuple[int | None, list[str]]:
    """The recorded cost in picodollars, and why values were ignored.

    Args:
        plan: What is known of the span's keys.
        attributes: Of the span.
        scope: The span's instrumentation scope.
        is_call: It is a model call.
        has_tokens: It states tokens.

    """
    marks = plan.marks
    for meaning in plan.billed if is_call else ():
        billed = read_billed(meaning, attributes[meaning.key], scope)
        if billed:  # 0 is no news: somebody else's bill, or not known
            return billed, []
    if not plan.has_cost:
        return None, []
    fee = _fee(marks, attributes)
    currencies = [text(attributes[meaning.key]) for meaning in marks.get(Meaning.COST_CURRENCY, ())]
    if any(currency is not None and currency.upper() != "USD" for currency in currencies):
        return None, [FOREIGN_CURRENCY]
    reasons: list[str] = []
    for amount in _amounts(marks, attributes, is_sure=is_call or has_tokens):
        if amount is None:
            reasons.append(INVALID_COST)
        elif amount or any(
            flag(attributes[meaning.key]) for meaning in marks.get(Meaning.CACHE_HIT, ())
        ):
            return amount + (fee or 0), reasons
        else:
            reasons.append(ZERO_COST)
    return None if is_call else fee, reasons


def _fee(marks: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any]) -> int | None:
    """The sum of costs that are not in any other."""
    fees = [
        amount
        for meaning in marks.get(Meaning.FEE, ())
        if isinstance(meaning.extra, FeeKey)
        and flag(attributes.get(meaning.extra.unless)) is False
        and (amount := _amount(attributes[meaning.key]))
    ]
    return sum(fees) if fees else None


def _amounts(
    marks: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any], *, is_sure: bool
) -> list[int | None]:
    """All recorded amounts in order of precedence; ``None`` for each that is no amount."""
    ranked: list[tuple[int, int | None]] = [
        (meaning.precedence, _amount(attributes[meaning.key]))
        for meaning in marks.get(Meaning.COST, ())
        if is_sure or meaning.precedence < GENERIC
    ]
    for meaning in marks.get(Meaning.COST_TEXT, ()):
        amount = _from_text(attributes[meaning.key])
        if amount is not None:
            ranked.append((meaning.precedence, amount))
    groups: dict[int, list[KeyMeaning]] = {}
    for meaning in marks.get(Meaning.COST_PART, ()):
        groups.setdefault(meaning.precedence, []).append(meaning)
    for precedence, parts in groups.items():
        ranked.append(
            (precedence, _sum([picodollars(attributes[meaning.key]) for meaning in parts]))
        )
    ranked.sort(key=lambda row: row[0])
    return [amount for _, amount in ranked]


def _amount(value: object) -> int | None:
    """An amount, also as the one value of an attribute that holds a list, as headers do."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    return picodollars(value)


def _sum(parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _from_text(value: object) -> int | None:
    """``total``, ``response_cost`` or ``total_cost`` of a JSON object, or the sum of its parts."""
    said = plain_text(value)
    if said is None or len(said) > MAX_TEXT_CHARS:
        return None
    try:
        parsed = loaded(said)
    except ValueError:
        return None
    if not isinstance(parsed, Mapping) or not parsed:
        return None
    for key in ("total", "total_cost", "response_cost"):
        if parsed.get(key) is not None:
            return picodollars(parsed[key])
    if not {"input", "output", "input_cost", "output_cost"} & parsed.keys():
        return None
    return _sum([picodollars(part) for part in parsed.values()])
