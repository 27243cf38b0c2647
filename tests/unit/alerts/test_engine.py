"""Rules on a history that grows: what fires, when, and what is said about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import SessionAggError
from otel_session_agg._alerts import aggregates, rule_book
from otel_session_agg._alerts import engine as engine_module
from otel_session_agg._alerts.engine import AlertEngine
from otel_session_agg._alerts.rules_file import NO_RULES, RuleFile, read_rules, rule
from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._sharing.stored_sessions import StoredSession
from tests.support.alerted import NOW, hooked, stored
from tests.support.servers import wait_until

_DEAR = read_rules("rules: {dear: {session: cost > 0.10}}")
_ALL = read_rules("""
rules:
  dear: {session: cost > 0.10}
  slow: {aggregate: p95(duration) > 20 s, by: user}
  dearer: {drift: avg(cost) > +30 %, over: 1 h}
  odd: {anomaly: cost}
""")


@contextmanager
def _running(
    rules: RuleFile, *sessions: StoredSession, state: Path | None = None, now: list[float] | None = None, seconds: float = 3600.0
) -> Iterator[tuple[AlertEngine, SharedHistory]]:
    """An engine on a history; the clock is a list of one time, and the timer is slow unless said otherwise."""
    clock = now if now is not None else [NOW]
    with SharedHistory() as history:
        history.add_sessions(sessions)
        engine = AlertEngine(rules, history.reading, state=state, clock=lambda: clock[0], interval_seconds=seconds)
        engine.start()
        try:
            yield engine, history
        finally:
            engine.close(20)
            thread = engine._thread.thread
            assert thread is not None
            thread.join(20)
            assert not thread.is_alive()


def _fired(engine: AlertEngine) -> set[tuple[str, str]]:
    return {(one["rule"], one["target"]) for one in engine.fired()}


def _states(engine: AlertEngine) -> dict[str, str]:
    return {one["name"]: one["state"] for one in engine.rules()}


class TestSessions:
    """Rules about single sessions."""

    def test_within_a_second(self) -> None:
        """A session that is too dear is delivered within a second after its total is written."""
        with hooked() as hook:
            text = f"channels: {{hook: {{webhook: 'http://{hook.address}/'}}}}\nrules: {{dear: {{session: cost > 0.10}}}}"
            with _running(read_rules(text), stored("before", cost=1)) as (engine, history):
                wait_until(lambda: len(hook.requests) == 1)
                taken = []
                for number in range(5):
                    history.add_sessions([stored(f"s{number}", cost=1), stored(f"cheap{number}")])
                    began = time.monotonic()
                    engine.changed([f"s{number}", f"cheap{number}"])
                    wait_until(lambda: len(hook.requests) == number + 2)  # noqa: B023 -- at once
                    taken.append(time.monotonic() - began)
        assert ["before", "s0", "s1", "s2", "s3", "s4"] == [request.json["session_id"] for request in hook.requests]
        assert sorted(taken)[2] < 1.0

    def test_old_ones(self) -> None:
        """What ended long ago, in files that are read now, is not delivered."""
        with _running(_DEAR, stored("old", cost=1, ago=3601), stored("new", cost=1, ago=3599)) as (engine, history):
            history.add_sessions([stored("old2", cost=1, ago=86_400)])
            engine.changed(["old2"])
            assert engine.check()
            assert {("dear", "new")} == _fired(engine)

    def test_over_and_again(self) -> None:
        """A session that is counted again and is cheap is over; when it is dear again, that is another episode."""
        with _running(_DEAR, stored("a", cost=1)) as (engine, history):
            for cost in (0.01, 0.5):
                assert engine.check()
                history._write(lambda connection: connection.execute("DELETE FROM sessions"))
                history.add_sessions([stored("a", cost=cost)])
                engine.changed(["a"])
            assert engine.check()
            assert [(2, "triggered"), (1, "resolved")] == [(one["number"], one["state"]) for one in engine.fired()]

    def test_many_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """More than fit into memory are all looked at, by their times."""
        monkeypatch.setattr(engine_module, "MAX_CHANGED", 3)
        with _running(_DEAR) as (engine, history):
            assert engine.check()
            history.add_sessions([stored(f"s{number}", cost=1) for number in range(10)])
            engine.changed(f"s{number}" for number in range(10))
            assert engine.check()
            assert 10 == len(_fired(engine))


class TestSegments:
    """Rules about many sessions, on a timer."""

    def test_all_kinds(self) -> None:
        """A limit, a drift and an anomaly, with the states of their rules."""
        before = [stored(f"before{number}", cost=0.01 + number / 1000, ago=5400) for number in range(30)]
        after = [stored(f"after{number}", cost=0.02 + number / 1000, ago=60) for number in range(30)]
        slow = [stored(f"slow{number}", seconds=30, user="ada") for number in range(3)]
        with _running(_ALL, *before, *after, *slow, stored("odd", cost=9)) as (engine, _):
            assert engine.check()
            assert {("dear", "odd"), ("slow", "ada"), ("dearer", ""), ("odd", "odd")} == _fired(engine)
            assert {"triggered"} == set(_states(engine).values())

    def test_over(self) -> None:
        """When time has passed it is over, whatever changes."""
        now = [NOW]
        with _running(_ALL, stored("slow", seconds=30, user="ada"), now=now, seconds=0.01) as (engine, _):
            wait_until(lambda: _states(engine)["slow"] == "triggered")
            now[0] += 3600
            wait_until(lambda: _states(engine)["slow"] == "resolved")
            assert "active" == _states(engine)["dearer"]

    def test_clock_steps(self) -> None:
        """A clock that is set back and on again fires nothing twice."""
        now = [NOW]
        with hooked() as hook:
            text = f"""
