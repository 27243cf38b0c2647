"""Applications for the tests of the public interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

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
