"""Applications for the tests of the public interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from otel_session_agg._budget_scopes import scopes

from .apps import App, alone


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., App]]:
    """Makes applications."""
    with alone(monkeypatch) as made:
        yield made


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An application without a worker."""
    return make()


@pytest.fixture(autouse=True)
def _budgets_end_with_their_test() -> Iterator[None]:
    """What budgets are over is known to the whole process, and makes sessions keep what accounts need."""
    before = dict(scopes)
    scopes.clear()
    yield
    scopes.clear()
    scopes.update(before)
