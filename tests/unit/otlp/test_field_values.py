"""Fields of spans, in all of their spellings."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._otlp.field_values import (
    NS_PER_MS,
    NS_PER_S,
    NS_PER_US,
    UnreadableError,
    any_time_ns,
    interval,
    is_error,
    lasting,
    parent_id,
    span_id,
    span_kind,
    time_ns,
    trace_id,
)

_NS = 1_772_366_400_123_456_789


class TestIds:
    """Hexadecimal digits."""

    @pytest.mark.parametrize("text", ["00000000000000ff", "ff", "0xff", "FF"])
    def test_same(self, text: str) -> None:
        """Leading zeros and case do not matter."""
        assert 255 == trace_id(text) == span_id(text) == parent_id(text)

    @pytest.mark.parametrize("value", ["", "0", "0x", "g", " 1", "1_0", "+1", "f" * 33, "f" * 10**6, 1, None, [], b"ff"])
    def test_refused(self, value: object) -> None:
        """Anything else is none."""
        assert parent_id(value) is None
        with pytest.raises(UnreadableError, match="no valid span id"):
            span_id(value)
        with pytest.raises(UnreadableError, match="no valid trace id"):
            trace_id(value)


class TestTimes:
    """Numbers, texts and objects."""

    @pytest.mark.parametrize(
        ("value", "unit"),
        [
            (_NS, 1),
            (str(_NS), 1),
            (_NS // 1000, NS_PER_US),
            (f"{_NS // 10**9}.123456789", NS_PER_S),
            ("2026-03-01T12:00:00.123456789Z", 1),
            ("2026-03-01 12:00:00.123456789", 1),
            ("2026-03-01 12:00:00.123456789+00", 1),
            ("2026-03-01T13:30:00.123456789+01:30", 1),
            (pd.Timestamp(_NS, tz="UTC"), 1),
            (datetime(2026, 3, 1, 12, 0, 0, 123456, timezone.utc), 1),
            (datetime(2026, 3, 1, 13, 0, 0, 123456, timezone(timedelta(hours=1))), 1),
            (datetime(2026, 3, 1, 12, 0, 0, 123456), 1),  # noqa: DTZ001 -- it is in UTC
        ],
    )
    def test_same(self, value: object, unit: int) -> None:
        """The same time, as exactly as it is stated."""
        assert _NS // 1000 == time_ns(value, unit) // 1000
        assert time_ns(value, unit) in {_NS, _NS // 1000 * 1000}

    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            -1,
            2**63,
            10**40,
            float("nan"),
            float("inf"),
            "",
            "today",
            "2026-13-01T00:00:00Z",
            "1" * 100,
            [],
            "9999-99-99",
        ],
    )
    def test_none(self, value: object) -> None:
        """Anything else is none."""
        assert 0 == time_ns(value) == any_time_ns(value)

    @pytest.mark.parametrize("value", [1e308, -1e308, 10**400, "9" * 39])
    def test_too_large(self, value: object) -> None:
        """A number that is too large in its unit is none."""
        assert 0 == time_ns(value, NS_PER_S)

    @pytest.mark.parametrize("unit", [1, NS_PER_US, NS_PER_MS, NS_PER_S])
    @given(seconds=st.integers(200_000_000, 4_000_000_000))
    def test_any_unit(self, unit: int, seconds: int) -> None:
        """The unit shows by the size."""
        assert seconds * NS_PER_S == any_time_ns(seconds * NS_PER_S // unit)

    def test_interval(self) -> None:
        """One time is enough; an end before the start is the start."""
        assert (2**63 - 2, 2**63 - 1) == lasting(2**63 - 2, 2**63 - 2, 1)
        assert (5, 5) == interval(5, 0) == interval(0, 5) == interval(5, 3)
        with pytest.raises(UnreadableError, match="no valid time"):
            interval(0, 0)


class TestNames:
    """Kinds and states."""

    @pytest.mark.parametrize("value", ["CLIENT", "Client", "client", "SPAN_KIND_CLIENT", "SpanKind.CLIENT", 3, "3"])
    def test_kind(self, value: object) -> None:
        """A kind by its name, however it is spelled, or by its number."""
        assert "CLIENT" == span_kind(value)

    @pytest.mark.parametrize("value", ["ERROR", "Error", "STATUS_CODE_ERROR", "StatusCode.ERROR", 2, "2"])
    def test_error(self, value: object) -> None:
        """So are errors."""
        assert is_error(value)

    @pytest.mark.parametrize("value", ["OK", "UNSET", 1, 0, None, True, [], "x" * 10**6, 10**30])
    def test_others(self, value: object) -> None:
        """Anything else is neither."""
        assert "CLIENT" != span_kind(value)
        assert not is_error(value)
