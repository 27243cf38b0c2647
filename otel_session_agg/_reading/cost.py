"""Read the cost that an emitter recorded, in USD, and what a provider states that it billed.

Rules
-----
* The first valid amount wins, in the order of ``COSTS`` (``conventions/_precedence.py``).
* An amount that a provider or gateway states that it billed beats a calculated one.
* Keys with generic names (``GENERIC_COSTS``) count on model calls and beside tokens only.
* A recorded 0 with tokens means *unknown* (several emitters write 0 for models they have no price
  of), unless the answer came from a response cache.
* Costs in other currencies are not used.
* The amount of a gateway is what it billed; where the caller's own key was used ("BYOK"), what the
  provider behind it billed comes on top (OpenRouter), or stands beside a 0 (Vercel's AI Gateway).
* xAI counts in ticks of 1e-10 USD, Perplexity has an object with the total and its parts,
  LangSmith a total beside the counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_session_agg._reading.index import KeyMeaning, keys_of
from otel_session_agg._reading.objects import MAX_TEXT_CHARS, parsed
from otel_session_agg._reading.plan import ReadingPlan
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._untrusted.values import count, flag, picodollars, plain_text, text
from otel_session_agg.conventions._precedence import GENERIC_COSTS
from otel_session_agg.conventions._schema import Meaning
from otel_session_agg.conventions._term_rows import BilledText, FeeKey

INVALID_COST = "invalid_cost"
"""Reason: a cost attribute whose value is no amount of money."""

FOREIGN_CURRENCY = "cost_not_in_usd"
"""Reason: a recorded cost in another currency."""

ZERO_COST = "zero_cost_recorded"
"""Reason: a recorded cost of 0 on a call that used tokens."""

RUNNING_COST = "cost_of_all_turns_recorded"
"""Reason: a recorded cost that includes that of earlier spans (``Emitter.running_costs``)."""

_PUSD_PER_TICK = 100
_MAX_TICKS = 10**19
_TICKS = ("cost_in_usd_ticks", "costInUsdTicks")
_TOTAL_COST = ("total_cost", "totalCost")
_TOTALS = (*_TOTAL_COST, "total")
_HINTS = ('"cost', "'cost", *_TOTAL_COST)
_DETAILS = ("cost_details", "costDetails")
_UPSTREAM = ("upstream_inference_cost", "upstreamInferenceCost")
_BYOK = ("is_byok", "isByok")
_GATEWAY = "gateway"
_MARKET = ("marketCost", "market_cost")


def read_cost(
    plan: ReadingPlan, attributes: Mapping[str, Any], *, is_call: bool, has_tokens: bool
) -> tuple[int | None, list[str]]:
    """Return the recorded cost in picodollars, and the reasons why values were ignored.

    Args:
        plan: The plan for the span's keys.
        attributes: Of the span.
        is_call: Whether the span is a model call.
        has_tokens: Whether it states tokens.

    """
    entries = plan.entries
    for entry in plan.billed if is_call else ():
        billed = read_billed(entry, attributes[entry.key])
        if billed:  # 0 states nothing: another party's bill, or unknown
            return billed, []
    if not plan.has_cost:
        return None, []
    fee = _fee(entries, attributes)
    currencies = [text(attributes[entry.key]) for entry in entries.get(Meaning.COST_CURRENCY, ())]
    if any(currency is not None and currency.upper() != "USD" for currency in currencies):
        return None, [FOREIGN_CURRENCY]
    reasons: list[str] = []
    for amount in _amounts(entries, attributes, is_sure=is_call or has_tokens):
        if amount is None:
            reasons.append(INVALID_COST)
        elif amount or any(flag(attributes[key]) for key in keys_of(entries, Meaning.CACHE_HIT)):
            return amount + (fee or 0), reasons
        else:
            reasons.append(ZERO_COST)
    return None if is_call else fee, reasons


def _fee(entries: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any]) -> int | None:
    """Return the sum of the fees, which come on top of every other cost."""
    fees = [
        amount
        for entry in entries.get(Meaning.FEE, ())
        if isinstance(entry.row, FeeKey)
        and flag(attributes.get(entry.row.unless)) is False
        and (amount := _amount(attributes[entry.key]))
    ]
    return sum(fees) if fees else None


def _amounts(
    entries: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any], *, is_sure: bool
) -> list[int | None]:
    """Return all recorded amounts in order of precedence; ``None`` for each that is no amount."""
    ranked: list[tuple[int, int | None]] = [
        (entry.precedence, _amount(attributes[entry.key]))
        for entry in entries.get(Meaning.COST, ())
        if is_sure or entry.key not in GENERIC_COSTS
    ]
    for entry in entries.get(Meaning.COST_TEXT, ()):
        amount = _from_text(attributes[entry.key])
        if amount is not None:
            ranked.append((entry.precedence, amount))
    groups: dict[int, list[KeyMeaning]] = {}
    for entry in entries.get(Meaning.COST_PART, ()):
        groups.setdefault(entry.precedence, []).append(entry)
    for precedence, parts in groups.items():
        amounts = [picodollars(attributes[entry.key]) for entry in parts]
        ranked.append((precedence, _sum(amounts)))
    ranked.sort(key=lambda row: row[0])
    return [amount for _, amount in ranked]


def _amount(value: object) -> int | None:
    """Return an amount, also from an attribute that holds a list of one value, as headers do."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    return picodollars(value)


