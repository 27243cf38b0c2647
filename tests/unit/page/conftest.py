"""A server with the page, over two weeks of sessions, as an application has one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._page.services import Services
from tests.support.session_tables import history_of, two_weeks

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)


@pytest.fixture(scope="package")
def sessions() -> Iterator[History]:
    """Two weeks of sessions, hostile names among them."""
    with history_of(two_weeks()) as history:
        yield history


@pytest.fixture(scope="package")
def services(sessions: History) -> Services:
    """What the page reads."""
    lock = threading.RLock()

    @contextmanager
    def reading() -> Iterator[Any]:
        with lock:
            yield sessions

    return Services(reading, is_live=True, now=lambda: NOW)
