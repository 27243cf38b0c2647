"""Figures and foreign text as people see them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_session_agg
from otel_session_agg._untrusted.formatting import (
    MAX_CHARS,
    as_html,
    as_repr,
    change_percent,
    change_usd,
    counted,
    dollars,
    duration,
    exact_usd,
    milliseconds,
    short,
    split_duration,
    usd,
)

PACKAGE = Path(otel_session_agg.__file__).parent
HOSTILE = "<script>alert('x')</script>&\"\x1b[2J\u202e\ud800\n"


class TestFigures:
    """Amounts, durations and numbers."""

    @pytest.mark.parametrize(
        ("amount", "expected"),
        [
            (0.0, "0.000000 USD"),
            (0.000663, "0.000663 USD"),
            (0.0000234, "0.000023 USD"),
            (4e-7, "<0.000001 USD"),
            (5e-7, "<0.000001 USD"),
            (5.1e-7, "0.000001 USD"),
            (1234.5, "1234.500000 USD"),
            (None, "unknown cost"),
            (nan, "unknown cost"),
            (inf, "unknown cost"),
        ],
    )
    def test_cost(self, amount: float | None, expected: str) -> None:
        """An amount to the millionth; what is not known is not 0, and what is not 0 is not shown as 0."""
        assert expected == dollars(amount)
        assert expected.removesuffix(" USD").replace("unknown cost", "unknown") == usd(amount)

    @pytest.mark.parametrize(
        ("change", "usd", "percent"),
        [(0.25, "+0.250000", "+0.2%"), (-8.66, "-8.660000", "-8.7%"), (0.0, "0.000000", "0.0%"), (1e-9, "+<0.000001", "+0.0%")],
    )
    def test_changes(self, change: float, usd: str, percent: str) -> None:
        """Changes have a sign, unless there is none."""
        assert (usd, percent) == (change_usd(change), change_percent(change))

    def test_parts(self) -> None:
        """A duration with the parts of it that are known, and not 0."""
        parts = (("models", 1200.0), ("tools", None), ("idle", 0.0))
        assert "2.0 s (models 1.2 s)" == split_duration(2000.0, parts)
        assert ("2.0 s", "unknown duration") == (split_duration(2000.0, parts[1:]), split_duration(None, ()))

    def test_exact(self) -> None:
        """All digits of picodollars."""
        assert ("0.000000000012", "3") == (exact_usd(12e-12), exact_usd(3.0))

    @pytest.mark.parametrize(
        ("ms", "expected"),
        [
            (0.0, "0.0 ms"),
            (7.46, "7.5 ms"),
            (414.975, "415 ms"),
            (999.4, "999 ms"),
            (999.6, "1.0 s"),
            (12_345, "12.3 s"),
            (59_940, "59.9 s"),
            (59_960, "1 min 0 s"),
            (185_400, "3 min 5 s"),
            (3_599_700, "1 h 0 min"),
            (7_800_000, "2 h 10 min"),
            (90_000_000, "1 d 1 h"),
            (-5.0, "-5.0 ms"),
            (None, "unknown duration"),
            (nan, "unknown duration"),
            (inf, "unknown duration"),
        ],
    )
    def test_duration(self, ms: float | None, expected: str) -> None:
        """A duration in the units that people read."""
        assert expected == duration(ms)

    @given(st.floats())
    def test_any(self, number: float) -> None:
        """No number makes them raise, and what they say is short."""
        assert len(duration(number)) < 40
        assert len(dollars(number)) < 400

    def test_counted(self) -> None:
        """One is no plural."""
        assert ["0 calls", "1 call", "2 calls", "1 entry", "2 entries"] == [
            counted(0, "call"),
            counted(1, "call"),
            counted(2, "call"),
            counted(1, "entry", "entries"),
            counted(2, "entry", "entries"),
        ]
        assert ("415", "415.0") == (milliseconds(414.975, 0), milliseconds(414.975))


class _Cells(HTMLParser):
    """Tags and text of a table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


class TestText:
    """What anybody may have written."""

    def test_short(self) -> None:
        """Long text is cut, and nothing of it moves a cursor."""
        assert ("x" * (MAX_CHARS - 3) + "...", "x" * MAX_CHARS) == (short("x" * 10_000), short("x" * MAX_CHARS))
        assert short(HOSTILE).isprintable()

    def test_repr(self) -> None:
        """A line has no ends of lines and no escape sequences."""
        assert as_repr("Rollup", [HOSTILE, "1 call"]).isprintable()

    def test_html(self) -> None:
        """In HTML foreign text is text, and nothing but ASCII."""
        html = as_html(HOSTILE, [(HOSTILE, HOSTILE), ("é", "b")])
        found = _Cells(html)
        assert {"table", "caption", "tr", "th", "td"} == found.tags
        assert [short(HOSTILE)] * 3 + ["é", "b"] == found.cells
        assert html.isascii()


class TestOnePlace:
    """There is one way to show a figure."""

    def test_no_others(self) -> None:
        """No other module rounds a figure for people."""
        rounds = re.compile(r"\{[^{}]*:[^{}]*\.\{?\d?\w*\}?f\}")
        found = {path.name for path in PACKAGE.rglob("*.py") if rounds.search(path.read_text("utf-8"))}
        assert {
            "formatting.py",
            "_numbers.py",
            "_setting_rules.py",
            "pydantic_ai.py",
        } == found  # charts and pages; bounds of settings, and a name of others' spans
