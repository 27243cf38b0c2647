"""Sessions to show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_session_agg._history.history import History
from tests.support.session_tables import history_of, two_weeks


@pytest.fixture(scope="package")
def sessions() -> Iterator[History]:
    """Two weeks of sessions."""
    with history_of(two_weeks()) as history:
        yield history
