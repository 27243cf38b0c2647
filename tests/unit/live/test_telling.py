"""What is logged of faults."""

from __future__ import annotations

import pytest

from otel_session_agg._live.state import HISTORY, JOURNAL, PROCESS, State
from otel_session_agg._live.telling import Telling


class TestOften:
    """Faults that come and go."""

    def test_refused(self, caplog: pytest.LogCaptureFixture) -> None:
        """Of what begins and ends many times a minute, the beginning is logged every ten seconds, with its end."""
        now = [0.0]
        telling = Telling(lambda: now[0])
        for second in range(25):
            now[0] = float(second)
            telling.refuses(f"full {second}")
            telling.refuses(f"full {second}, still")
            telling.refuses(None)
        again = "spans are accepted again"
        assert [text for number in (0, 10, 20) for text in (f"full {number}", again)] == [
            text.removeprefix("spans are refused for now, and are to be sent again: ") for text in caplog.messages
        ]

    def test_notes(self, caplog: pytest.LogCaptureFixture) -> None:
        """Notes of one kind keep none of another kind from being logged."""
        telling = Telling(lambda: 5.0)
        for number in range(3):
            telling.notes("a", f"a {number}")
            telling.notes("b", f"b {number}")
        assert ["a 0", "b 0"] == caplog.messages


class TestState:
    """What a state has logged."""

    def test_two_places(self, caplog: pytest.LogCaptureFixture) -> None:
        """Spans are accepted again when nothing is wrong any more."""
        state = State(1000)
        state.fault(HISTORY, "full")
        state.fault(JOURNAL, "full, too")
        state.fault(HISTORY, None)
        assert 1 == len(caplog.messages)
        state.fault(JOURNAL, None)
        state.fault(JOURNAL, None)
        assert ["spans are accepted again"] == caplog.messages[1:]

    def test_values(self, caplog: pytest.LogCaptureFixture) -> None:
        """Why counting has ended may quote spans: it is in the status, and not in the log."""
        state = State(1000)
        state.fault(PROCESS, "cannot convert 'what a user wrote'")
        state.fault(PROCESS, None)
        assert ["counting was ended and begins again: /api/v1/status says why"] == caplog.messages
