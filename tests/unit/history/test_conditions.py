"""Conditions without quotes, on a session of which all is known."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg import Rollup, SessionAggError
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._model.dimensions import Dimension
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import Labelled, SessionTotals
from otel_session_agg._sharing.stored_sessions import StoredSession

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
END_NS = int(datetime(2026, 11, 22, 12, tzinfo=timezone.utc).timestamp()) * 10**9
_ROLLUP = Rollup(
    cost_pusd=25 * 10**10,
    num_computed=1,
    total_tokens=1200,
    has_feedback=True,
    models=frozenset({"gpt-4o", "o4-mini"}),
    start_ns=END_NS - 10**9,
    end_ns=END_NS,
)


def _session(session_id: str, rollup: Rollup, labels: dict[str, Any] | None = None) -> StoredSession:
    """A session of Ann Lee at a company."""
    totals = SessionTotals(
        rollup,
        user=At(1, 0, "Ann Lee"),
        metadata={name: Labelled(1, value) for name, value in (labels or {}).items()},
        dimensions={"tenant": Dimension(1, 1, "acme corp")} if labels else {},
    )
    return StoredSession(session_id, totals, has_ended=False, revision=0)


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    """Three sessions: one of which all is known, one of unknown cost, and one with a strange id."""
    labels = {"plan": "pro", "seats": 12, "beta": True, "sub-plan": "b"}
    unknown = Rollup(num_unpriced_events=1)
    with History() as made:
        made.add_sessions(
            [_session("chat-42", _ROLLUP, labels), _session("unknown", unknown), _session("and 'cost' > 1", unknown)]
        )
        yield made


def found(history: History, where: str) -> set[object]:
    """The ids of the sessions that meet a condition."""
    return {name for (name,) in history.select(Selection(where=where, columns=["session"])).rows}


class TestLabels:
    """Dimensions and metadata."""

    @pytest.mark.parametrize(
        "text",
        [
            "metadata.plan = pro",
            "metadata.plan != free and cost > 0.1",
            "tenant = 'acme corp'",
            "metadata.seats >= 10",
            "metadata.seats < 100",
            "metadata.beta = TRUE",
            "metadata.sub-plan > a",
        ],
    )
    def test_fits(self, history: History, text: str) -> None:
        """Text is compared as text, numbers as numbers; what a session does not have meets no condition."""
        assert {"chat-42"} == found(history, text)

    @pytest.mark.parametrize("text", ["metadata.no = pro", "metadata.no != pro", "metadata.plan != pro", "tenant < 1"])
    def test_not_known(self, history: History, text: str) -> None:
        """What is not known is not even different."""
        assert set() == found(history, text)


class TestCondition:
    """What fits."""

    @pytest.mark.parametrize(
        "text",
        [
            "cost > 0.10",
            "cost>0.10",
            "  cost   >=0.25  ",
            "cost = 0.25",
            "cost = 2.5e-1",
            "cost != 0.2500001",
            "cost > -1",
            "tokens <= 1200 and errors = 0",
            "tokens <= 1200 AND errors = 0",
            "cost > 0.1 and cost < 0.3 and state = open",
            "session = chat-42",
            "session != chat-4",
            "session > chat",
            "session = 'chat-42'",
            'user = "Ann Lee"',
            "user='Ann Lee' and feedback = true",
            "feedback = TRUE",
            "feedback != false",
            "models = gpt-4o",
            "models = gpt-4o and models = o4-mini",
            "models != gpt",
            "end_time > 2026-11-22",
            "end_time >= 2026-11-22T12:00:00Z",
            "end_time = 2026-11-22T13:00+01:00",
            "end_time < '2026-11-22 12:01'",
        ],
    )
    def test_fits(self, history: History, text: str) -> None:
        """Conditions that the session meets."""
        assert "chat-42" in found(history, text)

    @pytest.mark.parametrize(
        "text",
        [
            "cost > 0.25",
            "cost < 0.3 and tokens > 1200",
            "tokens > 1200 and cost < 0.3",
            "session = chat",
            "user = 'ann lee'",
            "user = ''",
            "feedback = false",
            "models = gpt",
            "models != gpt-4o",
            "end_time > 2026-11-22T12:00",
            "end_time < 2026-11-22",
        ],
    )
    def test_fits_not(self, history: History, text: str) -> None:
        """Conditions that it does not meet."""
        assert "chat-42" not in found(history, text)

    @pytest.mark.parametrize("sign", OPERATORS)
    def test_unknown(self, history: History, sign: str) -> None:
        """An unknown value meets no condition, whatever is asked of it."""
        assert "unknown" not in found(history, f"cost {sign} 0")

    @settings(max_examples=30, deadline=None)
    @given(sign=st.sampled_from(sorted(OPERATORS)), wanted=st.integers(1198, 1202))
    def test_operators(self, history: History, sign: str, wanted: int) -> None:
        """Numbers are compared as numbers."""
        assert OPERATORS[sign](1200, wanted) == ("chat-42" in found(history, f"tokens {sign} {wanted}"))

    def test_quoted(self, history: History) -> None:
        """In quotes stands any text, also ``and`` and signs."""
        assert {"and 'cost' > 1"} == found(history, "session = \"and 'cost' > 1\" and state = open")

    @settings(max_examples=30, deadline=None)
    @given(text=st.text())
    def test_never_raises_anything_else(self, history: History, text: str) -> None:
        """Whatever is typed, it is a condition or it is told what is wrong."""
        try:
            found(history, text)
        except SessionAggError as error:
            assert len(str(error)) < 2000  # noqa: PT017
