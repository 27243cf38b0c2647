"""A program that counts while spans come, killed under load."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._offline.replay import Replay
from tests.support.live import KEEPING, differing, requests, tables, twice
from tests.support.offline import call, stored_span
from tests.support.otlp_files import in_protobuf, sized
from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")

_SPANS = [
    span
    for number in range(1, 401)
    for span in (
        stored_span(1, trace_id=number, attributes={"session.id": f"s-{number % 37}"}),
        *(call(at, 1, trace_id=number, attributes={"gen_ai.response.id": f"{number}-{at}"}) for at in range(2, 7)),
    )
]


def _started(history: Path, contents: Path, first: int) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 -- our own program
        [sys.executable, "-m", "tests.support.live_server", str(history), str(contents), str(first)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_killed(tmp_path: Path) -> None:
    """What was acknowledged before each of several ``kill -9`` is there once, and nothing is there twice.

    It is killed while it accepts, counts and writes; the request that was under way is sent again, as exporters do.
    """
    random = Random(3)  # noqa: S311 -- repeatable
    contents = list(requests(twice(_SPANS, random), random))
    (tmp_path / "requests").write_bytes(b"".join(map(sized, contents)))
    first = 0
    for part in (0.2, 0.5, 0.9):
        with _started(tmp_path / "h", tmp_path / "requests", first) as process:
            assert process.stdout is not None
            while first < part * len(contents):
                first = int(next(process.stdout)) + 1
            process.send_signal(signal.SIGKILL)
    with _started(tmp_path / "h", tmp_path / "requests", first) as process:
        assert process.stdout is not None
        assert "counted" == process.stdout.read().split()[-1]
    assert 0 == process.returncode
    (tmp_path / "spans.pb").write_bytes(sized(in_protobuf(_SPANS)))
    with History(tmp_path / "h") as live, History(tmp_path / "replayed") as replayed:
        job = Replay([tmp_path / "spans.pb"], replayed, KEEPING, processes=1)
        job.run()
        job.close()
        assert [] == differing(tables(live), tables(replayed))
