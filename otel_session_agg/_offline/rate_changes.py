"""Say which prices of a model differ before and after, and from which entries they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from otel_session_agg._offline.options import Options
from otel_session_agg._pricing.origins import OWN
from otel_session_agg._pricing.report import PriceQuery, PriceReport, report_price

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_OWN = "your own prices"


class RateChange(NamedTuple):
    """A price of a model that differs: as listed, without a service tier or region."""

    model: str
    provider: str | None
    rate: str
    """``input``, ``output``, ``cache_read`` ...; ``input above 200,000`` input tokens."""
    before: float | None
    """USD for a million tokens; ``request`` and ``web_search``: for each.  ``None``: none known."""
    after: float | None
    source_before: str
    """The entry of the price list, or why there is none."""
    source_after: str


def rate_changes(
    model: str, provider: str | None, at: datetime, before: Options, after: Options
) -> Iterator[RateChange]:
    """Yield the prices of a model that differ, for a call at a time (UTC)."""
    reports = [_report(model, provider, at, options) for options in (before, after)]
    old, new = map(_rates, reports)
    sources = [_OWN if report.table == OWN else report.source for report in reports]
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            rates = old.get(name), new.get(name)
            yield RateChange(model, provider, name, *rates, *sources)


def _report(model: str, provider: str | None, at: datetime, options: Options) -> PriceReport:
    at_ns = options.prices_at_ns
    moment = at if at_ns is None else _EPOCH + timedelta(microseconds=at_ns // 1000)
    return report_price(PriceQuery(model, provider, moment), options.prices)


def _rates(report: PriceReport) -> Mapping[str, float]:
    tiers = {
        f"{name} above {above:,}": usd
        for above, prices in report.tiers
        for name, usd in prices.items()
    }
    return {**report.prices, **tiers}
