"""Calls that state their input or their output, and not both."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg import explain
from otel_session_agg._model.span import Usage
from otel_session_agg.testing import make_span
from tests.support.explained import adds_up
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

    @pytest.mark.parametrize("stated", [INPUT, OUTPUT])
    def test_explained(self, stated: dict[str, int]) -> None:
        """The tokens of the call are those of the sum, and the reason says what is missing."""
        explanation = explain([make_span(attributes={**CALL, **stated})])
        assert adds_up(explanation)
        assert sum(stated.values()) == explanation.rollup.total_tokens
        missing = "completion_tokens" if stated is INPUT else "prompt_tokens"
        assert f"{missing} would have to be stated" in str(explanation)

    def test_with_total(self) -> None:
        """A total is added where something is stated and it is not."""
        assert Usage(3, None, 3) == Usage(3).with_total()
        for usage in (Usage(), Usage(3, None, 4), Usage(1, 2, 3)):
            assert usage == usage.with_total()
