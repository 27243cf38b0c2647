"""``demo --serve`` as a program: it shows past sessions, alerts, and sessions that go on."""

from __future__ import annotations

from tests.processes.test_serve import eventually, serving
from tests.support.scripts import command_line

NUM_SESSIONS = 200


class TestProgram:
    """The command."""

    def test_page(self) -> None:
        """All that is made is counted; alerts have fired; sessions go on, by their ids; a signal ends it."""
        with serving("--serve", "--no-open", "--sessions", str(NUM_SESSIONS), name="demo") as program:
            given = {"where": "session like 'chat-%'"}
            assert NUM_SESSIONS + 1 == program.values("totals", **given)["sessions"]
            assert {"expensive session", "odd cost"} <= eventually(
                lambda: {one["rule"] for one in program.values("alerts/fired")["fired"]} or None
            )
            live = {"where": "session like 'live-%'", "columns": "session,user,tokens"}
            [first, *_] = eventually(lambda: program.values("sessions", **live)["items"])
            assert first["session"].startswith("live-")
            assert [] == program.values("sessions", where="not session like '%-%'")["items"]
            assert 0 == program.stop()

    def test_endpoint(self) -> None:
        """The demo of a backend is another one."""
        done = command_line("demo", "--serve", "--endpoint", "http://127.0.0.1:4318")
        assert 2 == done.returncode
        assert "--endpoint does not go with --serve" in done.stderr
