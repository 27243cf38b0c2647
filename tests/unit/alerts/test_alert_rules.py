"""Rules for the sessions of an application, as ``on_session``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import AlertRules, SettingsError, session
from otel_session_agg._alerts import alert_rules
from otel_session_agg._alerts.rules_file import read_rules
from tests.support.alerted import NOW, Hook, history_of, hooked, recorded, stored
from tests.support.apps import DEADLINE_SECONDS, App
from tests.support.servers import wait_until


def _made(hook: Hook, *, state: Path | None = None, more: str = "") -> AlertRules:
    text = f"channels: {{hook: {{webhook: 'http://{hook.address}/'}}}}\nrules: {{dear: {{session: cost > 0.10}}{more}}}"
    return AlertRules(read_rules(text), state=state)


class TestOnSession:
    """A processor with rules."""

    def test_real_sessions(self, make: Callable[..., App]) -> None:
        """A session that is too dear is delivered once, within a second of its end; later revisions are the same session."""
        with hooked() as hook:
            alerts = _made(hook)
            app = make(quiet=False, on_session=alerts)
            began = time.monotonic()
            for _ in range(2):
                with session("dear", end_on_exit=True):
                    app.call()
                app.flush()
            wait_until(lambda: len(hook.requests) == 1)
            assert time.monotonic() - began < DEADLINE_SECONDS
            assert alerts.close(DEADLINE_SECONDS)
        [request] = hook.requests
        assert ("dear", {"cost": 20.0}) == (request.json["session_id"], request.json["figures"])
        assert 1 == len(alerts.fired())

    def test_never_in_the_way(self) -> None:
        """With a receiver that hangs, and many sessions, the caller waits for nothing; what is lost is counted."""
        over = threading.Event()
        with hooked(lambda _: 200 if over.wait(30) else 500) as hook:
            alerts = _made(hook)
            record = recorded(stored("dear", cost=1))
            alerts(record)
            wait_until(lambda: len(hook.requests) == 1)
            taken = []
            for _ in range(1000):
                began = time.perf_counter()
                alerts(record)
                taken.append(time.perf_counter() - began)
            assert sorted(taken)[500] < 0.01
            over.set()
            assert alerts.close(DEADLINE_SECONDS)
        assert 0 == alerts.num_lost

    def test_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond the bound sessions are not checked, and counted."""
        monkeypatch.setattr(alert_rules, "MAX_WAITING", 2)
        gate = threading.Event()
        with hooked() as hook:
            alerts = _made(hook)
            alerts._worker.put(lambda: gate.wait(30))
            wait_until(lambda: alerts._worker.waiting() == 0)
            for number in range(5):
                alerts(recorded(stored(f"s{number}", cost=1)))
            gate.set()
            assert alerts.close(DEADLINE_SECONDS)
        assert (3, 2) == (alerts.num_lost, len(hook.requests))

    def test_shared_state(self, tmp_path: Path) -> None:
        """Processes that share a file notify once of a session, also after a restart."""
        with hooked() as hook:
            for _ in range(3):
                alerts = _made(hook, state=tmp_path / "state")
                alerts(recorded(stored("dear", cost=1)))
                assert alerts.close(DEADLINE_SECONDS)
        assert 1 == len(hook.requests)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
    @pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
    @pytest.mark.parametrize("shared", [False, True])
    def test_fork(self, shared: bool, tmp_path: Path) -> None:  # noqa: FBT001 -- a parameter
        """A child has threads of its own, and does not deliver what its parent is going to."""
        over = threading.Event()
        with hooked(lambda request: 200 if b'"child"' in request.body or over.wait(30) else 500) as hook:
            alerts = _made(hook, state=tmp_path / "state" if shared else None)
            alerts(recorded(stored("parent", cost=1)))
            wait_until(lambda: len(hook.requests) == 1)
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    alerts(recorded(stored("child", cost=1)))
                    status = 0 if alerts.flush(DEADLINE_SECONDS) else 2
                finally:
                    os._exit(status)
            assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            over.set()
            assert alerts.close(DEADLINE_SECONDS)
        assert ["child", "parent"] == sorted(request.json["session_id"] for request in hook.requests)


class TestFile:
    """Rules from a file."""

    def test_from_yaml(self, tmp_path: Path) -> None:
        """Errors name the file; what is shown has no address."""
        path = tmp_path / "alerts.yaml"
        path.write_text("channels: {hook: {webhook: 'http://h/hidden'}}\nrules: {a: {session: cost > 1}}", "utf-8")
        alerts = AlertRules.from_yaml(path)
        assert "<AlertRules 1 rule, 1 channel>" == repr(alerts)
        assert alerts.close(DEADLINE_SECONDS)
        path.write_text("rules: {a: {session: cots > 1}}", "utf-8")
        with pytest.raises(SettingsError, match=r"alerts\.yaml: rule 'a': key 'session': there is no column 'cots'"):
            AlertRules.from_yaml(path)

    def test_others(self, caplog: Any) -> None:
        """Rules that need a history are named in the log."""
        with hooked() as hook:
            alerts = _made(hook, more=", slow: {aggregate: p95(duration) > 20 s}")
            wait_until(lambda: "alerts that need a history are not checked here: slow" in caplog.text)
            alerts(recorded(stored("slow", seconds=100)))
            assert alerts.close(DEADLINE_SECONDS)
        assert [] == hook.requests

    def test_preview(self) -> None:
        """Of stored sessions, before the end of the last one; nothing is delivered."""
        sessions = [stored("dear", cost=1), stored("cheap"), stored("old", cost=1, ago=10 * 86_400)]
        with hooked() as hook, history_of(*sessions) as history:
            alerts = _made(hook, more=", slow: {aggregate: count() > 1}")
            found = alerts.preview(history)
            assert (["dear"], 1) == ([one["target"] for one in found["dear"]["fired"]], found["slow"]["would_fire"])
            assert abs(found["dear"]["until"] - (NOW - 60)) < 1
            assert 2 == alerts.preview(history, days=11)["dear"]["would_fire"]
            assert alerts.close(DEADLINE_SECONDS)
        assert ([], []) == (hook.requests, alerts.fired())
