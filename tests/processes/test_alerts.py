"""Notifications survive a program that is killed: each is delivered, and what is delivered again is recognised."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.alerted import Hook, Request, hooked
from tests.support.paths import ROOT
from tests.support.servers import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")]

_PROGRAM = """
import sys
from otel_session_agg import AlertRules
from tests.support.alerted import recorded, stored

alerts = AlertRules.from_yaml(sys.argv[1], state=sys.argv[2])
for number in range(int(sys.argv[3])):
    alerts(recorded(stored(f"s{number}", cost=1)))
sys.exit(0 if alerts.close(60) else 1)
"""


def _started(folder: Path, hook: Hook, sessions: int) -> subprocess.Popen[bytes]:
    rules = folder / "alerts.yaml"
    text = f"channels: {{hook: {{webhook: 'http://{hook.address}/', secret: x}}}}\nrules: {{dear: {{session: cost > 0.10}}}}"
    rules.write_text(text, "utf-8")
    command = [sys.executable, "-c", _PROGRAM, str(rules), str(folder / "state"), str(sessions)]
    return subprocess.Popen(command, cwd=ROOT)  # noqa: S603 -- our own program


def _killed(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert -signal.SIGKILL == process.wait(60)


class TestKilled:
    """``kill -9`` in the middle of a delivery."""

    def test_while_it_is_handed_over(self, tmp_path: Path) -> None:
        """The receiver has it, the program does not know that: it is sent again, with the same id, and then never again."""
        killed, arrived = threading.Event(), threading.Event()

        def answer(_: Request) -> int:
            arrived.set()
            return 200 if killed.wait(60) else 500

        with hooked(answer) as hook:
            process = _started(tmp_path, hook, 1)
            assert arrived.wait(60)
            _killed(process)
            killed.set()
            for expected in (2, 2):
                assert 0 == _started(tmp_path, hook, 1).wait(60)
                assert expected == len(hook.requests)
        assert 1 == len({request.headers["webhook-id"] for request in hook.requests})
        assert ["s0", "s0"] == [request.json["session_id"] for request in hook.requests]

    def test_before_it_is_handed_over(self, tmp_path: Path) -> None:
        """What was noted and not delivered is delivered by the next program, although the session does not come again."""
        with hooked(lambda _: 503) as hook:
            process = _started(tmp_path, hook, 1)
            wait_until(lambda: len(hook.requests) >= 1)
            _killed(process)
        with hooked() as hook:
            assert 0 == _started(tmp_path, hook, 0).wait(60)
            assert ["s0"] == [request.json["session_id"] for request in hook.requests]

    def test_at_any_time(self, tmp_path: Path) -> None:
        """Killed after any number of deliveries: in the end there is each session once, but for what was in hand each time."""
        kills = 4
        with hooked() as hook:
            for number in range(kills):
                process = _started(tmp_path, hook, 30)
                wait_until(lambda: len(hook.requests) > 5 * number)  # noqa: B023 -- at once
                _killed(process)
            assert 0 == _started(tmp_path, hook, 30).wait(60)
        ids = {request.json["session_id"]: request.headers["webhook-id"] for request in hook.requests}
        assert 30 == len(ids) == len({request.headers["webhook-id"] for request in hook.requests})
        assert len(hook.requests) <= 30 + kills
