"""Totals made into attributes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otel_session_agg import Rollup
from otel_session_agg import attributes as n
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import Labelled, SessionTotals
from otel_session_agg._model.turns import Turn
from otel_session_agg._writing.rollup_attributes import attributes, record_attributes
from tests.support.details import DETAILED

_FULL = Rollup(
    num_events=9,
    num_model_events=4,
    num_tool_events=2,
    num_errors=1,
    num_unpriced_events=1,
    num_computed=2,
    num_recorded=1,
    cost_pusd=1_500_000_000_000,
    num_winners=3,
    prompt_tokens=100,
    completion_tokens=20,
    total_tokens=120,
    cache_read_tokens=30,
    cache_write_tokens=10,
    reasoning_tokens=5,
    has_feedback=True,
    start_ns=1_790_000_000_123_999_999,
    end_ns=1_790_000_002_000_000_001,
    models=frozenset({"b", "a"}),
    output=At(1, 1, "Four."),
    error=At(1, 1, "boom"),
    session=At(1, 1, "s1"),
)
_WRITTEN: dict[str, Any] = {
    "metadata.rollup": "trace",
    "metadata.num_events": 9,
    "metadata.num_model_events": 4,
    "metadata.has_feedback": True,
    "metadata.cost": 1.5,
    "metadata.cost_source": "mixed",
    "metadata.total_tokens": 120,
    "metadata.prompt_tokens": 100,
    "metadata.completion_tokens": 20,
    "start_time": 1_790_000_000_123,
    "end_time": 1_790_000_002_000,
    "duration": 1876.000002,
    "outputs": "Four.",
    "error": "boom",
    "session.id": "s1",
    "metadata.models": ("a", "b"),
    "metadata.partial": True,
    "metadata.partial_reason": "linger",
    "metadata.cache_read_tokens": 30,
    "metadata.cache_write_tokens": 10,
    "metadata.reasoning_tokens": 5,
    "metadata.num_tool_events": 2,
    "metadata.num_errors": 1,
    "metadata.num_unpriced_events": 1,
}


class TestAttributes:
    """What is written on a root."""

    def test_everything(self) -> None:
        """Each total has its name, type and unit."""
        written = attributes(_FULL, "linger")
        assert _WRITTEN == written
        assert {name: type(value) for name, value in _WRITTEN.items()} == {name: type(value) for name, value in written.items()}

    def test_names(self) -> None:
        """Every reserved name is written, on roots or on records, and none that a backend would sum again."""
        totals = SessionTotals(
            replace(_FULL, details=DETAILED), num_open=1, num_roots=1, num_unsampled=1, is_budget_exceeded=True
        )
        totals += SessionTotals(dearest_turn=Turn(5, 6, 7), first_input=At(1, 2, "why?"))
        record = SessionRecord("s", 2, "idle", totals)
        written = {**_WRITTEN, **record_attributes(record)}
        assert written.keys() == n.RESERVED | n.KEPT_WHEN_SET | {"metadata.by_tenant"}
        assert not any(name.startswith(("gen_ai.", "llm.")) for name in _WRITTEN)

    def test_halves_of_characters(self) -> None:
        """What a record says can be encoded, whatever stood in a store; all else is as it was."""
        labels = {"a": Labelled(1, "x\ud800"), "b": Labelled(1, "\u00e9"), "c": Labelled(1, 2), "d": Labelled(1, 10**30)}
        written = record_attributes(SessionRecord("s\udfff", 1, "idle", SessionTotals(metadata=labels)))
        found = {name: written[f"metadata.{name}"] for name in labels if name != "d"}
        assert "metadata.d" not in written
        assert ({"a": "x?", "b": "\u00e9", "c": 2}, "s?") == (found, written["session.id"])

    def test_nothing(self) -> None:
        """A root without events says 0 for what is known to be nothing and leaves the rest out."""
        expected = {
            "metadata.rollup": "trace",
            "metadata.num_events": 0,
            "metadata.num_model_events": 0,
            "metadata.has_feedback": False,
            "metadata.cost": 0.0,
            "metadata.total_tokens": 0,
            "metadata.prompt_tokens": 0,
            "metadata.completion_tokens": 0,
        }
        assert expected == attributes(Rollup())

    def test_tokens_that_nobody_states(self) -> None:
        """A count that no winner states is left out, and not zero."""
        written = attributes(Rollup(num_winners=1, total_tokens=7))
        assert 7 == written["metadata.total_tokens"]
        assert not {"metadata.prompt_tokens", "metadata.completion_tokens"} & written.keys()

    def test_unknown_cost(self) -> None:
        """An unknown cost is left out, and not zero."""
        assert not {"metadata.cost", "metadata.cost_source"} & attributes(Rollup(num_unpriced_events=2)).keys()

    def test_absurd_numbers(self) -> None:
        """A number that no exporter could carry is left out."""
        written = attributes(Rollup(num_winners=1, prompt_tokens=2**63 - 1, total_tokens=2**63))
        assert 2**63 - 1 == written["metadata.prompt_tokens"]
        assert "metadata.total_tokens" not in written
