"""Tables of any content, and how much of them is kept."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ClauseEquals, ConditionalPrice, ModelInfo, Provider, Tier, TieredPrices
from genai_prices.types import ModelPrice as TablePrice

from otel_session_agg._model.span import Usage
from otel_session_agg._pricing import price_book
from otel_session_agg._pricing.price_book import MAX_CARDS, MAX_NAME_LENGTH, MAX_WINDOWS, PriceBook

if TYPE_CHECKING:
    from collections.abc import Iterator
from tests.support.price_helpers import JUNE, cost_in, ns, usd


def table(**prices: Decimal | TieredPrices) -> DataSnapshot:
    model = ModelInfo(id="m", match=ClauseEquals("m"), prices=TablePrice(**prices))
    return DataSnapshot([Provider("acme", "Acme", r"https://acme\.test", models=[model])], from_auto_update=False)


DAY = timedelta(days=1)


class TestTable:
    @pytest.fixture(autouse=True)
    def _restore(self) -> Iterator[None]:
        yield
        set_custom_snapshot(None)

    def test_new_prices_are_noticed(self, book: PriceBook) -> None:
        """Replacing the snapshot forgets every card, found or not."""
        assert cost_in(book, "m", provider="acme") is None
        for price in (1, 2):
            set_custom_snapshot(table(input_mtok=Decimal(price), output_mtok=Decimal(0)))
            assert usd(price) == cost_in(book, "m", provider="acme")

    def test_rates_of_any_precision_are_exact(self, book: PriceBook) -> None:
        """The scale follows the prices."""
        set_custom_snapshot(table(input_mtok=Decimal("0.1234567890123"), output_mtok=Decimal(0)))
        assert 123_456_789_012 == cost_in(book, "m", provider="acme")

    def test_a_price_the_card_cannot_express_is_left_to_the_reference(
        self, book: PriceBook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the arithmetic differs, genai-prices itself is asked."""
        set_custom_snapshot(table(input_mtok=Decimal(3), output_mtok=Decimal(8), cache_read_mtok=Decimal(1)))
        plain = TablePrice.calc_price

        def doubled(prices: Any) -> Any:
            return {name: 2 * price for name, price in prices.items()}

        monkeypatch.setattr(TablePrice, "calc_price", lambda *args: doubled(plain(*args)))
        assert usd(6) == cost_in(book, "m", provider="acme")
        assert cost_in(book, "m", provider="acme", usage=Usage(total_tokens=9)) is None
        assert cost_in(book, "m", provider="acme", usage=Usage(10, 1, None, 11)) is None
        assert cost_in(book, "m", provider="acme", usage=Usage(10, 1, 12)) is None
        assert 2 * (30 + 8) * 10**6 == cost_in(book, "m", provider="acme", usage=Usage(10, 1))

    def test_a_corrupt_price_is_unknown_and_not_tried_again(self, book: PriceBook, monkeypatch: pytest.MonkeyPatch) -> None:
        """A failing table is asked once for each name."""
        calls = []

        def broken(*_: object, **__: object) -> None:
            calls.append(1)
            raise TypeError

        monkeypatch.setattr(ModelInfo, "get_prices", broken)
        assert [None] * 3 == [cost_in(book, "gpt-4o") for _ in range(3)]
        assert len(calls) == 1

    def test_a_table_that_cannot_be_loaded_makes_every_cost_unknown(
        self, book: PriceBook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A broken installation is tried once; the user's own prices still hold."""
        monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
        assert cost_in(book, "gpt-4o") is None
        monkeypatch.undo()
        assert cost_in(book, "gpt-4o-mini") is None
        assert usd(1) == cost_in(PriceBook({"*": {"input": 1}}), "gpt-4o")

    def test_a_tier_of_the_table_moves_only_the_rates_it_names(self, book: PriceBook) -> None:
        """Bounds may differ from rate to rate."""
        tiers = [Tier(100, Decimal(2)), Tier(300, Decimal(4))]
        output = TieredPrices(Decimal(1), [Tier(200, Decimal(10))])
        set_custom_snapshot(table(input_mtok=TieredPrices(Decimal(1), tiers), output_mtok=output))
        calls = [Usage(prompt, 1) for prompt in (100, 101, 200, 201, 300, 301)]
        expected = [101, 203, 401, 412, 610, 1214]
        assert [n * 10**6 for n in expected] == [cost_in(book, "m", provider="acme", usage=usage) for usage in calls]

    def test_a_price_under_an_unknown_condition_is_asked_for_at_each_moment(self, book: PriceBook) -> None:
        """A kind of constraint that this version cannot read makes no card last."""

        class EvenSeconds:
            def active(self, moment: datetime) -> bool:
                return moment.second % 2 == 0

        prices = [TablePrice(input_mtok=Decimal(n), output_mtok=Decimal(0)) for n in (1, 2)]
        conditional: Any = [ConditionalPrice(prices=prices[0]), ConditionalPrice(EvenSeconds(), prices=prices[1])]  # type: ignore[arg-type]
        snapshot = table()
        snapshot.providers[0].models[0].prices = conditional
        set_custom_snapshot(snapshot)
        seconds = [cost_in(book, "m", provider="acme", at_ns=ns(JUNE) + second * 10**9) for second in range(3)]
        assert [usd(2), usd(1), usd(2)] == seconds

    def test_updates_are_delegated(self, book: PriceBook, monkeypatch: pytest.MonkeyPatch) -> None:
        """Starting and stopping reach the updater, and stopping without starting does nothing."""
        calls: list[str] = []
        monkeypatch.setattr("genai_prices.UpdatePrices.start", lambda _: calls.append("start"))
        monkeypatch.setattr("genai_prices.UpdatePrices.stop", lambda _: calls.append("stop"))
        book.stop_updates()
        book.start_updates()
        book.start_updates()
        book.stop_updates()
        assert ["start", "start", "stop"] == calls


class TestBounds:
    def test_the_names_kept_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many names come, at most two generations are kept."""
        monkeypatch.setattr(price_book, "MAX_CARDS", 8)
        book = PriceBook({"*": {"input": 1}})
        for number in range(100):
            cost_in(book, f"m{number}")
        assert len(book._cards.young) + len(book._cards._old) <= 16
        assert MAX_CARDS <= 4096

    def test_a_name_in_use_survives_the_change_of_generation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A card is looked up again only if a whole generation did not use it."""
        monkeypatch.setattr(price_book, "MAX_CARDS", 4)
        book = PriceBook({"*": {"input": 1}})
        found: list[Any] = []
        original = book._find

        def watched(key: Any, at_ns: int) -> Any:
            found.append(key[1])
            return original(key, at_ns)

        monkeypatch.setattr(book, "_find", watched)
        for number in range(20):
            cost_in(book, "steady")
            cost_in(book, f"m{number}")
        assert found.count(("steady",)) == 1

    def test_the_times_kept_for_a_name_are_bounded(self, book: PriceBook) -> None:
        """A daily price change does not grow a card's list."""
        for day in range(50):
            cost_in(book, "deepseek-chat", provider="deepseek", at_ns=ns(JUNE - 400 * DAY + day * DAY))
        assert max(len(cards) for cards in book._cards.young.values()) <= MAX_WINDOWS

    def test_a_text_too_long_to_be_a_name_is_not_kept(self, book: PriceBook) -> None:
        """Megabytes on a span stay there."""
        assert cost_in(book, "gpt-4o" * MAX_NAME_LENGTH) is None
        assert cost_in(book, "gpt-4o", provider="x" * 10_000) is None
        assert {} == book._cards.young

    def test_the_lookup_of_genai_prices_keeps_none_of_our_names(self, book: PriceBook) -> None:
        """Its unbounded caches are not used."""
        snapshot = get_snapshot()
        before = len(snapshot._lookup_cache) + len(snapshot._provider_misses) + len(snapshot._provider_cache)
        for number in range(50):
            cost_in(book, f"never-heard-of-{number}")
        after = len(snapshot._lookup_cache) + len(snapshot._provider_misses) + len(snapshot._provider_cache)
        assert before == after
