"""Temporary folders do not outlive those who use them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._history.temporary import PREFIX, TemporaryFolder
from tests.support.servers import wait_until

_HOLD = """
from otel_session_agg._history.history import History
history = History()
history.rows("SELECT 1")
print("ready", flush=True)
input()
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such locks")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder(place: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with a history that is temporary."""
    environment = {**os.environ, "TMPDIR": str(place)}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert "ready\n" == process.stdout.readline()
        yield process
        process.kill()


class TestTemporaryFolder:
    """``TemporaryFolder``."""

    def test_closed(self, place: Path) -> None:
        """It is gone with what is in it, and can be closed twice."""
        folder = TemporaryFolder()
        (folder.path / "file").write_text("x", "utf-8")
        assert [folder.path] == list(place.iterdir())
        folder.close()
        folder.close()
        assert [] == list(place.iterdir())

    def test_killed(self, place: Path, holder: subprocess.Popen[str]) -> None:
        """What a killed process left behind is removed by the next one; what is in use is not."""
        [used] = place.iterdir()
        with History():
            assert used.exists()
        holder.kill()
        holder.wait()
        assert [used] == list(place.iterdir())
        wait_until(lambda: _is_gone(used))
        assert [] == list(place.iterdir())

    def test_others(self, place: Path) -> None:
        """Nothing else is removed: folders without a lock, files and links."""
        (place / f"{PREFIX}older").mkdir()
        (place / f"{PREFIX}file").write_text("lock", "utf-8")
        (place / "other").mkdir()
        (place / "other" / "lock").write_text("", "utf-8")
        (place / f"{PREFIX}link").symlink_to(place / "other")
        linked = place / f"{PREFIX}linked"
        linked.mkdir()
        (linked / "lock").symlink_to(place / "other" / "lock")
        before = sorted(place.rglob("*"))
        TemporaryFolder().close()
        assert before == sorted(place.rglob("*"))

    def test_of_another_user(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What another user left behind stays."""
        left = place / f"{PREFIX}left"
        left.mkdir()
        (left / "lock").write_text("", "utf-8")
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        TemporaryFolder().close()
        assert left.exists()
        monkeypatch.setattr(os, "getuid", lambda: user)
        TemporaryFolder().close()
        assert not left.exists()


def _is_gone(path: Path) -> bool:
    """Whether a folder is gone after another one was made."""
    TemporaryFolder().close()
    return not path.exists()
