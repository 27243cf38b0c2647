"""The language of ``--where``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import SessionAggError
from otel_session_agg._cli.where import column_named, condition
from otel_session_agg._sharing.stored_sessions import COLUMNS, Row

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
ROW: Row = {
    **dict.fromkeys(COLUMNS),
    "session": "chat-42",
    "state": "open",
    "user": "Ann Lee",
    "cost": 0.25,
    "tokens": 1200,
    "errors": 0,
    "feedback": True,
    "models": ("gpt-4o", "o4-mini"),
    "end_time": datetime(2026, 11, 22, 12, tzinfo=timezone.utc),
}


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
    def test_fits(self, text: str) -> None:
        """Conditions that this row meets."""
        assert condition(text)(ROW)

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
    def test_fits_not(self, text: str) -> None:
        """Conditions that it does not meet."""
        assert not condition(text)(ROW)

    @pytest.mark.parametrize("sign", OPERATORS)
    def test_unknown(self, sign: str) -> None:
        """An unknown value meets no condition, whatever is asked of it."""
        assert not condition(f"cost {sign} 0")({**ROW, "cost": None})

    @given(st.integers(0, 10), st.sampled_from(sorted(OPERATORS)), st.integers(0, 10))
    def test_operators(self, tokens: int, sign: str, wanted: int) -> None:
        """Numbers are compared as numbers."""
        assert OPERATORS[sign](tokens, wanted) == condition(f"tokens {sign} {wanted}")({**ROW, "tokens": tokens})

    @given(st.text().filter(lambda text: '"' not in text))
    def test_quoted(self, text: str) -> None:
        """In quotes stands any text, also ``and``, signs and nothing at all."""
        assert condition(f'session = "{text}" and state = open')({**ROW, "session": text})

    @given(st.text())
    def test_never_raises_anything_else(self, text: str) -> None:
        """Whatever is typed, it is a condition or it is told what is allowed."""
        try:
            condition(text)(ROW)
        except SessionAggError as error:
            assert "use" in str(error) or "write" in str(error) or "compared" in str(error)  # noqa: PT017


class TestErrors:
    """What is not understood."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "not understood at its end: write 'column operator value'"),
            ("cost", "not understood at 'cost'"),
            ("cost >", "not understood at 'cost >'"),
            ("cost > 1 and", "not understood at 'and'"),
            ("cost > 1 or cost < 2", "not understood at 'or cost < 2'"),
            ("cost > 1 cost < 2", "not understood at 'cost < 2'"),
            ("user = Ann Lee", "not understood at 'Lee'"),
            ("user = 'Ann", 'not understood at "user = \'Ann"'),
            ("(cost > 1)", "not understood at '(cost > 1)'"),
            ("price > 1", "there is no column 'price': use one of session, state, revision, user, cost,"),
            ("cost == 1", "cost == is not understood: use cost with one of < <= > >= = !="),
            ("cost ~ 1", "cost ~ is not understood"),
            ("feedback > true", "feedback > is not understood: use feedback with one of = !="),
            ("models < x", "models < is not understood: use models with one of = !="),
            ("cost > much", "cost cannot be compared with 'much': it is a number"),
            ("cost > nan", "cost cannot be compared with 'nan': it is a number"),
            ("cost > 1e999", "cost cannot be compared with '1e999': it is a number"),
            ("feedback = 1", "feedback cannot be compared with '1': it is true or false"),
            ("end_time > today", "end_time cannot be compared with 'today': it is a time such as"),
        ],
    )
    def test_say_what_is_allowed(self, text: str, expected: str) -> None:
        """The error shows where it is wrong and names what may stand there."""
        with pytest.raises(SessionAggError) as raised:
            condition(text)
        assert expected in str(raised.value)

    def test_stay_short(self) -> None:
        """An error does not repeat a page of nonsense."""
        with pytest.raises(SessionAggError) as raised:
            condition("x" * 10_000)
        assert len(str(raised.value)) < 1000


class TestColumnNamed:
    """Names of columns."""

    def test_known(self) -> None:
        """Every column that is shown has a name that is understood."""
        assert list(COLUMNS) == [column_named(name) for name in COLUMNS]

    def test_unknown(self) -> None:
        """Others are refused, and the error names those that there are."""
        with pytest.raises(SessionAggError, match=r"there is no column 'costs': use one of .*, cost, .*avg_trace_latency"):
            column_named("costs")
