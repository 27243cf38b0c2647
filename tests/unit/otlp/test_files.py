"""Files that have their name when they are complete."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otel_session_agg._files import CompleteFile, read_bounded


def _interrupt(path: Path) -> None:
    with CompleteFile(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt


class TestCompleteFile:
    """``CompleteFile``."""

    def test_complete(self, tmp_path: Path) -> None:
        """What was there before stays until the end, and is replaced then; nothing else is left."""
        path = tmp_path / "a"
        path.write_text("old")
        with CompleteFile(path) as file:
            file.write(b"new")
            assert "old" == path.read_text()
        assert ("new", [path]) == (path.read_text(), list(tmp_path.iterdir()))

    def test_error(self, tmp_path: Path) -> None:
        """After an error, whatever it is, what was there before is there, and nothing else."""
        path = tmp_path / "a"
        for content in (None, "old"):
            if content is not None:
                path.write_text(content)
            with pytest.raises(KeyboardInterrupt):
                _interrupt(path)
            assert ([] if content is None else ["a"]) == [found.name for found in tmp_path.iterdir()]
        assert "old" == path.read_text()

    def test_cannot_be_completed(self, tmp_path: Path) -> None:
        """A name that became a folder meanwhile is an error, and nothing is left."""
        with pytest.raises(OSError, match="a"), CompleteFile(tmp_path / "a"):
            (tmp_path / "a" / "b").mkdir(parents=True)
        assert [tmp_path / "a"] == list(tmp_path.iterdir())

    def test_cannot_begin(self, tmp_path: Path) -> None:
        """A folder that is not there is an error."""
        with pytest.raises(FileNotFoundError):
            CompleteFile(tmp_path / "gone" / "a")

    @pytest.mark.skipif(os.name != "posix", reason="other systems have no such file")
    def test_device(self) -> None:
        """A device is written as it is."""
        with CompleteFile("/dev/null") as file:
            file.write(b"x")
        assert not Path("/dev/null").is_file()

    @pytest.mark.skipif(os.name != "posix", reason="needs a device that is always full")
    def test_full(self) -> None:
        """A device that is full is an error."""
        with pytest.raises(OSError, match="No space"), CompleteFile("/dev/full") as file:
            file.write(b"x")

    @pytest.mark.skipif(os.name != "posix", reason="needs links")
    def test_link(self, tmp_path: Path) -> None:
        """The file that a link names is replaced, not the link."""
        (tmp_path / "folder").mkdir()
        (tmp_path / "a").symlink_to(tmp_path / "folder" / "b")
        with CompleteFile(tmp_path / "a") as file:
            file.write(b"new")
        assert "new" == (tmp_path / "folder" / "b").read_text()
        assert (tmp_path / "a").is_symlink()


def test_read_bounded(tmp_path: Path) -> None:
    """A file is read up to its size; a larger one, or none, is an error with a reason."""
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1_000_000)
    assert 1_000_000 == len(read_bounded(path, 1_000_000))
    path.write_bytes(b"x" * 1_000_001)
    with pytest.raises(OSError, match="the file is larger than 1 MB"):
        read_bounded(path, 1_000_000)
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "b", 1)
