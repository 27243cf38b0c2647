"""The explanation of every recording and case: it adds up to the totals, and each part of it to what is above."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import pytest

from otel_session_agg import PriceBook, explain
from tests.recording.verdict import recordings
from tests.support.explained import adds_up, below_root, names_winners
from tests.support.folding import _totals, folded, made_cases, price, rows
from tests.support.replay import FIGURES, Case, cases_in, load, price_book, replay, replay_traces

_PARTS = [slice(part, None, 16) for part in range(16)]
"""Parts that the recordings are looked at in."""

_MOST_SHOWN, _MOST_REPLAYED = 100, 20
"""Cases of a part that are printed, or played through the SDK."""


class _TestPrices(PriceBook):
    """The prices that the engine's tests fold with."""

    def cost_pusd(self, **call: Any) -> int | None:
        class _Call:
            usage = call["usage"]

        return price(_Call)  # type: ignore[arg-type]


@cache
def _cases() -> list[Case]:
    own = [case for path in recordings() for case in cases_in(path)]
    return [case for case in (*made_cases(), *load("reports"), *own) if case["spans"]]


class TestSums:
    """The sum at the bottom."""

    @pytest.mark.parametrize("part", _PARTS)
    def test_as_engine(self, part: slice) -> None:
        """It is what the engine folds, in whatever order the spans are given."""
        book = _TestPrices()
        for case in _cases()[part]:
            told = rows(case)
            spans = below_root(told)
            shuffled = Random(case["id"]).sample(spans, len(spans))  # noqa: S311 -- repeatable
            assert folded(told) == _totals(explain(shuffled, prices=book).rollup), case["id"]

    @pytest.mark.parametrize("part", _PARTS)
    def test_adds_up(self, part: slice) -> None:
        """Its calls add up to it, and the parts of each price to the cost; what lost names what counts."""
        for case in _cases()[part]:
            explanation = explain(below_root(rows(case)), prices=price_book(case.get("prices")))
            assert adds_up(explanation), case["id"]
            assert names_winners(explanation), case["id"]

    @pytest.mark.parametrize("case", [*load("spans"), *load("reports")], ids=lambda case: case["id"])
    def test_as_processor(self, case: Case) -> None:
        """It is what the processor writes on the root."""
        written = dict(replay(case).attributes or {})
        totals = explain(below_root(rows(case)), prices=price_book(case.get("prices"))).rollup
        for name in FIGURES:
            assert written.get(f"metadata.{name}", 0) == (getattr(totals, name) or 0)
        if not totals.is_empty:
            assert written.get("metadata.cost") == totals.cost_usd

    @pytest.mark.parametrize("part", _PARTS)
    def test_as_processor_of_traces(self, part: slice) -> None:
        """It is the sum of what the processor writes on the roots of several traces, by their exported spans."""
        for case in [case for case in _cases()[part] if len({span.get("trace") for span in case["spans"]}) > 1][:_MOST_REPLAYED]:
            spans = replay_traces(case)
            written = [dict(span.attributes or {}) for span in spans if span.parent is None]
            totals = explain(spans, prices=price_book(case.get("prices"))).rollup
            for name in ("num_events", *FIGURES):
                values = [value for root in written if isinstance(value := root.get(f"metadata.{name}", 0), int)]
                assert sum(values) == (getattr(totals, name) or 0), (case["id"], name)


class TestShown:
    """As it is printed."""

    @pytest.mark.parametrize("part", _PARTS)
    def test_width(self, part: slice) -> None:
        """It is at most 100 columns wide."""
        for case in _cases()[part][:_MOST_SHOWN]:
            text = str(explain(below_root(rows(case))))
            assert max(map(len, text.splitlines())) <= 100, case["id"]

    @pytest.mark.parametrize("part", _PARTS)
    def test_keys(self, part: slice) -> None:
        """Every figure that a span states has a key."""
        for case in _cases()[part][:_MOST_SHOWN]:
            for span in explain(below_root(rows(case))).spans:
                assert all(stated.keys for stated in span.stated.values()), case["id"]
