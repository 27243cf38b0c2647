"""Conditions of rules, in Python and in SQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_session_agg import SettingsError
from otel_session_agg._alerts.terms import condition
from otel_session_agg._history.history import History
from tests.support.alerted import history_of, row, stored

_SESSIONS = [
    stored("cheap", cost=0.01, tokens=100),
    stored("dear", cost=0.25, tokens=20_000, errors=4, seconds=31.5),
    stored("edge", cost=0.10, tokens=10_000, errors=3, seconds=20),
    stored("unknown", cost=None),
    stored("partly", cost=0.25, unpriced=2),
    stored("partly-cheap", cost=0.01, unpriced=1),
    stored("pro", user="Ann Lee", metadata={"plan": "pro", "score": 9, "is_new": True}, dimensions={"service.name": "shop"}),
    stored("free", user="O'Neill", metadata={"plan": "free", "score": 10.5, "is_new": False}, models=frozenset({"a", "b"})),
    stored("both", dimensions={"plan": "team", "score": "x"}, metadata={"plan": "free"}),
    stored("'; DROP TABLE sessions; --", metadata={"plan": "'; DROP TABLE sessions; --"}),
]
_FOUND = {
    "cost > 0.10": {"dear", "partly"},
    "cost >= $0.10": {"dear", "edge", "partly"},
    "cost < 0.10": {"cheap", "pro", "free", "both", "'; DROP TABLE sessions; --"},
    "cost = 0.25": {"dear"},
    "cost != 0.01": {"dear", "edge"},
    "unpriced > 0": {"unknown", "partly", "partly-cheap"},
    "total_tokens > 10000": {"dear"},
    "num_errors >= 3 and tokens>=10000": {"dear", "edge"},
    "duration > 20 s": {"dear"},
    "duration >= 20000 ms": {"dear", "edge"},
    "user = 'Ann Lee'": {"pro"},
    'user.id = "O\'Neill"': {"free"},
    "user != nobody": {"pro", "free"},
    "metadata.plan = free": {"free"},
    "metadata.plan = team": {"both"},
    "metadata.score > 9.5": {"free", "both"},  # x is compared as a text
    "metadata.score = 9": {"pro"},
    "metadata.is_new = true": {"pro"},
    "service.name = shop": {"pro"},
    "models = a": {"free"},
    "models != m": {"free"},
    "feedback = true": set(),
    "session.id = dear": {"dear"},
    'metadata.plan = "\'; DROP TABLE sessions; --"': {"'; DROP TABLE sessions; --"},
}


@pytest.fixture(scope="module")
def history() -> Iterator[History]:
    """All of them in a history."""
    with history_of(*_SESSIONS) as found:
        yield found


def _that(history: History, sql: str, parameters: list[object]) -> set[str]:
    rows = history.rows(f"SELECT session FROM sessions WHERE {sql}", parameters)  # noqa: S608 -- what is tested
    return {session for (session,) in rows}


class TestCondition:
    """What holds for which sessions."""

    @pytest.mark.parametrize("text", _FOUND)
    def test_python_and_sql(self, text: str, history: History) -> None:
        """Both find the same; what is unknown is neither below nor above anything, and a lower bound only above."""
        found = condition(text)
        assert _FOUND[text] == {session.session_id for session in _SESSIONS if found.fits(row(session))}
        sql, parameters = found.sql()
        assert _FOUND[text] == _that(history, sql, parameters)

    @pytest.mark.parametrize("text", ["cost > 0.10", "cost < 0.10", "duration > 20 s", "errors > 1 and user = x"])
    def test_known(self, text: str, history: History) -> None:
        """Whether it is known to hold or not to: a lower bound above the limit is."""
        sql, parameters = condition(text).known_sql()
        known = _that(history, sql, parameters)
        everything = {session.session_id for session in _SESSIONS}
        unknown = {
            "cost > 0.10": {"unknown", "partly-cheap"},
            "cost < 0.10": {"unknown", "partly", "partly-cheap"},
            "duration > 20 s": set(),
            "errors > 1 and user = x": everything - {"pro", "free"},
        }[text]
        assert everything - unknown == known

    def test_figures(self) -> None:
        """The numbers that are compared, with their units; no text."""
        found = condition("cost > 0.10 and user = 'Ann Lee' and duration > 1 s and tokens > 3")
        assert "cost 0.25 USD (above 0.1 USD), duration 31.5 s (above 1.0 s), tokens 20,000 (above 3)" == found.figures(
            row(_SESSIONS[1])
        )
        assert "cost unknown (above 0.1 USD), duration 2.0 s (above 1.0 s), tokens 100 (above 3)" == found.figures(
            row(_SESSIONS[3])
        )


class TestErrors:
    """What is not understood."""

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "no condition"),
            ("cost", "write it as cost > 0.10 and errors > 3"),
            ("cost > 0.1 or errors > 3", "'or errors > 3' is not understood"),
            ("cost > 0.1 and", "'and' is not understood"),
            ("cots > 0.1", "there is no column 'cots' (did you mean cost?): use one of session, "),
            ("cost > high", "'high' is not an amount in USD, such as 0.10"),
            ("cost > 10 s", "'10 s' is not an amount in USD"),
            ("cost > nan", "'nan' is not an amount"),
            ("cost > 1e99", "'1e99' is not an amount"),
            ("duration > 20", "'20' is not a duration with its unit"),
            ("tokens > 20 %", "'20 %' is not a number"),
            ("models > x", "use models with = or !="),
            ("feedback = maybe", "use true or false"),
            ("start_time > 2026-01-01", "there is no column 'start_time'"),
            ("cost > (SELECT 1)", "is not understood"),
            ("x" * 2000, "no condition"),
            (3, "'3' is no condition"),
        ],
    )
    def test_refused(self, text: object, says: str) -> None:
        """The error says what, and what is allowed."""
        with pytest.raises(SettingsError) as raised:
            condition(text)
        assert says in str(raised.value)
