"""Attribute values made into numbers and text, or refused."""

from __future__ import annotations

import decimal
import math
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._untrusted.values import (
    MAX_COST_USD,
    MAX_TEXT_CHARS,
    MAX_TOKENS,
    PUSD_PER_USD,
    count,
    flag,
    picodollars,
    text,
)

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.sampled_from(["NaN", "-1", "1e999", "٣", '"12"', "1" * 5000, 10**400, "x" * 100_000, "\ud800", "{", '{"a": 1}']),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
"""Values of every type that could stand in an attribute, and some that could not."""


def _raise(*_: object) -> Any:
    message = "hostile"
    raise RuntimeError(message)


class _Text(str):
    __slots__ = ()
    __len__ = __getitem__ = __contains__ = __eq__ = __lt__ = __hash__ = __bool__ = _raise
    strip = lower = startswith = isdigit = isascii = __str__ = __repr__ = _raise


class _Float(float):
    __slots__ = ()
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __bool__ = __repr__ = __float__ = is_integer = _raise


class _Number(IntEnum):
    ONE = 1


_HUGE = pytest.param(10**5000, id="huge")
"""More digits than Python writes out."""

_NO_NUMBERS: tuple[object, ...] = (
    None,
    True,
    False,
    -1,
    -0.5,
    math.nan,
    math.inf,
    -math.inf,
    "",
    " ",
    '""',
    '"',
    "unknown",
    "NaN",
    "inf",
    "-1",
    "+1",
    "0x10",
    "1,000",
    "12 tokens",
    "٣",
    "²",
    "1" * 41,
    b"1",
    [1],
    (1,),
    {"a": 1},
    object(),
)


class TestCount:
    """Token counts."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, 0),
            (12, 12),
            (12.0, 12),
            (-0.0, 0),
            ("12", 12),
            (" 12 ", 12),
            ('"12"', 12),
            ('" 12 "', 12),
            ("12.0", 12),
            ("1e3", 1000),
            ("007", 7),
            (MAX_TOKENS, MAX_TOKENS),
            (float(MAX_TOKENS), MAX_TOKENS),
            (str(MAX_TOKENS), MAX_TOKENS),
        ],
    )
    def test_accepted(self, value: object, expected: int) -> None:
        """Whole numbers come as ints, floats, text and quoted text; 0 is a value."""
        assert expected == count(value)

    @pytest.mark.parametrize("value", [*_NO_NUMBERS, 1.5, "1.5", MAX_TOKENS + 1, _HUGE, "9" * 40, "1e999", _Number.ONE])
    def test_refused(self, value: object) -> None:
        """Everything else is refused."""
        assert count(value) is None

    @given(ANYTHING)
    def test_anything(self, value: object) -> None:
        """Whatever comes, the result is a believable count or nothing."""
        result = count(value)
        assert result is None or (type(result) is int and 0 <= result <= MAX_TOKENS)


class TestPicodollars:
    """Amounts of money."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, 0),
            (0.0, 0),
            (1, PUSD_PER_USD),
            (0.1, 100_000_000_000),
            (0.000001234567, 1_234_567),
            ("0.25", 250_000_000_000),
            ('"0.25"', 250_000_000_000),
            ("1e-12", 1),
            (5e-13, 0),
            (1.5e-12, 2),
            (2.5e-12, 2),
            (MAX_COST_USD, MAX_COST_USD * PUSD_PER_USD),
        ],
    )
    def test_accepted(self, value: object, expected: int) -> None:
        """An amount is rounded once, half to even, from the number that was written."""
        assert expected == picodollars(value)

    @pytest.mark.parametrize("value", [*_NO_NUMBERS, MAX_COST_USD + 1, _HUGE, "1e999", 1e300, "1.2.3", "$1"])
    def test_refused(self, value: object) -> None:
        """Everything else is refused."""
        assert picodollars(value) is None

    @given(ANYTHING)
    def test_anything(self, value: object) -> None:
        """Whatever comes, the result is a believable amount or nothing."""
        result = picodollars(value)
        assert result is None or (type(result) is int and 0 <= result <= MAX_COST_USD * PUSD_PER_USD)

    def test_decimal_context(self) -> None:
        """The application's own decimal context has no say in it."""
        with decimal.localcontext() as context:
            context.prec = 3
            context.traps[decimal.Inexact] = True
            assert 123_456_789_000 == picodollars("0.123456789")


