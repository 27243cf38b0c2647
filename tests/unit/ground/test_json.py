"""JSON that anybody may have written."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._untrusted.json_text import loaded


class TestLoaded:
    """What a text stands for."""

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(), lambda inner: st.lists(inner, max_size=3)
        )
    )
    def test_values(self, value: object) -> None:
        """Plain values come back, from text and from bytes."""
        assert value == loaded(json.dumps(value)) == loaded(json.dumps(value).encode())

    def test_digits(self) -> None:
        """A number with too many digits is infinite, so that what stands beside it can be read."""
        digits = "9" * 100_000
        assert {"a": math.inf, "b": -math.inf, "c": 1} == loaded(f'{{"a":{digits},"b":-{digits},"c":1}}')

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a":' * 100_000, b"\xff", b"{"])
    def test_refused(self, text: str | bytes) -> None:
        """No JSON, and too deep, are one error."""
        with pytest.raises(ValueError, match=r".*"):
            loaded(text)
