"""Files are found and read, whatever state they are in."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from otel_session_agg._otlp.batches import HEAD_BYTES, Problem
from otel_session_agg._otlp.sources import Source, sources
from tests.support.otlp import Problems

_TEXT = bytes(range(256)) * 2000
_HALF = len(_TEXT) // 2
_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


def _found(*paths: str | Path) -> tuple[list[str], list[Problem]]:
    problems: list[Problem] = []
    return [source.name for source in sources(paths, problems.append)], problems


class TestSources:
    """Paths, patterns and folders."""

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("b/2.json", "b/1.json", "b/.hidden", "a/.git/x", "a/deep/3.pb", "0.txt", "[odd].json"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("b/1.json", ["b/1.json"]),
            ("b/*.json", ["b/1.json", "b/2.json"]),
            ("**/*.pb", ["a/deep/3.pb"]),
            ("b", ["b/1.json", "b/2.json"]),
            (".", ["./0.txt", "./[odd].json", "./a/deep/3.pb", "./b/1.json", "./b/2.json"]),
            ("[odd].json", ["[odd].json"]),
            ("b/.hidden", ["b/.hidden"]),
            ("-", ["standard input"]),
        ],
    )
    def test_names(self, path: str, expected: list[str]) -> None:
        """Folders are read in order and without hidden files; a name that is there is no pattern."""
        assert (expected, []) == _found(path)

    def test_once(self) -> None:
        """A file that is named twice is read once."""
        assert ["b/1.json", "b/2.json"] == _found("b/1.json", "b", "./b/2.json")[0]

    def test_missing(self) -> None:
        """What is not there is reported, and the rest is found."""
        missing = "there is no such file"
        expected = ["0.txt"], [Problem("gone", "", missing), Problem("*.gone", "", missing)]
        assert expected == _found("gone", "*.gone", Path("0.txt"))

    def test_links(self, tmp_path: Path) -> None:
        """Links in folders are followed, also in circles; of a file with two names one is read."""
        (tmp_path / "a" / "linked").symlink_to(tmp_path / "b")
        (tmp_path / "a" / "again.pb").symlink_to("deep/3.pb")
        (tmp_path / "a" / "circle").symlink_to(".")
        assert (["a/again.pb", "a/linked/1.json", "a/linked/2.json"], []) == _found("a")

    def test_nowhere(self, tmp_path: Path) -> None:
        """A link in a folder that leads nowhere is not passed over."""
        for name, to in (("gone", "missing"), ("self", "self")):
            (tmp_path / "b" / name).symlink_to(to)
        names, problems = _found("b")
        assert (["b/1.json", "b/2.json", "b/gone", "b/self"], []) == (names, problems)
        for name in names[2:]:
            _, problems_of_file = _read(Path(name))
            assert [("", True)] == [(place, what.startswith("cannot be read: ")) for place, what in problems_of_file]

    def test_pipe_in_folder(self, tmp_path: Path) -> None:
        """A pipe in a folder, which might never end, is reported; one that is named is read."""
        os.mkfifo(tmp_path / "b" / "pipe")
        names, problems = _found("b")
        assert (["b/1.json", "b/2.json"], ["b/pipe"]) == (names, [problem.source for problem in problems])
        assert (["b/pipe"], []) == _found("b/pipe")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that hold")
    def test_unreadable_folder(self, tmp_path: Path) -> None:
        """A folder that may not be read is reported."""
        (tmp_path / "b").chmod(0)
        names, problems = _found("b", "0.txt")
        assert (["0.txt"], ["b"]) == (names, [problem.source for problem in problems])


def _read(path: Path) -> tuple[bytes, Problems]:
    problems = Problems()
    with Source("a", path).open(problems) as stream:
        return stream.read(), problems


class TestSource:
    """One file, decompressed."""

    def test_plain(self, tmp_path: Path) -> None:
        """What is not compressed is read as it is."""
        path = tmp_path / "a"
        for text in (b"", b"x", b"\x1f", _TEXT):
            path.write_bytes(text)
            assert (text, []) == _read(path)

    @pytest.mark.parametrize("name", _COMPRESSIONS)
    def test_members(self, name: str, tmp_path: Path) -> None:
        """Members that follow each other are read as one, whatever the name of the file is; zeros behind them are padding."""
        compress, path = _COMPRESSIONS[name], tmp_path / "a"
        path.write_bytes(compress(_TEXT[:_HALF]) + compress(b"") + compress(_TEXT[_HALF:]) + bytes(5000))
        assert (_TEXT, []) == _read(path)

    @pytest.mark.parametrize("name", _COMPRESSIONS)
    def test_truncated(self, name: str, tmp_path: Path) -> None:
        """All members before the one that breaks off are read."""
        compress, path = _COMPRESSIONS[name], tmp_path / "a"
        path.write_bytes(compress(_TEXT) + compress(os.urandom(9000))[:5000])
        text, problems = _read(path)
        assert text.startswith(_TEXT)
        assert [(f"compressed byte {path.stat().st_size}", "compressed data ends too early")] == problems

    @pytest.mark.parametrize("name", _COMPRESSIONS)
    def test_broken(self, name: str, tmp_path: Path) -> None:
        """All members before the one that is broken are read."""
        compress, path = _COMPRESSIONS[name], tmp_path / "a"
        path.write_bytes(compress(_TEXT) + b"no compressed data")
        text, problems = _read(path)
        assert (_TEXT, ["compressed data is broken"]) == (text, [what for _, what in problems])

    def test_gone(self, tmp_path: Path) -> None:
        """A file that is gone or is a folder is reported."""
        for path in (tmp_path / "gone", tmp_path):
            text, problems = _read(path)
            assert (b"", 1) == (text, len(problems))
            assert problems[0][1].startswith("cannot be read: ")

    def test_head(self, tmp_path: Path) -> None:
        """The begin can be looked at before anything is read."""
        path = tmp_path / "a"
        path.write_bytes(gzip.compress(_TEXT))
        source = Source("a", path)
        with source.open(Problems()) as stream:
            assert _TEXT[:HEAD_BYTES] == stream.peek(HEAD_BYTES)[:HEAD_BYTES]
            assert _TEXT == stream.read()
        assert source.size == source.position() == path.stat().st_size

    def test_closed(self, tmp_path: Path) -> None:
        """A stream that is closed early closes its file."""
        path = tmp_path / "a"
        path.write_bytes(_TEXT)
        with Source("a", path).open(Problems()) as stream:
            assert _TEXT[:10] == stream.read(10)
        path.unlink()

    def test_bomb(self, tmp_path: Path) -> None:
        """What is decompressed is never held as a whole."""
        path = tmp_path / "a"
        path.write_bytes(zstandard.compress(bytes(1 << 29)))
        with Source("a", path).open(Problems()) as stream:
            assert bytes(10) == stream.read(10)
        assert path.stat().st_size < 1 << 17

    @pytest.mark.slow
    def test_standard_input(self) -> None:
        """Standard input is read to its end, compressed or not."""
        script = (
            "import sys; from otel_session_agg._otlp.sources import sources; (source,) = sources(['-'], print); "
            "sys.stdout.buffer.write(source.open(print).read()); assert source.size is None"
        )
        for sent in (_TEXT, gzip.compress(_TEXT)):
            assert _TEXT == subprocess.run([sys.executable, "-c", script], input=sent, capture_output=True, check=True).stdout  # noqa: S603
