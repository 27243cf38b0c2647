"""CSV for spreadsheets."""

from __future__ import annotations

import csv
from datetime import datetime, timezone
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._untrusted.spreadsheets import csv_text, csv_value


class TestValue:
    """Cells."""

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, ""),
            (True, "true"),
            (3, "3"),
            (-1.5, "-1.5"),
            (Decimal("0.120000000000"), "0.12"),
            (Decimal(100), "100"),
            (Decimal("1E+2"), "100"),
            (datetime(2026, 1, 31, 12, tzinfo=timezone.utc), "2026-01-31T12:00:00.000Z"),
            (["a", "=b"], "a;'=b"),
            ("=1+1", "'=1+1"),
            (" @sum", "' @sum"),
            ("a;=b", "a;'=b"),
            ("a\nb", "a\\nb"),
            ("\u202eabc", "\\u202eabc"),
            ("00123", "'00123"),
            ("0" * 30 + "12", "'" + "0" * 30 + "12"),
            ("1234567890123456", "'1234567890123456"),
            ("1e5", "'1e5"),
            ("12E-3", "'12E-3"),
            ("1.10", "'1.10"),
            (".5", "'.5"),
            ("1,000", "'1,000"),
            (" 12", "' 12"),
            (["007"], "'007"),
            ("0", "0"),
            ("123456789012345", "123456789012345"),
            ("1.8", "1.8"),
            ("1.8.2", "1.8.2"),
            ("4e5f", "4e5f"),
            ("2026-12-01", "2026-12-01"),
        ],
    )
    def test_values(self, value: object, text: str) -> None:
        """Amounts have all digits; a text is neither a formula nor several lines, nor a number of other digits."""
        assert text == csv_value(value)


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=5))
def test_rows(rows: list[list[str]]) -> None:
    """Whatever the texts are, there is one record for each row, and no cell begins as a formula does."""
    found = list(csv.reader(StringIO(csv_text(["a", "b"], rows), newline="")))
    assert [["a", "b"], *[[csv_value(cell) for cell in row] for row in rows]] == found
    assert not [cell for row in found for cell in row if cell.lstrip(" \"'")[:1] in {"=", "+", "-", "@"} and cell[:1] != "'"]