def _sum(parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None


def _from_text(value: object) -> int | None:
    """Return ``total``, ``total_cost`` or ``response_cost`` of a JSON object, or its parts' sum."""
    raw = plain_text(value)
    if raw is None or len(raw) > MAX_TEXT_CHARS:
        return None
    try:
        parsed = loaded(raw)
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


def read_billed(entry: KeyMeaning, value: object) -> int | None:
    """Return the billed amount that an attribute states, in picodollars, or ``None``."""
    row = entry.row
    if not isinstance(row, BilledText):
        return None
    if row.in_ticks:
        return _of_ticks(value)
    raw = plain_text(value)
    if raw is None or len(raw) > MAX_TEXT_CHARS or "cost" not in raw:
        return None
    if not any(name in raw for name in _HINTS):
        return None  # as nearly all answers; parsing them costs more than the rest of the span
    found = parsed(raw)
    for key in row.path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    amounts = _by_provider(found) if row.by_provider else iter((_of_usage(found),))
    return next((amount for amount in amounts if amount is not None), None)


def _by_provider(metadata: Mapping[object, object]) -> Iterator[int | None]:
    """Yield amounts, the gateway's first: it is the one that sends the bill."""
    gateway = metadata.get(_GATEWAY)
    if isinstance(gateway, Mapping):
        cost = picodollars(gateway.get("cost"))
        yield cost or _first(gateway, _MARKET) or cost
    for item in metadata.values():
        if isinstance(item, Mapping):
            usage = item.get("usage")
            yield _of_usage(usage) if isinstance(usage, Mapping) else None
            yield _of_usage(item)


def _first(found: Mapping[object, object], names: tuple[str, ...]) -> int | None:
    amounts = (picodollars(found.get(name)) for name in names)
    return next((amount for amount in amounts if amount is not None), None)


def _of_ticks(value: object) -> int | None:
    ticks = count(value, _MAX_TICKS)
    return None if ticks is None else ticks * _PUSD_PER_TICK


def _of_usage(usage: Mapping[object, object]) -> int | None:
    for name in _TICKS:
        billed = _of_ticks(usage.get(name))
        if billed is not None:
            return billed
    cost = usage.get("cost")
    if isinstance(cost, Mapping):
        return _first(cost, _TOTALS)
    if cost is None:
        return _first(usage, _TOTAL_COST)
    billed, upstream = picodollars(cost), _upstream(usage)
    if billed is None or upstream is None:
        return billed
    flags = (flag(usage.get(name)) for name in _BYOK)
    is_byok = next((value for value in flags if value is not None), upstream > billed)
    return billed + upstream if is_byok else billed


def _upstream(usage: Mapping[object, object]) -> int | None:
    for name in _DETAILS:
        details = usage.get(name)
        if isinstance(details, Mapping):
            return _first(details, _UPSTREAM)
    return None