class TestText:
    """Names and ids."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("a", "a"),
            (" a b ", "a b"),
            ('"a"', "a"),
            ('"', '"'),
            (7, "7"),
            (-7, "-7"),
            ("x" * MAX_TEXT_CHARS, "x" * MAX_TEXT_CHARS),
        ],
    )
    def test_accepted(self, value: object, expected: str) -> None:
        """Blanks and JSON quotes around a name are taken off; ids may be integers."""
        assert expected == text(value)

    @pytest.mark.parametrize(
        "value", [None, "", "  ", '""', '" "', True, 1.5, b"a", ["a"], "x" * (MAX_TEXT_CHARS + 1), 10**18, -(10**18), _HUGE]
    )
    def test_refused(self, value: object) -> None:
        """Everything else is refused."""
        assert text(value) is None

    @given(ANYTHING)
    def test_anything(self, value: object) -> None:
        """Whatever comes, the result is a short text that is not empty, or nothing."""
        result = text(value)
        assert result is None or (isinstance(result, str) and 0 < len(result) <= MAX_TEXT_CHARS)


@pytest.mark.slow
class TestHostile:
    """Values whose own methods raise or hang, and numbers that take long to be looked at."""

    def test_subclasses(self) -> None:
        """Of a subclass none of its own methods is called."""
        assert (12, 3, "a", True) == (count(_Text("12")), count(_Float(3.0)), text(_Text(" a ")), flag(_Text("true")))
        assert 250_000_000_000 == picodollars(_Text("0.25")) == picodollars(_Float(0.25))

    @pytest.mark.parametrize("read", [count, picodollars, text, flag])
    def test_huge(self, read: Callable[[object], object]) -> None:
        """An integer of a million digits is refused at once: what looks at all of them takes minutes, or raises."""
        assert (None, None) == (read(10**1_000_000), read(-(10**1_000_000)))

    @pytest.mark.parametrize("amount", ["1e1000000", "1e999999999999999999", "1e" + "9" * 30])
    def test_exponents(self, amount: str) -> None:
        """Nor is an exponent written out."""
        assert picodollars(amount) is None
        assert picodollars(amount.replace("e", "e-")) in {0, None}

    @pytest.mark.parametrize("blank", ["\u2003", "\x85\xa0", '"\u2003"'])
    def test_blanks(self, blank: str) -> None:
        """Blanks beyond ASCII are blanks, too."""
        assert text(blank) is None
        assert "a" == text(f"{blank.strip(chr(34))}a")

    def test_all_blanks(self) -> None:
        """Every character that Unicode calls a blank is taken off, at both ends."""
        blanks = [char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace()]
        assert {"a"} == {text(f"{blank}a") for blank in blanks} | {text(f"a{blank}") for blank in blanks}


class TestFlag:
    """Truth values."""

    @pytest.mark.parametrize(
        ("value", "expected"), [(True, True), (False, False), ("true", True), ("True", True), ("FALSE", False)]
    )
    def test_accepted(self, value: object, expected: bool) -> None:  # noqa: FBT001 -- the value under test
        """They also come as text."""
        assert flag(value) is expected

    @pytest.mark.parametrize("value", [None, 0, 1, "1", "yes", "", "false ", "x" * 100_000, [True], b"true"])
    def test_refused(self, value: object) -> None:
        """Everything else is refused."""
        assert flag(value) is None

    @given(ANYTHING)
    def test_anything(self, value: object) -> None:
        """Whatever comes, nothing is raised."""
        assert flag(value) in {None, True, False}
