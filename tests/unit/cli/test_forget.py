"""The command ``forget``."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._offline.beginning import replay
from tests.support.paths import EXAMPLES
from tests.support.scripts import command_line


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A history of six sessions on two days."""
    path = tmp_path / "kept.duckdb"
    with replay(EXAMPLES / "offline" / "chats.jsonl", history=path):
        pass
    return path


def number_in(path: Path, table: str) -> int:
    """How many rows a table has."""
    with History(path, read_only=True) as history:
        [(number,)] = history.rows(f"SELECT count(*) FROM {table}")  # noqa: S608
    return int(number)


class TestForget:
    """Sessions that are over are deleted."""

    def test_before(self, kept: Path) -> None:
        """Those that ended before the date, with all that there is of them, once."""
        done = command_line("forget", "--history", str(kept), "--before", "2026-01-13")
        said = "that ended before 2026-01-13 00:00 UTC"
        assert (0, f"deleted: 2 sessions {said}; 4 stay\n") == (done.returncode, done.stderr)
        assert (4, 4) == (number_in(kept, "sessions"), number_in(kept, "traces"))
        assert 0 == number_in(kept, "spans WHERE start_time < '2026-01-13'")
        assert 0 < number_in(kept, "spans")
        again = command_line("forget", "--history", str(kept), "--before", "2026-01-13")
        assert f"deleted: 0 sessions {said}; 4 stay\n" == again.stderr

    def test_for_good(self, kept: Path) -> None:
        """What is replayed again of such sessions is not kept, which is said, until an earlier date is given."""
        replayed = ("replay", str(EXAMPLES / "offline" / "chats.jsonl"), "--history", str(kept))
        for date, number, said in (("2026-01-13", 4, True), ("2026-01-01", 6, False)):
            assert 0 == command_line("forget", "--history", str(kept), "--before", date).returncode
            done = command_line(*replayed)
            assert (0, number) == (done.returncode, number_in(kept, "sessions"))
            assert said == ("2 sessions not kept, which ended before" in done.stderr)

    def test_dry_run(self, kept: Path) -> None:
        """It is said what would be deleted, and nothing is."""
        before = kept.read_bytes()
        done = command_line("forget", "--history", str(kept), "--before", "2026-01-13T00:00Z", "--dry-run")
        assert (0, "would be deleted: 2 sessions that ended before 2026-01-13 00:00 UTC; 4 stay\n") == (
            done.returncode,
            done.stderr,
        )
        assert before == kept.read_bytes()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--history", "missing.duckdb", "--before", "2026-01-13"], "missing.duckdb does not exist\n"),
            (["--history", str(EXAMPLES / "README.md"), "--before", "2026-01-13"], "README.md is no history"),
            (["--history", "missing.duckdb", "--before", "then"], "'then' is no date or time"),
        ],
    )
    def test_what_cannot_be(self, tmp_path: Path, arguments: list[str], message: str) -> None:
        """The error says what is wrong; no file is made."""
        done = command_line("forget", *arguments)
        assert 1 == done.returncode
        assert message in done.stderr
        assert [] == list(tmp_path.iterdir())
        assert not Path("missing.duckdb").exists()
