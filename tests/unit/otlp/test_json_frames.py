"""Records in files of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from otel_session_agg._otlp import json_frames as module
from otel_session_agg._otlp.json_frames import WRAPPERS, first_keys, json_frames
from tests.support.otlp import Problems

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\{}[]:,\n é', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\{}[', max_size=3), inner, max_size=3),
    max_leaves=8,
)
_RECORDS = st.lists(st.dictionaries(st.sampled_from(["id", "a{", 'b"', "c\\"]), _VALUES, min_size=1, max_size=3), max_size=4)
_LAYOUTS: dict[str, Callable[[list[Any], int | None], str]] = {
    "lines": lambda records, _: "\n".join(map(json.dumps, records)),
    "documents": lambda records, indent: "\n".join(json.dumps(one, indent=indent) for one in records),
    "array": lambda records, indent: json.dumps(records, indent=indent),
    "arrays": lambda records, indent: json.dumps([records[:1], records[1:]], indent=indent),
    "wrapped": lambda records, indent: json.dumps({"total": {"n": [{}]}, "data": records, "next": [{"a": 1}]}, indent=indent),
    "twice": lambda records, indent: json.dumps({"traces": [records]}, indent=indent) * 2,
}


def found_in(data: bytes, problems: Problems | None = None) -> list[Any]:
    """The records in a file."""
    told = Problems() if problems is None else problems
    frames = list(json_frames(BytesIO(data), told))
    assert problems is not None or [] == told
    return [record for frame in frames for record in _flat(json.loads(frame.data))]


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [record for inner in value for record in _flat(inner)]
    for key in WRAPPERS & value.keys():
        return _flat(value[key])
    return [value]


class TestJsonFrames:
    """Records are found in whatever layout a file has."""

    @pytest.mark.parametrize("layout", _LAYOUTS)
    @given(records=_RECORDS, indent=st.sampled_from([None, 0, 2]), chunk=st.sampled_from([1, 7, 1 << 20]))
    def test_all(self, layout: str, records: list[Any], indent: int | None, chunk: int) -> None:
        """Each once, in their order, however few bytes are read at a time."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_CHUNK_BYTES", chunk)
            found = found_in(_LAYOUTS[layout](records, indent).encode())
        assert records * (2 if layout == "twice" else 1) == found

    @given(records=_RECORDS.filter(bool), cut=st.integers(1, 20))
    @example(records=[{"id": []}], cut=20)
    @example(records=[{"id": []}], cut=19)
    def test_cut(self, records: list[Any], cut: int) -> None:
        """Of a document without its end, the records that are whole are found."""
        data = json.dumps(records, indent=1).encode()
        assume(cut < len(data))  # nothing is left else, and an empty file is no problem
        problems = Problems()
        found = found_in(data[:-cut], problems)
        assert records[: len(found)] == found
        assert len(records) - len(found) <= cut
        assert 1 == len(problems)

    def test_broken_line(self) -> None:
        """A broken line is a frame, and the lines after it are, too."""
        data = b'{"a":1}\n{"b":"\n{"c":3}\n'
        assert [b'{"a":1}', b'{"b":"', b'{"c":3}'] == [frame.data.strip() for frame in json_frames(BytesIO(data), Problems())]

    def test_closed_twice(self) -> None:
        """A bracket too many ends it."""
        problems = Problems()
        assert [{"a": 1}] == found_in(b'[{"a":1}]]', problems)
        assert [("byte 9", "a bracket closes nothing")] == problems

    def test_long(self) -> None:
        """A text that is longer than what is read at a time does not take the square of its length."""
        data = json.dumps([{"a": '\\"{' * 1_000_000, "b": "\n" * 1_000_000}]).encode()
        assert [len(data) - 2] == [len(frame.data) for frame in json_frames(BytesIO(data), Problems())]

    @pytest.mark.parametrize(
        ("data", "number"), [(b"", 0), (b" \n", 0), (b"[]", 0), (b"a,b\n1,2\n", 1), (b"\0" * 9, 1), (b"12", 1)]
    )
    def test_none(self, data: bytes, number: int) -> None:
        """A file without any record is reported, unless it is a list of none."""
        problems = Problems()
        assert [] == found_in(data, problems)
        assert number == len(problems)

    def test_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A record that is too large is reported."""
        monkeypatch.setattr(module, "MAX_FRAME_BYTES", 1000)
        monkeypatch.setattr(module, "_CHUNK_BYTES", 100)
        problems = Problems()
        assert [{"a": 1}] == found_in(json.dumps([{"a": 1}, {"b": "x" * 5000}]).encode(), problems)
        assert ["too large a record; what follows is not read"] == [what for _, what in problems]


class TestFirstKeys:
    """What the first record has."""

    @pytest.mark.parametrize(
        ("head", "keys"),
        [
            (b'{"a":{"x":1},"b":[{"y":1}]}', {"a", "b"}),
            (b'{"total":1,"data":[{"a":"\\"b\\":", "c":"', {"a", "c"}),
            (b'[[{"a":1}', {"a"}),
            (b'\xef\xbb\xbf{"a":1}\n{"b":1}', {"a"}),
            (b'{"a', set()),
            (b"nothing", set()),
        ],
    )
    def test_keys(self, head: bytes, keys: set[str]) -> None:
        """Its own keys, and no others."""
        assert keys == first_keys(head)
