"""Sessions to show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from otel_session_agg._history.history import History
from tests.support.session_tables import Tables, history_of, two_weeks


@pytest.fixture(scope="package")
def sessions() -> Iterator[History]:
    """Two weeks of sessions."""
    with history_of(two_weeks()) as history:
        yield history


@pytest.fixture
def tables() -> Iterator[Tables]:
    """Make tables of sessions; they are closed after the test."""
    with ExitStack() as stack:
        yield lambda given: stack.enter_context(history_of(given))
