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
        ],
    )
    def test_values(self, value: object, text: str) -> None:
        """Amounts have all digits, and a text is neither a formula nor several lines."""
        assert text == csv_value(value)


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=5))
def test_rows(rows: list[list[str]]) -> None:
    """Whatever the texts are, there is one record for each row, and no cell begins as a formula does."""
    found = list(csv.reader(StringIO(csv_text(["a", "b"], rows), newline="")))
    assert [["a", "b"], *[[csv_value(cell) for cell in row] for row in rows]] == found
    assert not [cell for row in found for cell in row if cell.lstrip(" \"'")[:1] in {"=", "+", "-", "@"} and cell[:1] != "'"]
