"""Episodes: what fires, once, and what is delivered of it."""

from __future__ import annotations

import sqlite3
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import SessionAggError
from otel_session_agg._alerts import episodes
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.rules_file import read_rules
from otel_session_agg._alerts.state import State
from tests.support.alerted import NOW

_RULES = read_rules("""
channels: {hook: {webhook: "http://localhost:1/"}, logs: {otlp: "http://localhost:1"}}
rules:
  dear: {session: cost > 0.10}
  cooled: {session: cost > 0.10, cooldown: 10 min}
  slow: {aggregate: p95(duration) > 20 s, by: user, notify_resolved: true, notify: hook}
""").rules
_DEAR, _COOLED, _SLOW = _RULES.values()


def _finding(target: str) -> Finding:
    return Finding(target, "", "cost 1 USD", {"cost": 1.0}, (target,), int(NOW * 10**9))


class _Fired:
    """A state, and what happens to it."""

    def __init__(self, path: Path | None = None) -> None:
        self.state = State(path)

    def note(self, rule: Rule, *targets: str, now: float = NOW, is_muted: bool = False) -> int:
        with self.state.changing() as connection:
            return episodes.note(connection, rule, map(_finding, targets), now, is_muted=is_muted)

    def clear(self, rule: Rule, *targets: str, now: float = NOW) -> int:
        with self.state.changing() as connection:
            return episodes.clear(connection, rule, targets, now)

    def tidy(self, now: float) -> None:
        with self.state.changing() as connection:
            episodes.tidy(connection, now)

    @property
    def all(self) -> list[dict[str, Any]]:
        """The first first."""
        with self.state.changing() as connection:
            return episodes.fired(connection, 100, None)[::-1]

    def shown(self, *names: str) -> list[tuple[Any, ...]]:
        return [tuple(one[name] for name in names) for one in self.all]


def _channels(deliveries: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["channel"], one["phase"]) for one in deliveries]


class TestOnce:
    """Each is noted and delivered once."""

    def test_per_target(self) -> None:
        """However often a rule is seen to hold: one episode, one delivery for each channel."""
        fired = _Fired()
        assert 2 == fired.note(_DEAR, "a", "b")
        assert 0 == fired.note(_DEAR, "a", "b", "a", now=NOW + 86_400)
        assert [("a", 1, "triggered"), ("b", 1, "triggered")] == fired.shown("target", "number", "state")
        assert [[("hook", "triggered"), ("logs", "triggered")]] * 2 == [_channels(one["deliveries"]) for one in fired.all]

    def test_over_restarts(self, tmp_path: Path) -> None:
        """What a file remembers, every process knows."""
        assert 1 == _Fired(tmp_path / "state").note(_DEAR, "a")
        assert 0 == _Fired(tmp_path / "state").note(_DEAR, "a")
        assert 1 == len(_Fired(tmp_path / "state").all)

    def test_again(self) -> None:
        """After it was seen to be over, it is another episode."""
        fired = _Fired()
        fired.note(_SLOW, "ada")
        assert 1 == fired.clear(_SLOW, "ada", "bob", now=NOW + 60)
        assert 0 == fired.clear(_SLOW, "ada", now=NOW + 61)
        assert 1 == fired.note(_SLOW, "ada", now=NOW + 7200)
        assert [(1, "resolved", NOW + 60), (2, "triggered", None)] == fired.shown("number", "state", "resolved_at")
        [first, second] = (_channels(one["deliveries"]) for one in fired.all)
        assert ([("hook", "triggered"), ("hook", "resolved")], [("hook", "triggered")]) == (first, second)

    def test_quiet(self) -> None:
        """A session of which nothing is heard is shown as resolved, and does not fire again for that."""
        fired = _Fired()
        fired.note(_DEAR, "a")
        fired.note(_SLOW, "ada")
        fired.tidy(NOW + 3599)
        assert ["triggered", "triggered"] == [state for (state,) in fired.shown("state")]
        fired.tidy(NOW + 3601)
        assert ["resolved", "triggered"] == [state for (state,) in fired.shown("state")]
        assert 0 == fired.note(_DEAR, "a", now=NOW + 3602)
        fired.clear(_DEAR, "a", now=NOW + 3603)
        assert 1 == fired.note(_DEAR, "a", now=NOW + 3604)

    def test_bounds(self) -> None:
        """Old episodes are forgotten, and of many deliveries that wait for a channel the rest is lost, and said to be."""
        fired = _Fired()
        fired.note(_DEAR, *map(str, range(episodes.MAX_WAITING + 5)))
        statuses = [one["deliveries"][0]["status"] for one in _all(fired)]
        assert (episodes.MAX_WAITING, 5) == (statuses.count("waiting"), statuses.count("lost"))
        fired.tidy(NOW + 3601)
        fired.tidy(NOW + 91 * 86_400)
        assert [] == fired.all
        with fired.state.changing() as connection:
            assert (0,) == connection.execute("SELECT count(*) FROM deliveries").fetchone()


