"""Prices that the price table has wrong."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, Provider
from genai_prices.types import ModelPrice as TablePrice

from otel_session_agg import PriceBook
from otel_session_agg._model.span import Terms, Usage
from otel_session_agg._pricing.corrections import CORRECTIONS, REQUEST_FEES, Correction
from otel_session_agg._pricing.rows import Row, find_row
from tests.support.price_helpers import cost, per_million, usd, utc

_NEWEST_TABLE = sys.version_info >= (3, 11)  # the last price table for Python 3.10 is older


class TestPrices:
    """What a call costs in spite of the table."""

    @pytest.mark.parametrize("model", ["deepseek-chat", "deepseek-reasoner"])
    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            (utc(2025, 9, 6, 20), ("0.56", "1.68", "0.07")),
            (utc(2025, 9, 6, 12), ("0.56", "1.68", "0.07")),
            (utc(2025, 9, 30, 20), ("0.28", "0.42", "0.028")),
            (utc(2026, 9, 21, 3), ("0.28", "0.42", "0.028")),
            (utc(2026, 9, 21, 12), ("0.28", "0.42", "0.028")),
        ],
    )
    def test_deepseek(self, model: str, at: datetime, expected: tuple[str, ...]) -> None:
        """Cheaper since V3.1 and V3.2, at night as by day."""
        assert expected == per_million(model, provider="deepseek", at=at)

    def test_deepseek_before(self) -> None:
        """Until then there was a discount at night, as the table has it."""
        assert ("0.27", "1.1", "0.07") == per_million("deepseek-chat", provider="deepseek", at=utc(2025, 9, 1, 12))
        assert ("0.135", "0.55", "0.035") == per_million("deepseek-chat", provider="deepseek", at=utc(2025, 9, 1, 20))

    @pytest.mark.skipif(not _NEWEST_TABLE, reason="the table has no grok-4.3")
    @pytest.mark.parametrize("model", ["grok-3", "grok-4", "grok-4-0709", "grok-code-fast-1", "grok-4-fast-reasoning"])
    def test_retired_groks(self, model: str) -> None:
        """They are served and billed as grok-4.3, with its dearer tier, from 15 May 2026."""
        assert ("1.25", "2.5", "0.2") == per_million(model, provider="xai", at=utc(2026, 5, 15))
        assert ("1.25", "2.5", "0.2") != per_million(model, provider="xai", at=utc(2026, 5, 14, 23))
        long = Usage(300_000, 0)
        assert cost("grok-4.3", provider="xai", usage=long) == cost(model, provider="xai", usage=long)

    def test_a_reseller_has_its_own_price(self) -> None:
        """What xAI charges is nothing to Azure."""
        assert cost("grok-3", provider="azure", at=utc(2026, 5, 14)) == cost("grok-3", provider="azure", at=utc(2026, 5, 16))

    @pytest.mark.parametrize("name", ["mistral-large-latest", "mistral/mistral-large-latest"])
    def test_mistral_large_latest(self, name: str) -> None:
        """It is Large 3 since 2 December 2025; the dated names stay what they are."""
        assert ("0.5", "1.5") == per_million(name, provider="mistral", at=utc(2026, 1, 1))[:2]
        assert ("2", "6") == per_million(name, provider="mistral", at=utc(2025, 12, 1))[:2]
        assert ("2", "6") == per_million("mistral-large-2411", provider="mistral", at=utc(2026, 1, 1))[:2]

    @pytest.mark.parametrize(
        ("model", "size", "fee"),
        [
            ("sonar-pro", None, "0.006"),
            ("sonar-pro", "low", "0.006"),
            ("sonar-pro", "Medium", "0.010"),
            ("sonar-pro", "high", "0.014"),
            ("sonar", None, "0.005"),
            ("sonar-reasoning-pro", "high", "0.014"),
            ("sonar-pro", "gigantic", None),
        ],
    )
    def test_the_fee_of_a_request_follows_the_size_of_its_search(self, model: str, size: str | None, fee: str | None) -> None:
        """Not stated, it is the low one; a size without a fee is unknown."""
        actual = cost(model, provider="perplexity", usage=Usage(0, 0), terms=Terms(search_context=size))
        assert (None if fee is None else usd(fee)) == actual


class TestTable:
    """The corrections themselves."""

    def test_a_newer_table_is_not_overruled(self) -> None:
        """A row holds only while the table has the price that is known to be wrong."""
        model = ModelInfo(
            id="deepseek-chat",
            match=ClauseEquals("deepseek-chat"),
            prices=TablePrice(input_mtok=Decimal("0.2"), output_mtok=Decimal("0.3")),
        )
        mended = DataSnapshot([Provider("deepseek", "DeepSeek", "x", models=[model])], from_auto_update=False)
        try:
            set_custom_snapshot(mended)
            assert ("0.2", "0.3", "0.2") == per_million("deepseek-chat", provider="deepseek", book=PriceBook())
        finally:
            set_custom_snapshot(None)

    @pytest.mark.skipif(not _NEWEST_TABLE, reason="rows are for the newest table")
    @pytest.mark.parametrize("row", CORRECTIONS, ids=lambda row: f"{row.seller}-{min(row.models)}-{row.since:%Y-%m}")
    def test_which_rows_can_go(self, row: Correction) -> None:
        """Each row corrects the installed table for one of its models; one that does not is not needed any more."""
        providers = get_snapshot().providers
        seller = next(provider for provider in providers if provider.id == row.seller)
        prices = []
        for name in row.models:
            found = find_row(providers, seller, name)
            assert isinstance(found, Row)
            table = found.model.get_prices(row.since + timedelta(hours=1))
            prices.append(tuple(str(getattr(table, key)) for key in ("input_mtok", "output_mtok")))
        assert set(prices) & row.wrong

    @pytest.mark.parametrize("key", REQUEST_FEES)
    def test_which_fees_can_go(self, key: tuple[str, str]) -> None:
        """The installed table still has the fee of the largest search for all."""
        seller = next(provider for provider in get_snapshot().providers if provider.id == key[0])
        model = seller.find_model(key[1])
        assert model is not None
        assert REQUEST_FEES[key].table == model.get_prices(utc(2026, 9, 1)).requests_kcount

    def test_each_says_where_it_is_written(self) -> None:
        """A price without a source is a guess."""
        sources = [row.source for row in CORRECTIONS] + [fees.source for fees in REQUEST_FEES.values()]
        assert all(source.startswith("https://") for source in sources)
        assert all(bool(row.prices) != bool(row.sold_as) for row in CORRECTIONS)
