"""Calls that state their input or their output, and not both."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.replay import replay

CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.response.id": "r1"}
INPUT, OUTPUT = {"gen_ai.usage.input_tokens": 1000}, {"gen_ai.usage.output_tokens": 10}


def _root(*spans: dict[str, Any]) -> dict[str, Any]:
    """The attributes of the root above spans, each of them inside the one before, and of another scope."""
    rows = [
        {
            "id": str(number),
            "parent": str(number - 1) if number else None,
            "name": "c",
            "scope": f"scope-{number}",
            "attributes": {**CALL, **attributes},
        }
        for number, attributes in enumerate(spans)
    ]
    return dict(replay({"spans": rows}).attributes or {})


class TestOneSide:
    """``Usage.total_tokens`` is not known, and so the cost is not."""

    @pytest.mark.parametrize("stated", [INPUT, OUTPUT])
    def test_alone(self, stated: dict[str, int]) -> None:
        """The tokens that are stated are in the totals, the cost is unknown."""
        root = _root(stated)
        assert sum(stated.values()) == root["metadata.total_tokens"]
        assert "metadata.cost" not in root
        assert 1 == root["metadata.num_unpriced_events"]

    @pytest.mark.parametrize("inner", [INPUT, OUTPUT])
    @pytest.mark.parametrize("outer", [INPUT | OUTPUT, {"gen_ai.usage.total_tokens": 1010, **INPUT, **OUTPUT}])
    def test_two_reports(self, outer: dict[str, int], inner: dict[str, int]) -> None:
        """What the span inside does not state is that of the one around it."""
        root = _root(outer, inner)
        assert 1010 == root["metadata.total_tokens"]
        assert 0.0026 == root["metadata.cost"]

    def test_a_side_each(self) -> None:
        """Two spans of one call that state a side each."""
        root = _root(INPUT, OUTPUT)
        assert 1010 == root["metadata.total_tokens"]
        assert 0.0026 == root["metadata.cost"]