def _all(fired: _Fired) -> list[dict[str, Any]]:
    with fired.state.changing() as connection:
        return episodes.fired(connection, 10**6, None)


class TestHeldBack:
    """What is noted and not delivered."""

    def test_cooldown(self) -> None:
        """Within it everything is noted; the next notification says how many were held back."""
        fired = _Fired()
        fired.note(_COOLED, "a")
        fired.note(_COOLED, "b", "c", now=NOW + 599)
        fired.note(_COOLED, "d", now=NOW + 600)
        expected = [("a", "notified", 0), ("b", "cool-down", 0), ("c", "cool-down", 0), ("d", "notified", 2)]
        assert expected == fired.shown("target", "outcome", "held")
        assert [2, 0, 0, 2] == [len(one["deliveries"]) for one in fired.all]

    def test_cooldown_of_segment(self) -> None:
        """Of a rule about segments each has its own."""
        fired = _Fired()
        fired.note(_SLOW, "ada")
        fired.clear(_SLOW, "ada", now=NOW + 1)
        fired.note(_SLOW, "ada", "bob", now=NOW + 2)
        assert [("ada", "notified"), ("ada", "cool-down"), ("bob", "notified")] == fired.shown("target", "outcome")
        fired.clear(_SLOW, "ada", now=NOW + 3)
        assert [1, 2] == [number for number in (len(_channels(one["deliveries"])) for one in fired.all) if number][::-1]

    @pytest.mark.parametrize(("step", "outcome"), [(-10, "cool-down"), (-599, "cool-down"), (-86_400, "notified")])
    def test_clock_set_back(self, step: float, outcome: str) -> None:
        """A clock that is set back does not end it early, nor hold back for ever; nothing is sent again."""
        fired = _Fired()
        fired.note(_COOLED, "a")
        assert 0 == fired.note(_COOLED, "a", now=NOW + step)
        assert 1 == fired.note(_COOLED, "b", now=NOW + step)
        assert [outcome] == [one["outcome"] for one in fired.all if one["target"] == "b"]

    def test_muted(self) -> None:
        """A muted rule is noted; when it is not muted any more, what it found then is not sent."""
        fired = _Fired()
        fired.note(_DEAR, "a", is_muted=True)
        fired.note(_DEAR, "a", "b")
        assert [("a", "muted"), ("b", "notified")] == fired.shown("target", "outcome")
        assert [0, 2] == [len(one["deliveries"]) for one in fired.all]


class TestFile:
    """The file of a state."""

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no such permissions")
    def test_owner_only(self, tmp_path: Path) -> None:
        """Only its owner can read it."""
        State(tmp_path / "state")
        assert 0o600 == stat.S_IMODE((tmp_path / "state").stat().st_mode)

    def test_nothing_by_half(self, tmp_path: Path) -> None:
        """What fails in the middle is undone."""
        fired = _Fired(tmp_path / "state")
        with pytest.raises(SessionAggError, match="NOT NULL"):
            fired.note(_DEAR, "a", None)  # type: ignore[arg-type]
        assert [] == fired.all

    def test_refused(self, tmp_path: Path) -> None:
        """A file of another program, a newer version, a damaged one and none that can be made are named."""
        path = tmp_path / "other"
        path.write_bytes(b"no database" * 1000)
        with pytest.raises(SessionAggError, match="file is not a database"):
            State(path)
        for name, sql, says in (
            ("tables", "CREATE TABLE x (y)", "tables of another program"),
            ("newer", "PRAGMA user_version = 99", "newer version"),
        ):
            connection = sqlite3.connect(tmp_path / name)
            connection.execute(sql)
            connection.commit()
            connection.close()
            with pytest.raises(SessionAggError, match=says):
                State(tmp_path / name)
        with pytest.raises(SessionAggError, match="unable to open"):
            State(tmp_path / "none" / "state")
