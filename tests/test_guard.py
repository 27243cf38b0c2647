"""The boundary to the host application."""

from __future__ import annotations

import logging

import pytest

from otel_session_agg._guard import _MAX_KINDS, Guard

_LOGGER = logging.getLogger("tests.guard")


def _fail(error: BaseException) -> None:
    raise error


class TestCall:
    """Calls whose faults stay here."""

    def test_result(self) -> None:
        """The result is handed through."""
        guard = Guard(_LOGGER)
        assert 5 == guard.call("adding", lambda a, b: a + b, 2, 3)
        assert {} == guard.faults

    def test_fault(self, caplog: pytest.LogCaptureFixture) -> None:
        """A fault is counted and logged with its place, type and traceback."""
        guard = Guard(_LOGGER)
        assert guard.call("failing", _fail, ValueError("bad")) is None
        assert {"failing": 1} == guard.faults
        assert ["failing failed: ValueError: bad"] == caplog.messages
        assert caplog.records[0].exc_info is not None

    def test_logged_once_per_type(self, caplog: pytest.LogCaptureFixture) -> None:
        """Each type of error is logged once per place, and counted each time."""
        guard = Guard(_LOGGER)
        for place in ("here", "there"):
            for error in (ValueError("1"), ValueError("2"), TypeError("3")):
                guard.call(place, _fail, error)
        assert {"here": 3, "there": 3} == guard.faults
        assert [f"{place} failed: {what}" for place in ("here", "there") for what in ("ValueError: 1", "TypeError: 3")] == (
            caplog.messages
        )

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
    def test_not_ours(self, error: BaseException) -> None:
        """What ends the program is not held up."""
        with pytest.raises(type(error)):
            Guard(_LOGGER).call("stopping", _fail, error)


class TestOnce:
    """Warnings that come once."""

    def test_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """The same thing is told of once, another one too."""
        guard = Guard(_LOGGER)
        for what in ("a", "a", "b"):
            guard.once("place", what, "it is %s", what)
        assert ["it is a", "it is b"] == caplog.messages

    def test_bounded(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither the log nor the memory grows with the names that users make up."""
        guard = Guard(_LOGGER)
        for number in range(2 * _MAX_KINDS):
            guard.once("unpriced", f"model-{number}", "model")
        assert _MAX_KINDS == len(caplog.messages) == len(guard._logged)
