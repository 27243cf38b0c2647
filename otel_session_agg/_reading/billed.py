"""What a provider or gateway says that it billed, in the usage objects and metadata that it answers with.

- The amount of a gateway is what it billed; where the caller's own key was used ("BYOK"), what the provider behind it
  billed comes on top (OpenRouter), or stands beside a 0 (Vercel's AI Gateway).
- An amount of 0 says nothing else, so it is passed on as 0: whether it is meant is decided where costs are read.
- xAI counts in ticks of 1e-10 USD, Perplexity has an object with the total and its parts, LangSmith a total beside the counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otel_session_agg._reading.marks import KeyMeaning
from otel_session_agg._reading.objects import MAX_TEXT_CHARS, parsed
from otel_session_agg._values import flag, picodollars, plain_text
from otel_session_agg.conventions._term_rows import BilledText

__all__ = ["read_billed"]

_PUSD_PER_TICK = 100
_TICKS = ("cost_in_usd_ticks", "costInUsdTicks")
_SUMS = ("total_cost", "totalCost")
_TOTALS = (*_SUMS, "total")
_HINTS = ('"cost', "'cost", *_SUMS)
_DETAILS = ("cost_details", "costDetails")
_UPSTREAM = ("upstream_inference_cost", "upstreamInferenceCost")
_BYOK = ("is_byok", "isByok")
_GATEWAY = "gateway"
_MARKET = ("marketCost", "market_cost")


def read_billed(meaning: KeyMeaning, value: object, scope: str) -> int | None:
    """Return the amount that an attribute says was billed, in picodollars; ``None`` if it says none."""
    row = meaning.extra
    if not isinstance(row, BilledText) or (row.scopes and not scope.startswith(row.scopes)):
        return None
    said = plain_text(value)
    if said is None or len(said) > MAX_TEXT_CHARS or "cost" not in said:
        return None
    if not any(name in said for name in _HINTS):
        return None  # as nearly all answers; taking them apart costs more than the span
    found = parsed(said)
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
        yield (
            picodollars(gateway.get("cost"))
            or _first(gateway, _MARKET)
            or picodollars(gateway.get("cost"))
        )
    for item in metadata.values():
        if isinstance(item, Mapping):
            usage = item.get("usage")
            yield _of_usage(usage) if isinstance(usage, Mapping) else None
            yield _of_usage(item)


def _first(found: Mapping[object, object], names: tuple[str, ...]) -> int | None:
    return next(
        (amount for name in names if (amount := picodollars(found.get(name))) is not None), None
    )


def _of_usage(usage: Mapping[object, object]) -> int | None:
    for name in _TICKS:
        ticks = usage.get(name)
        if type(ticks) is int and 0 <= ticks < 10**19:
            return ticks * _PUSD_PER_TICK
    cost = usage.get("cost")
    if isinstance(cost, Mapping):
        return _first(cost, _TOTALS)
    if cost is None:
        return _first(usage, _SUMS)
    billed, upstream = picodollars(cost), _upstream(usage)
    if billed is None or upstream is None:
        return billed
    byok = next(
        (said for name in _BYOK if (said := flag(usage.get(name))) is not None), upstream > billed
    )
    return billed + upstream if byok else billed


def _upstream(usage: Mapping[object, object]) -> int | None:
    for name in _DETAILS:
        details = usage.get(name)
        if isinstance(details, Mapping):
            return _first(details, _UPSTREAM)
    return None