channels: {{hook: {{webhook: "http://{hook.address}/"}}}}
rules:
  dear: {{session: cost > 0.10}}
  slow: {{aggregate: p95(duration) > 20 s, notify_resolved: true}}"""
            with _running(read_rules(text), stored("slow", seconds=30, cost=1), now=now) as (engine, _):
                for step in (0, -600, 600, -7200, 7200, 0):
                    now[0] = NOW + step
                    engine.changed(["slow"])
                    assert engine.check()
                assert engine.flush()
        told = [(request.json["rule"], request.json["state"]) for request in hook.requests]
        # at two hours back, and on, no session is in the hour; a second episode is within the cool-down
        assert [("dear", "triggered"), ("slow", "resolved"), ("slow", "triggered")] == sorted(told)


class TestSaid:
    """Paused, muted, and made on the page."""

    def test_paused(self) -> None:
        """A paused rule is not checked; resumed, it finds what there is now."""
        with _running(_DEAR) as (engine, history):
            engine.pause("dear")
            history.add_sessions([stored("a", cost=1)])
            engine.changed(["a"])
            assert engine.check()
            assert (set(), {"dear": "paused"}) == (_fired(engine), _states(engine))
            engine.resume("dear")
            wait_until(lambda: _fired(engine) == {("dear", "a")})

    def test_paused_meanwhile(self) -> None:
        """A rule that is paused while it is checked does not fire."""
        engines: list[AlertEngine] = []

        def reading() -> Any:
            engines[0].pause("dear")
            return history.reading()

        with SharedHistory() as history:
            history.add_sessions([stored("a", cost=1)])
            engines.append(AlertEngine(_DEAR, reading, clock=lambda: NOW))
            try:
                assert engines[0].check()
                assert (set(), {"dear": "paused"}) == (_fired(engines[0]), _states(engines[0]))
            finally:
                engines[0].close(20)

    def test_muted(self) -> None:
        """A muted rule is checked and nobody is notified, until its time is over."""
        now = [NOW]
        with hooked() as hook:
            text = f"channels: {{hook: {{webhook: 'http://{hook.address}/'}}}}\nrules: {{dear: {{session: cost > 0.10}}}}"
            with _running(read_rules(text), now=now) as (engine, history):
                engine.mute("dear", 60)
                history.add_sessions([stored("a", cost=1)])
                engine.changed(["a"])
                assert engine.check()
                assert (["muted"], {"dear": "muted"}) == ([one["outcome"] for one in engine.fired()], _states(engine))
                now[0] += 61
                assert {"dear": "triggered"} == _states(engine)
                history.add_sessions([stored("b", cost=1)])
                engine.changed(["b"])
                wait_until(lambda: len(hook.requests) == 1)
                engine.mute("dear")
                engine.unmute("dear")
                assert {"dear": "triggered"} == _states(engine)
        assert ["b"] == [request.json["session_id"] for request in hook.requests]

    def test_made_on_the_page(self, tmp_path: Path) -> None:
        """A rule can be made, changed and deleted while it runs, and is there after a restart."""
        with _running(NO_RULES, stored("a", cost=1), state=tmp_path / "state") as (engine, _):
            engine.save("mine", {"session": "cost > 2"})
            assert engine.check()
            assert set() == _fired(engine)
            engine.save("mine", {"session": "cost > 0.5", "severity": "critical"})
            wait_until(lambda: _fired(engine) == {("mine", "a")})
        with _running(NO_RULES, state=tmp_path / "state") as (engine, _):
            [shown] = engine.rules()
            assert ("mine", "page", "critical", "triggered", 1) == (
                shown["name"], shown["source"], shown["severity"], shown["state"], shown["fired"],
            )  # fmt: skip
            engine.delete("mine")
            assert [] == engine.rules()
            assert 1 == len(engine.fired(rule="mine"))

    def test_as_many_as_there_may_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With as many rules as there may be one of them can still be changed, and no other can be made."""
        monkeypatch.setattr(rule_book, "_MAX_RULES", 1)
        with _running(NO_RULES) as (engine, _):
            engine.save("mine", {"session": "cost > 2"})
            engine.save("mine", {"session": "cost > 3"})
            assert ["cost > 3"] == [rule["text"] for rule in engine.rules()]
            with pytest.raises(SessionAggError, match="delete one of them"):
                engine.save("another", {"session": "cost > 2"})

    def test_refused(self) -> None:
        """What is wrong is said; rules of the file are changed there."""
        with _running(_DEAR) as (engine, _):
            for action, says in (
                (lambda: engine.save("dear", {"session": "cost > 1"}), "is in the file"),
                (lambda: engine.save("x", {"session": "cost > 1", "notify": ["nobody"]}), "there is no channel 'nobody'"),
                (lambda: engine.save("x", {"session": "1; DROP TABLE sessions"}), "is not understood"),
                (lambda: engine.save("\x1b", {"session": "cost > 1"}), "characters that can be printed"),
                (lambda: engine.delete("dear"), "was made on the page"),
                (lambda: engine.pause("x"), "there is no rule 'x'"),
                (lambda: engine.mute("x"), "there is no rule 'x'"),
                (lambda: engine.preview({"session": "cots > 1"}), "there is no column 'cots'"),
            ):
                with pytest.raises(SessionAggError, match=says):
                    action()

    def test_channel_that_is_gone(self, tmp_path: Path) -> None:
        """A rule made on the page whose channel is not in the file any more is shown with the reason."""
        text = "channels: {hook: {webhook: 'http://localhost:1/hidden'}}"
        with _running(read_rules(text), state=tmp_path / "state") as (engine, _):
            engine.save("mine", {"session": "cost > 2", "notify": ["hook"]})
            assert "hidden" not in str([engine.rules(), engine.channels(), engine.fired()])
            assert [{"name": "hook", "kind": "webhook", "waiting": 0}] == engine.channels()
        with _running(NO_RULES, state=tmp_path / "state") as (engine, _):
            [shown] = engine.rules()
            assert "there is no channel 'hook'" in shown["problem"]


