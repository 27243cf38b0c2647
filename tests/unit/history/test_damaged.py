"""Files of which a part is damaged: what is lost is said, never read as if it had not been there, and nothing is written over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.shared import SharedHistory
from tests.support.histories import many

_HEAD, _BLOCK = 12_288, 262_144
"""Bytes of DuckDB's files."""
_TABLES = ("sessions", "traces", "calls", "spans")


def _all(path: Path) -> list[object]:
    with SharedHistory(path) as history, history.reading() as reader:
        return [sorted(map(repr, reader.rows(f"SELECT * FROM {table}"))) for table in _TABLES]  # noqa: S608 -- ours


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history in a file that was closed."""
    path = tmp_path_factory.mktemp("good") / "h"
    with SharedHistory(path) as history:
        history.add(*many(200, 20))
        history.recount()
    return path


def test_blocks(good: Path, tmp_path: Path) -> None:
    """With any block damaged, everything is read as it was, or an error says that it is not; the block stays as it is."""
    data, expected = good.read_bytes(), _all(good)
    path, errors = tmp_path / "h", list[str]()
    for at in range(_HEAD, len(data), _BLOCK):
        damaged = bytearray(data)
        for byte in range(at, at + _BLOCK, 997):
            damaged[byte] ^= 255
        path.write_bytes(damaged)
        try:
            assert expected == _all(path)
        except HistoryError as error:
            errors.append(str(error))
        assert bytes(damaged[at : at + _BLOCK]) == path.read_bytes()[at : at + _BLOCK]
    assert len(errors) > 3
    assert [] == [text for text in errors if "damaged" not in text and "cannot be read" not in text]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_off(good: Path, tmp_path: Path, share: float) -> None:
    """A file that ends too early is refused, or its rows are, and it is not written over."""
    cut = good.read_bytes()[: int(good.stat().st_size * share)]
    (tmp_path / "h").write_bytes(cut)
    with pytest.raises(HistoryError, match=r"Could not read|damaged"):
        _all(tmp_path / "h")
    assert cut == (tmp_path / "h").read_bytes()[: len(cut)]
