"""Figures are about the sessions that are selected, whatever the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import analysis, replay
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.history import History
from otel_session_agg.analysis import frames
from otel_session_agg.analysis._source import Stored
from tests.support.paths import EXAMPLES
from tests.support.session_tables import HOSTILE, START, Tables, two_weeks

CHATS = EXAMPLES / "offline" / "chats.jsonl"
PRO = "metadata.plan = 'pro' and cost > 0.01"
SINCE, UNTIL = START + timedelta(days=3), START + timedelta(days=10)

_FRAMES: dict[str, Callable[..., Any]] = {
    "cost_over_time by model": frames.cost_over_time,
    "cost_over_time by user": lambda sessions, **only: frames.cost_over_time(sessions, "user", limit=1, **only),
    "duration_over_time": frames.duration_over_time,
    "distribution": frames.distribution,
    "cost_by agent": lambda sessions, **only: frames.cost_by(sessions, "agent", **only),
    "cost_by tenant": lambda sessions, **only: frames.cost_by(sessions, "tenant", **only),
    "calendar": frames.calendar,
    "outliers": frames.outliers,
}
_FIGURES: dict[str, Callable[..., Any]] = {
    "cost_over_time": analysis.cost_over_time,
    "duration_over_time": analysis.duration_over_time,
    "distribution": lambda sessions, **only: analysis.distribution(sessions, "tokens", **only),
    "cost_by": lambda sessions, **only: analysis.cost_by(sessions, "tool", **only),
    "calendar": analysis.calendar,
    "outliers": lambda sessions, **only: analysis.outliers(sessions, "service.name", **only),
}


@pytest.fixture
def some(tables: Tables) -> History:
    """Tables with those of the two weeks only that meet the condition and began in the times."""
    return tables(
        one
        for one in two_weeks()
        if SINCE <= one.start < UNTIL
        and one.metadata["plan"] == "pro"
        and sum(part.cost or 0 for part in one.parts if part.kind == "model") > Decimal("0.01")
    )


class TestSelected:
    """A figure of some sessions is that of tables which have no others."""

    @pytest.mark.parametrize("name", list(_FRAMES))
    def test_frames(self, sessions: History, some: History, name: str) -> None:
        """The rows are the same."""
        wanted = _FRAMES[name](some)
        assert wanted.equals(_FRAMES[name](sessions, where=PRO, since=SINCE, until=UNTIL))
        assert not wanted.equals(_FRAMES[name](sessions))

    @pytest.mark.parametrize("name", list(_FIGURES))
    def test_figures(self, sessions: History, some: History, name: str) -> None:
        """The figures are the same."""
        wanted = _FIGURES[name](some).to_json()
        assert wanted == _FIGURES[name](sessions, where=PRO, since=SINCE, until=UNTIL).to_json()
        assert wanted != _FIGURES[name](sessions).to_json()

    def test_report(self, sessions: History, some: History, tmp_path: Path) -> None:
        """The page is the same, but that it says what it is about."""
        analysis.report(some, tmp_path / "wanted.html")
        analysis.report(sessions, tmp_path / "page.html", where=PRO, since=SINCE, until=UNTIL)
        page = (tmp_path / "page.html").read_text("utf-8")
        words = f"{PRO}; from 2026-11-19 00:00 UTC; before 2026-11-26 00:00 UTC".replace("'", "&#39;").replace(">", "&gt;")
        about = f'<span class="selection" title="{words}">only {words}</span>'
        assert 1 == page.count(about)
        lines = [line for line in page.replace(about, "").splitlines() if line.strip()]
        assert [line for line in (tmp_path / "wanted.html").read_text("utf-8").splitlines() if line.strip()] == lines

    def test_nothing(self, sessions: History, tmp_path: Path) -> None:
        """A page about none of them says so."""
        analysis.report(sessions, tmp_path / "page.html", where=f'user = "{HOSTILE[:8]}"')
        assert "No session was found in what was read that meets what is asked for" in (tmp_path / "page.html").read_text("utf-8")

    def test_not_understood(self, sessions: History) -> None:
        """The error is that of the condition."""
        for where, message in (("nope = 1", "no column 'nope'"), ("sum(cost) > 1", "condition has sum in it")):
            with pytest.raises(SessionAggError, match=message):
                analysis.calendar(sessions, where=where)

    def test_no_such_argument(self, sessions: History) -> None:
        """A name that is none of the three is an error."""
        with pytest.raises(TypeError, match="wheer"):
            analysis.calendar(sessions, wheer="cost > 1")  # type: ignore[call-arg]


class TestOfReplay:
    """What is selected of a replay is what its figures are about."""

    def cost(self, sessions: Stored, **only: Any) -> list[tuple[str, Decimal]]:
        """Cost by user."""
        frame = frames.cost_by(sessions, "user", **only)
        return list(zip(frame["name"], frame["cost"], strict=True))

    def test_where(self) -> None:
        """Conditions add up, and so do times and arguments."""
        with replay(CHATS) as sessions:
            dear = sessions.where("cost > 0.001").where("user != 'lin'")
            assert [("ada", Decimal("0.269180000000")), ("grace", Decimal("0.002184000000"))] == self.cost(dear)
            assert [("ada", Decimal("0.269180000000"))] == self.cost(dear, where="user = ada")
            assert {row["session"] for row in dear} == {"chat-1", "chat-2", "chat-3", "chat-4"}

    def test_between(self) -> None:
        """What began in both of two times."""
        with replay(CHATS) as sessions:
            second = sessions.between(since=START.replace(month=1, day=13))
            assert {"ada", "grace", "lin"} == {name for name, _ in self.cost(second)}
            assert [] == self.cost(second.between(until=START.replace(month=1, day=13)))
            assert [] == self.cost(second, until=START.replace(month=1, day=13))

    def test_limit(self) -> None:
        """The first ones only; keys by which rows would be grouped leave nothing out."""
        with replay(CHATS) as sessions:
            assert [("ada", Decimal("0.267410000000"))] == self.cost(sessions.sort("-cost").limit(2))
            assert 3 == len(self.cost(sessions.group_by("user").limit(1)))

    def test_calls(self) -> None:
        """What is no session is no figure."""
        with replay(CHATS) as sessions, pytest.raises(SessionAggError, match="figures are about sessions"):
            analysis.calendar(sessions.by("call").where("cost > 0.05"))
