"""Applications for the tests of the public interface."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from hypothesis import HealthCheck, settings

from otel_session_agg._api import registry
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._threads.messages import messages
from tests.support.apps import DEADLINE_SECONDS, App, alone
from tests.support.paths import TESTS
from tests.support.servers import Server, valkey, valkey_cluster

pytest.register_assert_rewrite("tests.faults")  # what attacks found shows in their messages

settings.register_profile("long", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("all", settings.get_profile("long"), max_examples=40)
settings.register_profile("not slow", settings.get_profile("long"), max_examples=20)
"""How many examples of each property are tried; ``--hypothesis-profile=long`` tries 100, by hand."""

SLOW = frozenset({"benchmarks", "documents", "faults", "laws", "processes", "recordings"})
"""Folders whose tests are all slow."""


UNCOVERED = SLOW | {
    f"unit/{room}" for room in ("alerts", "analysis", "cli", "history", "live", "offline", "otlp", "page", "serve", "views")
}
"""Folders whose tests are of other rooms than those that count, or take minutes of the same lines again: coverage would add
half to their time."""


@cache  # one path for each test
def _is_slow(path: Path) -> bool:
    return any(path.is_relative_to(TESTS / name) for name in SLOW)


@cache
def _is_uncovered(path: Path) -> bool:
    return any(path.is_relative_to(TESTS / name) for name in UNCOVERED)


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples of each property are tried, before the modules of tests read it."""
    short = "not slow" if config.option.markexpr == "not slow" else "all"
    settings.load_profile(config.getoption("--hypothesis-profile", None) or short)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import slow tests where ``-m "not slow"`` leaves them out."""
    return True if config.option.markexpr == "not slow" and _is_slow(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Make ``no_cover`` hold in the workers of pytest-xdist.

    pytest-cov begins to measure twice there; to pause the second measurement resumes the first, which nobody reads.
    """
    if hasattr(session.config, "workerinput") and session.config.pluginmanager.hasplugin("_cov"):
        from coverage import Coverage  # noqa: PLC0415 -- only where it is measured

        begun = Coverage.current()
        if begun is not None:
            begun.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders."""
    for item in items:
        if _is_slow(item.path):
            item.add_marker(pytest.mark.slow)
        if _is_uncovered(item.path):
            item.add_marker(pytest.mark.no_cover)


class Logged:
    """What pytest's ``caplog`` has, when all that was said is logged: another thread does that."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def __getattr__(self, name: str) -> Any:
        assert messages.flush(time.monotonic() + DEADLINE_SECONDS)
        return getattr(self._caplog, name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make what is reported text that can be sent from one process to another: halves of surrogate pairs end pytest-xdist's."""
    report = yield
    report.sections = [(name, _sendable(text)) for name, text in report.sections]
    if report.failed and _sendable(str(report.longrepr)) != str(report.longrepr):
        report.longrepr = _sendable(str(report.longrepr))
    return report


def _sendable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[Logged]:
    """What is logged."""
    yield Logged(caplog)
    assert messages.flush(time.monotonic() + DEADLINE_SECONDS)


@pytest.fixture(autouse=True)
def no_siblings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test know of no processor that another test left behind: it would be asked for totals, and waited for."""
    monkeypatch.setattr(registry, "_LIVE", WeakSet())


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., App]]:
    """Makes applications."""
    with alone(monkeypatch) as made:
        yield made


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An application without a worker."""
    return make()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A Valkey server for all tests that neither kill nor empty it."""
    with valkey() as running:
        yield running


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """A Valkey cluster of three primaries for them."""
    with valkey_cluster() as url:
        yield url


@pytest.fixture(autouse=True)
def _budgets_end_with_their_test() -> Iterator[None]:
    """What budgets are over is known to the whole process, and makes sessions keep what accounts need."""
    before = dict(scopes)
    scopes.clear()
    yield
    scopes.clear()
    scopes.update(before)
