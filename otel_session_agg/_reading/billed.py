"""Read what a provider or gateway states that it billed, in the usage objects of its answers.

- The amount of a gateway is what it billed; where the caller's own key was used ("BYOK"), what the
  provider behind it billed comes on top (OpenRouter), or stands beside a 0 (Vercel's AI Gateway).
- An amount of 0 is passed on as 0: ``cost.py`` decides whether it is meant.
- xAI counts in ticks of 1e-10 USD, Perplexity has an object with the total and its parts,
  LangSmith a total beside the counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otel_session_agg._reading.index import KeyMeaning
from otel_session_agg._reading.objects import MAX_TEXT_CHARS, parsed
from otel_session_agg._values import flag, picodollars, plain_text
from otel_session_agg.conventions._term_rows import BilledText

__all__ = ["read_billed"]

_PUSD_PER_TICK = 100
_TICKS = ("cost_in_usd_ticks", "costInUsdTicks")
_TOTAL_COST = ("total_cost", "totalCost")
_TOTALS = (*_TOTAL_COST, "total")
_HINTS = ('"cost', "'cost", *_TOTAL_COST)
_DETAILS = ("cost_details", "costDetails")
_UPSTREAM = ("upstream_inference_cost", "upstreamInferenceCost")
_BYOK = ("is_byok", "isByok")
_GATEWAY = "gateway"
_MARKET = ("marketCost", "market_cost")


def read_billed(entry: KeyMeaning, value: object, scope: str) -> int | None:
    """Return the billed amount that an attribute states, in picodollars, or ``None``."""
    row = entry.row
    if not isinstance(row, BilledText) or (row.scopes and not scope.startswith(row.scopes)):
        return None
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


def _of_usage(usage: Mapping[object, object]) -> int | None:
    for name in _TICKS:
        ticks = usage.get(name)
        if type(ticks) is int and 0 <= ticks < 10**19:
            return ticks * _PUSD_PER_TICK
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
