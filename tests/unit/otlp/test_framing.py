"""Files are cut into frames, whatever breaks off."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

import pytest

from otel_session_agg._otlp import framing
from otel_session_agg._otlp.batches import Frame, Report
from tests.support.otlp import Problems

_LIMIT = 100


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_FRAME_BYTES", "WHOLE_BYTES"):
        monkeypatch.setattr(framing, name, _LIMIT)


def _cut(how: Callable[[BinaryIO, Report], Iterator[Frame]], data: bytes) -> tuple[list[Frame], Problems]:
    problems = Problems()
    return list(how(io.BytesIO(data), problems)), problems


class TestLines:
    """A frame for each line."""

    def test_lines(self) -> None:
        """Blank lines are none, and the last one needs no end."""
        expected = [Frame("line 1", b"a"), Frame("line 3", b"b c"), Frame("line 4", b"d")]
        assert (expected, []) == _cut(framing.lines, b"\xef\xbb\xbfa\r\n\n  b c \nd")

    def test_too_long(self) -> None:
        """A line that is too long is left out, and the next one is read."""
        frames, problems = _cut(framing.lines, b"a\n" + b"x" * 3 * _LIMIT + b"\nb\n")
        assert ([Frame("line 1", b"a"), Frame("line 3", b"b")], ["line 2"]) == (frames, [place for place, _ in problems])


class TestWhole:
    """One frame for all."""

    def test_whole(self) -> None:
        """Blanks around it do not matter; a text of blanks is none."""
        assert ([Frame("", b"a\nb")], []) == _cut(framing.whole, b"\xef\xbb\xbf\n a\nb\n")
        assert ([], []) == _cut(framing.whole, b" \n")

    def test_too_large(self) -> None:
        """One that is too large is left out."""
        frames, problems = _cut(framing.whole, b"x" * (_LIMIT + 1))
        assert ([], 1) == (frames, len(problems))


class TestSized:
    """Messages with their size in four bytes before them."""

    def test_messages(self) -> None:
        """Places count bytes from the begin; empty messages hold nothing."""
        expected = [Frame("byte 0", b"abc"), Frame("byte 11", b"\n ")]
        assert (expected, []) == _cut(framing.sized, b"\0\0\0\3abc\0\0\0\0\0\0\0\2\n ")

    @pytest.mark.parametrize("data", [b"\0\0", b"\0\0\0\5", b"\0\0\0\xffabc", b"\xff\xff\xff\xffabc"])
    def test_truncated(self, data: bytes) -> None:
        """What is missing is reported with the byte at which it begins."""
        frames, problems = _cut(framing.sized, b"\0\0\0\1x" + data)
        assert ([Frame("byte 0", b"x")], ["byte 5"]) == (frames, [place for place, _ in problems])

    def test_breaks_off(self) -> None:
        """What is there of a message can be decoded, which tells that it is not all."""
        assert ([Frame("byte 0", b"abc")], []) == _cut(framing.sized, b"\0\0\0\5abc")

    def test_too_large(self) -> None:
        """A message that is too large is left out, and the next one is read."""
        frames, problems = _cut(framing.sized, b"\0\0\0\xc8" + b"x" * 200 + b"\0\0\0\1y")
        assert ([Frame("byte 204", b"y")], ["byte 0"]) == (frames, [place for place, _ in problems])


class TestVarintSized:
    """Messages with their size as a number of variable length before them."""

    def test_messages(self) -> None:
        """Small and large sizes."""
        expected = [Frame("byte 0", b"abc"), Frame("byte 4", b"x" * 100)]
        assert (expected, []) == _cut(framing.varint_sized, b"\3abc" + b"\xe4\0" + b"x" * 100)

    @pytest.mark.parametrize("data", [b"\xff" * 20, b"\xff", b"\5"])
    def test_broken(self, data: bytes) -> None:
        """What is no size, or breaks off, is reported."""
        frames, problems = _cut(framing.varint_sized, b"\1x" + data)
        assert ([Frame("byte 0", b"x")], ["byte 2"]) == (frames, [place for place, _ in problems])
