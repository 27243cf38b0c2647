"""Objects in Python's ``repr``."""

from __future__ import annotations

import ast
import math
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._reading.objects import MAX_DEPTH, literal

_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_KEYS = st.text() | st.integers() | st.none()
_ANY: st.SearchStrategy[Any] = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=20
)


class TestLiteral:
    """What a text is the ``repr`` of."""

    @given(_ANY)
    def test_repr(self, value: object) -> None:
        """Dictionaries, lists and plain values come back as they were."""
        if "e" not in repr(value) or not any(len(part) > 40 for part in repr(value).split()):  # longer numbers are nobody's
            assert ast.literal_eval(repr(value)) == literal(repr(value))

    @pytest.mark.parametrize(
        "text",
        [
            "{}", "{'a': 1,}", "{'a': (1, 2), 'b': (1,), 'c': ()}", "{ 'a' :\n 1e-05 }  ", "{'a': 1e+20}", '{"b\'c": \'\\n\\x41\\u1234\\\'"\'}',
            "{'a': -1.5}", "{'a': [[], [1]]}", "{'a': '\\q'}",
        ],
    )  # fmt: skip
    def test_taken(self, text: str) -> None:
        """As Python's own reader takes it, without its warnings."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = ast.literal_eval(text)
        assert expected == literal(text)

    @pytest.mark.parametrize(
        "text",
        [
            "", "{", "{'a'", "{'a': 1", "{'a' 1}", "{'a': 1 2}", "{,}", "{'a': ,}", "{'a': 1,,}", "{'a': x}", "{'a': b'x'}", "{'a': f(1)}", "}",
            "{'a': 1}}", "{'a': 1} {}", "{'a': ]}", "{'a': 'x\n'}", "{'a': 1:2}", "{[1]: 2}", "{'a': 1]", "{'a': 0x10}", "{'a': 1_000}",
            "{'a': --1}", "{'a': datetime.datetime(2026, 1, 1)}", "{'a': <x>}", "{'a': nan}", "1, 2", "[1:2]",
        ],
    )  # fmt: skip
    def test_refused(self, text: str) -> None:
        """Anything else is refused."""
        with pytest.raises(ValueError, match=r".*"):
            literal(text)

    def test_depth(self) -> None:
        """Containers in each other have a bound, far below that of the stack."""
        assert 1 == len([literal("[" * MAX_DEPTH + "]" * MAX_DEPTH)])
        with pytest.raises(ValueError, match=r".*"):
            literal("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))

    def test_digits(self) -> None:
        """A number with too many digits is infinite, so that what stands beside it can be read."""
        assert {"a": math.inf, "b": 1} == literal(f"{{'a': {'9' * 60_000}, 'b': 1}}")
