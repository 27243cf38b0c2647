"""Requests on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from otel_session_agg import SessionAggError
from otel_session_agg._live import journal as module
from otel_session_agg._live import set_aside
from otel_session_agg._live.journal import GoneError, Journal


def _all(journal: Journal) -> list[tuple[int, bytes]]:
    return [(place.number, journal.read(place)) for place in journal.after(0)]


class TestKept:
    """What survives the end of the process."""

    def test_again(self, tmp_path: Path) -> None:
        """A journal that was not closed is read again, and numbers go on."""
        first = Journal(tmp_path / "j", file_bytes=100)
        for at in range(10):
            assert at + 1 == first.append(bytes([at]) * 40)
        second = Journal(tmp_path / "j", file_bytes=100)
        assert [(at + 1, bytes([at]) * 40) for at in range(10)] == _all(second)
        assert (10, 400) == (second.last, second.num_bytes)
        assert 11 == second.append(b"more")
        assert (11, b"more") == _all(second)[-1]
        assert [] == second.damaged

    def test_released(self, tmp_path: Path) -> None:
        """What is released is not read again, but for what is in a file with later ones; files without any are deleted."""
        first = Journal(tmp_path / "j", file_bytes=100)
        for at in range(6):
            first.append(bytes([at]) * 60)
        first.release(4)
        assert [5, 6] == [number for number, _ in _all(first)]
        assert 3 >= len(list((tmp_path / "j").iterdir()))
        assert [6] == [place.number for place in Journal(tmp_path / "j").after(5)]

    def test_closed(self, tmp_path: Path) -> None:
        """When all is released nothing is left; else all that is not."""
        journal = Journal(tmp_path / "j")
        journal.append(b"a")
        journal.close()
        again = Journal(tmp_path / "j")
        assert [(1, b"a")] == _all(again)
        again.release(1)
        assert again.is_empty()
        again.close()
        assert not (tmp_path / "j").exists()

    def test_set_aside(self, tmp_path: Path) -> None:
        """A request that is set aside is a file of its own, which only its owner may read, and in the journal no more."""
        journal = Journal(tmp_path / "j")
        for content in (b"\x0a one", b"\x0a two", b' {"three": 3}'):
            journal.append(content)
        paths = [journal.set_aside(number) for number in (2, 3)]
        assert [(1, b"\x0a one")] == _all(journal)
        assert (5, ["request-1.pb", "request-2.json"]) == (journal.num_bytes, [path.name for path in paths])
        assert [b"\x0a two", b' {"three": 3}'] == [path.read_bytes() for path in paths]
        assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in paths}
        journal.release(3)
        journal.close()
        again = Journal(tmp_path / "j")
        assert paths == again.aside
        again.append(b"more")
        assert "request-3.pb" == again.set_aside(again.last).name

    @pytest.mark.parametrize(("most", "most_bytes"), [(3, 10**6), (100, 24)])
    def test_too_many_aside(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, most_bytes: int) -> None:
        """Of too many, or too large ones, those leave that were set aside first, also over a restart; their numbers go on."""
        monkeypatch.setattr(set_aside, "_MAX_ASIDE", most)
        monkeypatch.setattr(set_aside, "_MAX_ASIDE_BYTES", most_bytes)
        for _ in range(6):
            journal = Journal(tmp_path / "j")
            for _ in range(2):
                journal.append(b"8 bytes.")
                last = journal.set_aside(journal.last)
            journal.close()
        assert ["request-10.pb", "request-11.pb", "request-12.pb"] == [path.name for path in journal.aside]
        assert set(journal.aside) == set((tmp_path / "j.aside").iterdir())
        assert last == journal.aside[-1]

    def test_one_too_large_aside(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The last one stays, however large it is."""
        monkeypatch.setattr(set_aside, "_MAX_ASIDE_BYTES", 1)
        journal = Journal(tmp_path / "j")
        for number in (1, 2):
            journal.append(b"8 bytes.")
            assert [f"request-{number}.pb"] == [journal.set_aside(number).name] == [path.name for path in journal.aside]

    def test_old_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file all of which is counted is deleted soon, though it is small."""
        monkeypatch.setattr(module, "_FILE_SECONDS", -1.0)
        journal = Journal(tmp_path / "j")
        journal.append(b"prompt")
        journal.release(1)
        assert [] == list((tmp_path / "j").iterdir())
        assert 2 == journal.append(b"next")
        assert [(2, b"next")] == _all(Journal(tmp_path / "j"))

    def test_private(self, tmp_path: Path) -> None:
        """Only the owner reads requests."""
        Journal(tmp_path / "j").append(b"a")
        modes = {stat.S_IMODE(path.stat().st_mode) for path in ((tmp_path / "j"), *(tmp_path / "j").iterdir())}
        assert {0o700, 0o600} == modes


class TestDamaged:
    """What a crash or somebody else has done to it."""

    @pytest.mark.parametrize("cut", [1, 5, 18])
    def test_half_written(self, tmp_path: Path, cut: int) -> None:
        """A request that was half written is not read; it was not acknowledged."""
        journal = Journal(tmp_path / "j")
        journal.append(b"whole")
        journal.append(b"half")
        [path] = (tmp_path / "j").iterdir()
        os.truncate(path, path.stat().st_size - cut)
        again = Journal(tmp_path / "j")
        assert [(1, b"whole")] == _all(again)
        assert [] == again.damaged
        again.append(b"next")
        assert [b"whole", b"next"] == [content for _, content in _all(Journal(tmp_path / "j"))]

    def test_changed(self, tmp_path: Path) -> None:
        """A file that was changed is read but for that, named and kept; others are read, and numbers go on."""
        journal = Journal(tmp_path / "j", file_bytes=10)
        for content in (b"one", b"two", b"three"):
            journal.append(content * 10)
        first = min((tmp_path / "j").iterdir())
        data = bytearray(first.read_bytes())
        data[-5] ^= 1
        first.write_bytes(bytes(data) + b"x")
        again = Journal(tmp_path / "j")
        assert [2, 3] == [number for number, _ in _all(again)]
        assert [first] == again.damaged
        again.release(again.last)
        again.close()
        assert [first.with_suffix(".damaged")] == list((tmp_path / "j").iterdir())
        assert bytes(data) + b"x" == first.with_suffix(".damaged").read_bytes()

    @pytest.mark.parametrize("at", [0, 20, 30, 40, 46, 52])
    def test_changed_within(self, tmp_path: Path, at: int) -> None:
        """Of a file in which a byte was changed, in the first of three requests, at most that one is lost."""
        journal = Journal(tmp_path / "j")
        for content in (b"one", b"two", b"three"):
            journal.append(content * 10)
        [path] = (tmp_path / "j").iterdir()
        data = bytearray(path.read_bytes())
        data[at] ^= 255
        path.write_bytes(data)
        again = Journal(tmp_path / "j")
        assert [(2, b"two" * 10), (3, b"three" * 10)] == _all(again)[-2:]
        assert [path] == again.damaged
        assert 4 == again.append(b"four")
        assert (4, b"four") == _all(Journal(tmp_path / "j"))[-1]

    def test_all_changed(self, tmp_path: Path) -> None:
        """A file of which nothing can be read is not written over by what comes next."""
        journal = Journal(tmp_path / "j")
        journal.append(b"one" * 10)
        [path] = (tmp_path / "j").iterdir()
        path.write_bytes(b"x" * path.stat().st_size)
        again = Journal(tmp_path / "j")
        again.append(b"two")
        assert b"x" * len(path.read_bytes()) == path.read_bytes()
        assert [b"two"] == [content for _, content in _all(Journal(tmp_path / "j"))]

    @pytest.mark.parametrize("size", [0, 3, 200])
    def test_zeros(self, tmp_path: Path, size: int) -> None:
        """Zeros at the end, which a loss of power leaves, are no requests, and nothing is damaged."""
        journal = Journal(tmp_path / "j")
        journal.append(b"one")
        [path] = (tmp_path / "j").iterdir()
        path.write_bytes(path.read_bytes() + bytes(size))
        (tmp_path / "j" / "00000000000000000002.requests").write_bytes(bytes(size))
        again = Journal(tmp_path / "j")
        assert [(1, b"one")] == _all(again)
        assert ([], 2) == (again.damaged, again.append(b"two"))

    def test_of_others(self, tmp_path: Path) -> None:
        """Files of others are left alone, and the folder with them; so is one that is a link."""
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "my.requests").write_text("mine")
        (tmp_path / "j").symlink_to(tmp_path / "real")
        journal = Journal(tmp_path / "j")
        journal.append(b"one")
        journal.release(1)
        journal.close()
        assert ["my.requests"] == [path.name for path in (tmp_path / "real").iterdir()]

    def test_gone(self, tmp_path: Path) -> None:
        """A request whose file somebody else has cut off or deleted is gone, which is said."""
        journal = Journal(tmp_path / "j")
        journal.append(b"one")
        journal.append(b"two")
        first, second = journal.after(0)
        os.truncate(second.path, second.position + 1)
        assert b"one" == journal.read(first)
        with pytest.raises(GoneError):
            journal.read(second)
        second.path.unlink()
        with pytest.raises(GoneError):
            journal.read(first)

    def test_unusable(self, tmp_path: Path) -> None:
        """A path that is a file is refused in plain words."""
        (tmp_path / "j").write_text("x")
        with pytest.raises(SessionAggError, match="cannot be used"):
            Journal(tmp_path / "j")

    def test_full(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What does not fit is not there at all, and what came before and comes after is."""
        journal = Journal(tmp_path / "j")
        journal.append(b"before")
        real = os.write

        def full(file: int, data: bytes) -> int:
            if len(data) > 100:
                real(file, data[:50])
                raise OSError(28, "No space left on device")
            return real(file, data)

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(b"x" * 200)
        monkeypatch.undo()
        journal.append(b"after")
        assert [b"before", b"after"] == [content for _, content in _all(Journal(tmp_path / "j"))]
