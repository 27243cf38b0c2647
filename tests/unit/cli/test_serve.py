"""The command ``serve`` without its ports."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from otel_session_agg import SettingsError
from otel_session_agg._cli.serve import INGEST_TOKEN_VARIABLE, KEEP_DAYS, TOKEN_VARIABLE, Given, places_of, working
from otel_session_agg._cli.serve import _days_of as days_of
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg.testing import make_span
from tests.support.histories import START_NS, kept, one_trace
from tests.support.otlp import json_line, protobuf


class TestPlaces:
    """Where it listens, and what it asks for."""

    def test_loopback(self) -> None:
        """Nothing is asked for."""
        places = places_of(Given([]))
        assert ("127.0.0.1", 8765, 4318, None, None, None) == (
            places.host, places.port, places.otlp_port, places.token, places.ingest_token, places.certificate,
        )  # fmt: skip

    @pytest.mark.parametrize(
        "given",
        [
            Given([], host="0.0.0.0"),  # noqa: S104
            Given([], host="::"),
            Given([], host="example.com"),
            Given([], names=("proxy.example",)),
        ],
    )
    def test_made_up(self, given: Given) -> None:
        """A token is made up, another one each time, where others can come in."""
        tokens = {places_of(given).token for _ in range(5)}
        assert 5 == len(tokens)
        assert all(token is not None and len(token) >= 32 for token in tokens)

    def test_variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tokens are in the environment, unless they are options; empty ones are none."""
        monkeypatch.setenv(TOKEN_VARIABLE, "page")
        monkeypatch.setenv(INGEST_TOKEN_VARIABLE, "")
        assert ("page", None) == (places_of(Given([])).token, places_of(Given([])).ingest_token)
        assert "option" == places_of(Given([], token="option")).token  # noqa: S106

    @pytest.mark.parametrize("token", ["two words", "line\nend", "t\u00f6ken", "\x1b[2J"])
    def test_no_token(self, token: str) -> None:
        """What cannot be in a header is refused."""
        with pytest.raises(SettingsError, match="a token is of ASCII"):
            places_of(Given([], ingest_token=token))

    def test_secret(self) -> None:
        """Tokens are not shown by accident."""
        assert "hidden" not in repr(places_of(Given([], token="hidden", ingest_token="hidden")))  # noqa: S106


class TestDays:
    """After how many days sessions are deleted."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A history that ended in January 2026."""
        found = tmp_path / "old.duckdb"
        kept(found, one_trace(1)).close()
        return found

    def test_new(self) -> None:
        """Thirty by default, of what is received."""
        with SharedHistory() as history:
            assert KEEP_DAYS == days_of(Given([]), history)

    def test_given(self, path: Path) -> None:
        """As many as are given, whatever the history has; 0 is never."""
        with SharedHistory(path) as history:
            assert [7.0, None] == [days_of(Given([], keep_days=days), history) for days in (7.0, 0.0)]

    def test_loaded(self) -> None:
        """Nothing of files that are loaded."""
        with SharedHistory() as history:
            assert None is days_of(Given(["spans.jsonl"]), history)

    def test_old(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing of a history that goes back longer, which is said."""
        assert datetime.now(timezone.utc) - datetime.fromtimestamp(START_NS / 1e9, timezone.utc) > timedelta(days=60)
        with SharedHistory(path) as history:
            assert None is days_of(Given([]), history)
        assert "the history goes back to 2026-01-12: nothing is deleted" in capsys.readouterr().err


class TestWorking:
    """What is opened for a server."""

    def test_files(self, tmp_path: Path) -> None:
        """Files are counted before it begins, and what is wrong with them is said."""
        path = tmp_path / "spans.jsonl"
        path.write_bytes(json_line([make_span("chat", attributes={"session.id": "s"})]))
        with working(Given([str(path)], history=str(tmp_path / "kept.duckdb"))) as work, work.history.reading() as reader:
            assert [("s",)] == reader.rows("SELECT session FROM sessions")
        assert (tmp_path / "kept.duckdb.alerts.sqlite").exists()

    def test_links(self, tmp_path: Path) -> None:
        """Sessions are linked to a backend; a template that is none is refused before anything is opened."""
        with working(Given([], links=("Tempo=https://a.example/{trace_id}",))) as work:
            assert ["Tempo"] == list(work.views["session"].links)
        with (
            pytest.raises(SettingsError, match="is no URL of a page"),
            working(Given([], history=str(tmp_path / "h"), links=("a=b",))),
        ):
            pass
        assert not (tmp_path / "h").exists()

    def test_left(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """What was accepted and cannot be counted before the end is named, and counted the next time."""
        given = Given([], history=str(tmp_path / "h"))
        with working(given) as work:
            work.history._write(lambda connection: connection.execute("ALTER TABLE traces RENAME TO gone"))
            work.counter.accept(protobuf([make_span("chat", attributes={"session.id": "s"})]))
        assert f"the rest is in {tmp_path / 'h.requests'}, and is counted when" in capsys.readouterr().err
        with SharedHistory(tmp_path / "h") as history:
            history._write(lambda connection: connection.execute("ALTER TABLE gone RENAME TO traces"))
        with working(given) as work:
            assert work.counter.wait(300)
            with work.history.reading() as reader:
                assert [("s",)] == reader.rows("SELECT session FROM sessions")
        assert "the rest" not in capsys.readouterr().err