class TestPreview:
    """What a rule would have found."""

    def test_sessions(self) -> None:
        """The sessions of the period for which it holds, and how many a cool-down would have held back."""
        sessions = [stored(f"s{number}", cost=number, ago=600 * number) for number in range(1, 6)]
        old = stored("old", cost=9, ago=8 * 86_400)
        with _running(_DEAR, *sessions, old) as (engine, _):
            found = engine.preview({"session": "cost > 1", "cooldown": "15 min"})
            assert (4, 2, True) == (found["would_fire"], found["would_notify"], found["is_complete"])
            expected = [("s2", False), ("s3", True), ("s4", False), ("s5", True)]
            assert expected == [(one["target"], one["is_notified"]) for one in found["fired"]]
            assert 5 == engine.preview({"session": "cost > 1"}, days=9)["would_fire"]
            assert set() == {one for one in _fired(engine) if one[0] == "preview"}

    def test_segments(self) -> None:
        """Times at which it would have begun to hold, for each segment."""
        day = [stored(f"s{number}", seconds=30, ago=86_400 - 60 * number, user="ada") for number in range(10)]
        with _running(NO_RULES, *day, stored("now", seconds=30, user="bob")) as (engine, _):
            found = engine.preview({"aggregate": "p95(duration) > 20 s", "by": "user"}, days=2)
            assert [("aggregate", "user", "bob"), ("aggregate", "user", "ada")] == [
                (one["kind"], one["by"], one["target"]) for one in found["fired"]
            ]
            assert 0 <= found["fired"][1]["at"] - (NOW - 86_400) <= 3600

    def test_drift(self) -> None:
        """Each period against the one before; where the history begins, nothing that adds up is compared."""
        sessions = [stored(f"s{hour}-{n}", ago=hour * 3600 + 60 + n) for hour in range(6) for n in range(50 if hour == 2 else 20)]
        with _running(NO_RULES, *sessions) as (engine, _):
            found = engine.preview({"drift": "count() > +50 %", "over": "1 h"}, days=1)
            assert [NOW - 2 * 3600] == [one["at"] for one in found["fired"]]
            assert found["fired"][0]["reason"].startswith("count() +150.0% (above +50.0%): 50 in 1 h (50 sessions), 20 before")
            assert 20 == len(found["fired"][0]["sessions"])

    def test_same_as_checked(self) -> None:
        """For a period it finds what a check at its end does."""
        sessions = [stored(f"s{n}", seconds=n % 40, ago=60 + n * 400, user=f"u{n % 3}") for n in range(200)]
        given = {"aggregate": "p90(duration) > 30 s", "by": "user", "over": "1 h", "min_sessions": 2}
        with _running(NO_RULES, *sessions) as (engine, history):
            found = engine.preview(given, days=1)
            assert found["fired"]
            for one in found["fired"]:
                with history.reading() as reader:
                    checked = aggregates.findings(rule("r", given, {}), reader, one["at"])
                same = {(each.target, each.reason, each.sessions) for each in checked}
                assert (one["target"], one["reason"], tuple(one["sessions"])) in same

    def test_anomalies(self) -> None:
        """Judged by what was normal then."""
        usual = [stored(f"usual{number}", cost=0.01, ago=3 * 86_400 + number) for number in range(30)]
        with _running(NO_RULES, *usual, stored("odd", cost=5, ago=2 * 86_400)) as (engine, _):
            found = engine.preview({"anomaly": "cost"})
            assert ["odd"] == [one["target"] for one in found["fired"]]


class TestFaults:
    """A history that cannot be read, and a state that cannot be written."""

    def test_history(self) -> None:
        """It is said, and what changed meanwhile is checked when it can be read again."""
        broken = [True]

        @contextmanager
        def reading() -> Iterator[Any]:
            if broken[0]:
                message = "the history cannot be read: no space"
                raise HistoryError(message)
            with history.reading() as reader:
                yield reader

        with SharedHistory() as history:
            history.add_sessions([stored("a", cost=1)])
            engine = AlertEngine(_DEAR, reading, clock=lambda: NOW)
            engine.start()
            wait_until(lambda: engine.problem is not None)
            assert engine.problem == "the history cannot be read: no space"
            broken[0] = False
            wait_until(lambda: _fired(engine) == {("dear", "a")})
            wait_until(lambda: engine.problem is None)
            assert engine.close()
