"""How stored traces are read and priced; plain values, as they go to other processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from otel_session_agg._history.rollup_tables import BREAKDOWN, SESSIONS
from otel_session_agg._history.span_tables import CALLS, SPANS
from otel_session_agg._history.tables import COUNTED, DETAILS
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._offline.prices_file import moment_of, nanoseconds_of, prices_in
from otel_session_agg._pricing.overrides import ModelPrice
from otel_session_agg._pricing.price_book import PriceBook
from otel_session_agg._reading.dimensions import DimensionReader
from otel_session_agg._reading.span import read
from otel_session_agg._settings import Settings
from otel_session_agg._spans.without_content import without_content, without_long_texts

RecordedCost = Literal["keep", "ignore"]
Path_ = str | os.PathLike[str]
Prices = Mapping[str, ModelPrice | Mapping[str, Any]]
"""Prices of one's own, as ``PriceBook`` takes them."""


@dataclass(frozen=True, slots=True)
class Options:
    """How stored traces are read and priced."""

    settings: Settings = field(default_factory=Settings)
    prices: Prices | None = None
    prices_at_ns: int | None = None
    """Price every call as of this time, Unix nanoseconds; ``None``: as of its own."""
    recorded_cost: RecordedCost = "keep"
    """Whether a cost that a span states counts, as in a processor, or is computed all the same."""
    tables: frozenset[str] = COUNTED
    """The names of the tables of a history that are wanted; with spans, others can be added to
    their traces later."""
    with_roots: bool = False
    """Whether the attributes for roots are wanted, too."""
    has_content: bool = True
    """Whether spans keep what people and models wrote; else it is left out before they are put
    aside or read."""

    @property
    def with_traces(self) -> bool:
        """Whether anything of single traces is wanted, beside what sessions come to."""
        return self.with_roots or not self.tables <= {SESSIONS.name, BREAKDOWN.name, DETAILS}

    @property
    def with_details(self) -> bool:
        """Whether it is wanted what totals are made of."""
        return self.with_traces or not self.tables.isdisjoint({BREAKDOWN.name, DETAILS})

    @property
    def with_calls(self) -> bool:
        """Whether the calls are wanted."""
        return CALLS.name in self.tables

    @property
    def with_spans(self) -> bool:
        """Whether the spans are to be kept."""
        return SPANS.name in self.tables

    @property
    def with_texts(self) -> bool:
        """Whether texts of people and models are wanted: no table but that of spans has them."""
        return self.with_roots or self.with_spans

    @property
    def resource_keys(self) -> frozenset[str]:
        """The attributes of resources that are kept."""
        return self._dimensions.resource_keys

    @property
    def _dimensions(self) -> DimensionReader:
        names = ("service.name", *self.settings.dimensions, *self.settings.breakdown_by)
        return DimensionReader(tuple(dict.fromkeys(names)))

    @property
    def taken(self) -> Callable[[Iterable[SpanData]], Iterable[SpanData]]:
        """The function that returns spans as they are put aside and counted."""
        kept = self._dimensions.root_keys
        if not self.has_content:
            return lambda spans: (without_content(span, kept) for span in spans)
        if not self.with_texts:
            return lambda spans: [without_long_texts(span, kept) for span in spans]
        return lambda spans: spans

    def priced(
        self,
        prices: Path_ | Prices | None,
        price_date: str | date | datetime | None,
        recorded_cost: RecordedCost,
    ) -> Options:
        """Return options with prices, of which a file may be given, and with a date in UTC.

        Raises:
            SettingsError: one of them is not allowed.

        """
        own = prices if prices is None or isinstance(prices, Mapping) else prices_in(Path(prices))
        at_ns = None
        if price_date is not None:
            text = price_date if isinstance(price_date, str) else price_date.isoformat()
            at_ns = nanoseconds_of(moment_of(text))
        found = replace(self, prices=own, prices_at_ns=at_ns, recorded_cost=recorded_cost)
        found.price_book()
        return found

    def price_book(self) -> PriceBook:
        """Return the prices; raise ``SettingsError`` for a price that is not allowed."""
        return PriceBook(self.prices, at_ns=self.prices_at_ns)

    @property
    def reads(self) -> Callable[[SpanData], Reading]:
        """The function that returns what a span states."""
        return read if self.recorded_cost == "keep" else self.read

    def read(self, span: SpanData) -> Reading:
        """Return what a span states."""
        reading = read(span)
        if self.recorded_cost == "ignore" and reading.recorded_pusd is not None:
            return reading._replace(recorded_pusd=None)
        return reading
