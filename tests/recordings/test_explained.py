"""The explanation of every recording and case: it adds up to the totals, and each part of it to what is above."""

from __future__ import annotations

from functools import cache, cached_property
from random import Random
from typing import Any

import pytest

from otel_session_agg import Explanation, PriceBook, explain
from tests.recording.verdict import recordings
from tests.support.explained import adds_up, below_root, names_winners
from tests.support.folding import _totals, folded, made_cases, price, rows
from tests.support.replay import FIGURES, Case, cases_in, load, price_book, real_prices, replay, replay_traces

_PARTS = 16
"""Parts that the recordings are looked at in."""

_MOST_SHOWN, _MOST_REPLAYED = 100, 20
"""Cases of a part that are printed, or played through the SDK."""


class _TestPrices(PriceBook):
    """The prices that the engine's tests fold with."""

    def cost_pusd(self, **call: Any) -> int | None:
        class _Call:
            usage = call["usage"]

        return price(_Call)  # type: ignore[arg-type]


_PRICES = _TestPrices()


@cache
def _cases() -> list[Case]:
    own = [case for path in recordings() for case in cases_in(path)]
    return [case for case in (*made_cases(), *load("reports"), *own) if case["spans"]]


class _Told:
    """A case, read once and explained once for all tests of its part."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.id = case["id"]
        self.rows = rows(case)
        self.spans = below_root(self.rows)

    @cached_property
    def explanation(self) -> Explanation:
        """By the real prices."""
        return explain(self.spans, prices=real_prices())

    @cached_property
    def by_its_prices(self) -> Explanation:
        """By those of the case, if it has any."""
        prices = self.case.get("prices")
        return explain(self.spans, prices=price_book(prices)) if prices else self.explanation


@pytest.fixture(scope="module", params=range(_PARTS))
def part(request: pytest.FixtureRequest) -> list[_Told]:
    """Some of the recordings: pytest runs all tests of them before those of the next part."""
    return [_Told(case) for case in _cases()[request.param :: _PARTS]]


class TestSums:
    """The sum at the bottom."""

    def test_as_engine(self, part: list[_Told]) -> None:
        """It is what the engine folds, in whatever order the spans are given."""
        for told in part:
            shuffled = Random(told.id).sample(told.spans, len(told.spans))  # noqa: S311 -- repeatable
            assert folded(told.rows) == _totals(explain(shuffled, prices=_PRICES).rollup), told.id

    def test_adds_up(self, part: list[_Told]) -> None:
        """Its calls add up to it, and the parts of each price to the cost; what lost names what counts."""
        for told in part:
            assert adds_up(told.by_its_prices), told.id
            assert names_winners(told.by_its_prices), told.id

    @pytest.mark.parametrize("case", [*load("spans"), *load("reports")], ids=lambda case: case["id"])
    def test_as_processor(self, case: Case) -> None:
        """It is what the processor writes on the root."""
        written = dict(replay(case).attributes or {})
        totals = explain(below_root(rows(case)), prices=price_book(case.get("prices"))).rollup
        for name in FIGURES:
            assert written.get(f"metadata.{name}", 0) == (getattr(totals, name) or 0)
        if not totals.is_empty:
            assert written.get("metadata.cost") == totals.cost_usd

    def test_as_processor_of_traces(self, part: list[_Told]) -> None:
        """It is the sum of what the processor writes on the roots of several traces, by their exported spans."""
        cases = [told.case for told in part]
        for case in [case for case in cases if len({span.get("trace") for span in case["spans"]}) > 1][:_MOST_REPLAYED]:
            spans = replay_traces(case)
            written = [dict(span.attributes or {}) for span in spans if span.parent is None]
            totals = explain(spans, prices=price_book(case.get("prices"))).rollup
            for name in ("num_events", *FIGURES):
                values = [value for root in written if isinstance(value := root.get(f"metadata.{name}", 0), int)]
                assert sum(values) == (getattr(totals, name) or 0), (case["id"], name)


class TestShown:
    """As it is printed."""

    def test_width(self, part: list[_Told]) -> None:
        """It is at most 100 columns wide."""
        for told in part[:_MOST_SHOWN]:
            assert max(map(len, str(told.explanation).splitlines())) <= 100, told.id

    def test_keys(self, part: list[_Told]) -> None:
        """Every figure that a span states has a key."""
        for told in part[:_MOST_SHOWN]:
            for span in told.explanation.spans:
                assert all(stated.keys for stated in span.stated.values()), told.id
