"""The last output as readable text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._reading.output_text import readable
from tests.unit.ground.test_values import ANYTHING

_SAID = {"role": "assistant", "content": "Four."}


class TestReadable:
    """The text of an output attribute."""

    @pytest.mark.parametrize("value", ["Four.", "4", " plain  text ", "not {json}"])
    def test_text(self, value: str) -> None:
        """Plain text is itself."""
        assert value == readable(value, 100)

    @pytest.mark.parametrize("value", [None, "", "  ", 4, True, ["Four."], b"Four.", {"content": "Four."}])
    def test_nothing(self, value: object) -> None:
        """What is no text says nothing."""
        assert readable(value, 100) is None

    @pytest.mark.parametrize(
        "value",
        [
            "Four.",
            _SAID,
            [_SAID],
            [{"role": "user", "content": "2+2?"}, _SAID, {"role": "tool", "content": "4"}],
            [_SAID, {"role": "assistant", "content": ""}],
            [{"role": "system", "content": "x"}, {"role": "human", "content": "x"}, _SAID],
            {"choices": [{"message": _SAID}]},
            [{"message": {"role": "assistant", "content": [{"type": "text", "text": "Four."}]}}],
            [{"role": "assistant", "parts": [{"type": "text", "content": "Fo"}, {"content": "ur."}]}],
            {"generations": [[{"text": "Four."}]]},
            {"messages": [{"kwargs": {"content": "Four."}}]},
            {"candidates": [{"content": {"parts": [{"text": "Four."}]}}]},
            {"output": {"nothing": 1}, "result": "Four."},
            {"content": None, "text": "  Four. "},
        ],
        ids=str,
    )
    def test_json(self, value: object) -> None:
        """The last thing the assistant said is found in every shape of JSON."""
        assert "Four." == readable(json.dumps(value), 100)

    @pytest.mark.parametrize(
        "value",
        [
            '{"content": "Fo',
            "[",
            '{"unknown": 4}',
            "[]",
            "{}",
            '{"role": "user", "content": "2+2?"}',
            "[1, 2]",
            "[" * 5000,
            '{"content": ' * 20 + '"deep"' + "}" * 20,
        ],
        ids=lambda value: value[:20],
    )
    def test_no_known_json(self, value: str) -> None:
        """What has no known shape is the text itself."""
        assert value == readable(value, 10_000)

    @given(st.text(min_size=1), st.integers(1, 20))
    def test_bounded(self, value: str, max_chars: int) -> None:
        """The text is cut at the bound, after it was read."""
        assert len(readable(json.dumps({"content": value}), max_chars) or "") <= max_chars

    def test_half_a_pair(self) -> None:
        """A character cut in two by its writer does not break the encoding of the whole export."""
        value = readable(r'{"content": "half \ud83d"}', 100)
        assert value is not None
        assert "half " == value.encode("utf-8").decode()[:5]

    @given(ANYTHING)
    def test_anything(self, value: object) -> None:
        """Whatever comes, the result is a text or nothing."""
        assert isinstance(readable(value, 50), (str, type(None)))

    @given(ANYTHING.filter(lambda value: not isinstance(value, str)))
    def test_any_json(self, value: object) -> None:
        """Whatever JSON comes, the result is a text."""
        assert isinstance(readable(json.dumps(value, default=repr, skipkeys=True), 50), str)
