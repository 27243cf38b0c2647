"""The command ``report``."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_session_agg._offline.beginning import replay
from tests.support.paths import EXAMPLES, TESTS
from tests.support.scripts import command_line

EXPORTS = TESTS / "cases" / "exports"


class TestReport:
    """A page about the sessions of files, or of a history."""

    def test_files(self, tmp_path: Path) -> None:
        """The page has the cost of all sessions, and its title; how many there are is said."""
        page = tmp_path / "report.html"
        done = command_line("report", str(EXPORTS / "phoenix.jsonl"), "--html", str(page), "--title", "R&D")
        assert (0, f"{page}: 2 sessions\n") == (done.returncode, done.stderr)
        text = page.read_text("utf-8")
        assert "<h1>R&amp;D</h1>" in text
        assert "0.00061 USD" in text

    def test_history(self, tmp_path: Path) -> None:
        """A kept history is read without the files."""
        page, kept = tmp_path / "report.html", tmp_path / "kept.duckdb"
        with replay(EXPORTS / "phoenix.jsonl", history=kept, processes=1):
            pass
        done = command_line("report", "--history", str(kept), "--html", str(page))
        assert (0, f"{page}: 2 sessions\n") == (done.returncode, done.stderr)
        assert "0.00061 USD" in page.read_text("utf-8")

    def test_history_at_other_prices(self, tmp_path: Path) -> None:
        """What is kept cannot be shown at other prices; as a path it is counted again."""
        kept, page = tmp_path / "kept.duckdb", tmp_path / "report.html"
        with replay(EXPORTS / "phoenix.jsonl", history=kept):
            pass
        done = command_line("report", "--history", str(kept), "--html", str(page), "--recorded-cost", "ignore")
        assert (1, False) == (done.returncode, page.exists())
        assert done.stderr.endswith("to count it at other prices, give FILE as a PATH.\n")
        assert 0 == command_line("report", str(kept), "--html", str(page), "--recorded-cost", "ignore").returncode

    def test_some(self, tmp_path: Path) -> None:
        """The page has the cost of the sessions that are selected, and says which they are."""
        page = tmp_path / "report.html"
        given = str(EXAMPLES / "offline" / "chats.jsonl")
        only = ["--where", "user in ('ada', 'grace')", "--since", "2026-01-13", "--until", "2026-01-14"]
        done = command_line("report", given, "--html", str(page), *only)
        assert (0, f"{page}: 3 sessions\n") == (done.returncode, done.stderr)
        text = page.read_text("utf-8")
        assert "0.143763 USD" in text
        assert "only user in (&#39;ada&#39;, &#39;grace&#39;); from 2026-01-13 00:00 UTC; before 2026-01-14 00:00 UTC" in text

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "Give files, or --history FILE.\n"),
            (["--history", "missing.duckdb"], "missing.duckdb does not exist\n"),
            ([str(EXPORTS / "phoenix.jsonl"), "--segment", "regoin"], "no session has a value for regoin; there are: user"),
            ([str(EXPORTS / "phoenix.jsonl"), "--where", "nope > 1"], "there is no column 'nope': use one of session"),
            ([str(EXPORTS / "phoenix.jsonl"), "--since", "then"], "'then' is no date or time"),
        ],
    )
    def test_what_cannot_be(self, tmp_path: Path, arguments: list[str], message: str) -> None:
        """The error says what is wrong, and there is no page."""
        page = tmp_path / "report.html"
        done = command_line("report", *arguments, "--html", str(page))
        assert 1 == done.returncode
        assert done.stderr.startswith(message)
        assert not page.exists()

    def test_something_cannot_be_read(self, tmp_path: Path) -> None:
        """The page is of all else; the problem is said, and the exit code is 3."""
        broken, page = tmp_path / "broken.jsonl", tmp_path / "report.html"
        broken.write_text((EXPORTS / "phoenix.jsonl").read_text("utf-8") + '{"name": \n', "utf-8")
        done = command_line("report", str(broken), "--html", str(page))
        assert 3 == done.returncode
        assert page.exists()
        assert "broken.jsonl" in done.stderr.splitlines()[-1]
