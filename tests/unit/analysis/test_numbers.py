"""Figures as pages and charts show them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from otel_session_agg.analysis._numbers import money, money_ticks, rate, time_axis, time_ticks


class TestMoney:
    """``money``."""

    @pytest.mark.parametrize(
        ("usd", "expected"),
        [
            (None, "unknown"),
            (Decimal(0), "$0.00"),
            (Decimal("1234.5"), "$1,234.50"),
            (Decimal("0.05"), "$0.0500"),
            (0.034, "$0.0340"),
            (Decimal("0.9996"), "$1.00"),
            (Decimal("0.00001234"), "$0.000012"),
            (Decimal("0.0000006"), "$0.000001"),
            (Decimal("0.0000005"), "<$0.000001"),
        ],
    )
    def test_digits(self, usd: Decimal | float | None, expected: str) -> None:
        """Cents, or three digits below a dollar, zeros too; six decimals at most."""
        assert expected == money(usd)


class TestRate:
    """How many there are in a period."""

    @pytest.mark.parametrize(
        ("number", "periods", "expected"),
        [(6, 25, "0.24"), (7, 2, "3.5"), (9, 3, "3"), (100, 7, "14"), (123_456, 2, "61,728"), (0, 0, "0")],
    )
    def test_few(self, number: int, periods: int, expected: str) -> None:
        """Six in a day are not none each hour."""
        assert expected == rate(number, periods)


class TestAxes:
    """The marks of axes."""

    @pytest.mark.parametrize(
        ("seconds", "expected"), [(130, ["0", "1 min", "2 min"]), (950, ["0", "5 min", "10 min"]), (4000, ["0", "15 min", "30 min"]),
                                  (400_000, ["0", "1 d", "2 d"])],
    )  # fmt: skip
    def test_times(self, seconds: float, expected: list[str]) -> None:
        """In the unit that fits, and beyond the longest time."""
        made = time_axis([None, 1, seconds])
        assert expected == made["ticktext"][:3]
        assert len(made["ticktext"]) == len(made["tickvals"])
        assert made["tickvals"][-1] >= seconds

    @pytest.mark.parametrize("values", [[], [None], [0, 100], [10**9]])
    def test_own(self, values: list[float | None]) -> None:
        """Short times, and those that cannot be, are in seconds."""
        assert {"ticksuffix": " s"} == time_axis(values)

    def test_logarithmic(self) -> None:
        """Texts are what the values are."""
        ticks = dict(zip(money_ticks()["tickvals"], money_ticks()["ticktext"], strict=True))
        assert ("$0.000001", "$0.1", "$1", "$1,000") == (ticks[1e-6], ticks[0.1], ticks[1], ticks[1000])
        assert "10 min" == dict(zip(time_ticks()["tickvals"], time_ticks()["ticktext"], strict=True))[600]
