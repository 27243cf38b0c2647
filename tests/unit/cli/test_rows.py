"""Rows in the forms that commands print."""

from __future__ import annotations

from datetime import datetime, timezone
from io import StringIO

import pytest

from otel_session_agg._cli.rows import WRITERS


@pytest.mark.parametrize("form", list(WRITERS))
@pytest.mark.parametrize("zone", [None, timezone.utc])
def test_times(form: str, zone: timezone | None) -> None:
    """Times are in UTC, whether they say so or not, to the millisecond."""
    out = StringIO()
    WRITERS[form](out, ["at"], [[datetime(2026, 1, 31, 12, 0, 1, 250_999, tzinfo=zone)]], None)
    assert "2026-01-31T12:00:01.250Z" in out.getvalue()
