"""Totals and how two of them become one."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, replace
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Rollup
from otel_session_agg._model.breakdown import Breakdown, BreakdownRow
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import Details, FirstToken
from otel_session_agg._model.latencies import Latencies
from otel_session_agg._model.merges import MAX_MODELS, rules_of
from otel_session_agg._model.rollup import At
from tests.support.details import DETAILS

_WHOLE = st.integers(0, 2**70)
_MAYBE = st.none() | _WHOLE
_AT = st.builds(At, st.integers(0, 3), st.integers(0, 3), st.sampled_from("ab"))
BY_RULE: dict[str, st.SearchStrategy[Any]] = {
    "sum": _WHOLE,
    "maybe": _MAYBE,
    "min": _MAYBE,
    "max": _MAYBE,
    "any": st.booleans(),
    "union": st.frozensets(st.integers(0, 60).map(lambda number: f"model-{number:02}"), max_size=MAX_MODELS),
    "latest": st.none() | _AT,
    "first": st.none() | _AT,
    "details": DETAILS,
}
ROLLUPS = st.builds(Rollup, **{field.name: BY_RULE[field.metadata["merge"].name] for field in fields(Rollup)})


@pytest.mark.slow
class TestLaw1:
    """A rollup is a commutative monoid."""

    @given(ROLLUPS, ROLLUPS)
    def test_commutative(self, a: Rollup, b: Rollup) -> None:
        """The order of what is added does not matter."""
        assert a + b == b + a

    @given(ROLLUPS, ROLLUPS, ROLLUPS)
    def test_associative(self, a: Rollup, b: Rollup, c: Rollup) -> None:
        """The grouping of what is added does not matter."""
        assert (a + b) + c == a + (b + c)

    @given(ROLLUPS, ROLLUPS)
    def test_rules(self, a: Rollup, b: Rollup) -> None:
        """Each field is merged by its rule."""
        both, rules = a + b, rules_of(Rollup)
        assert {name: rule.merge(getattr(a, name), getattr(b, name)) for name, rule in rules.items()} == {
            name: getattr(both, name) for name in rules
        }

    @given(ROLLUPS)
    def test_identity(self, a: Rollup) -> None:
        """An empty rollup changes nothing."""
        assert a == a + Rollup() == Rollup() + a

    @given(st.lists(ROLLUPS, min_size=1, max_size=6), st.randoms(use_true_random=False))
    def test_any_order(self, rollups: list[Rollup], random: Any) -> None:
        """Parts of a session may be added in whatever order they come."""
        shuffled = random.sample(rollups, len(rollups))
        assert reduce(add, rollups) == reduce(add, shuffled)


class TestMerges:
    """How each field is merged."""

    @pytest.mark.parametrize(
        ("a", "b", "expected"),
        [
            (Rollup(num_events=2, cost_pusd=3), Rollup(num_events=5, cost_pusd=2**80), Rollup(num_events=7, cost_pusd=3 + 2**80)),
            (Rollup(prompt_tokens=2), Rollup(), Rollup(prompt_tokens=2)),
            (Rollup(prompt_tokens=2), Rollup(prompt_tokens=0), Rollup(prompt_tokens=2)),
            (Rollup(start_ns=2, end_ns=2), Rollup(start_ns=1, end_ns=9), Rollup(start_ns=1, end_ns=9)),
            (Rollup(start_ns=0, end_ns=0), Rollup(), Rollup(start_ns=0, end_ns=0)),
            (Rollup(), Rollup(has_feedback=True), Rollup(has_feedback=True)),
            (Rollup(models=frozenset("a")), Rollup(models=frozenset("b")), Rollup(models=frozenset("ab"))),
            (Rollup(error=At(2, 1, "a")), Rollup(error=At(1, 9, "b")), Rollup(error=At(2, 1, "a"))),
            (Rollup(error=At(2, 1, "b")), Rollup(error=At(2, 9, "a")), Rollup(error=At(2, 9, "a"))),
            (Rollup(output=At(2, 1, "a")), Rollup(output=At(3, 0, "b")), Rollup(output=At(3, 0, "b"))),
            (Rollup(session=At(2, 1, "a")), Rollup(session=At(1, 9, "b")), Rollup(session=At(1, 9, "b"))),
            (Rollup(session=At(2, 1, "b")), Rollup(session=At(2, 9, "a")), Rollup(session=At(2, 1, "b"))),
        ],
    )
    def test_examples(self, a: Rollup, b: Rollup, expected: Rollup) -> None:
        """Counts are added, times span both, and of two texts the time and then the span id decide."""
        assert expected == a + b

    def test_models_are_bounded(self) -> None:
        """Of too many models those that sort first stay."""
        names = [f"model-{number:03}" for number in range(2 * MAX_MODELS)]
        a, b = Rollup(models=frozenset(names[::2])), Rollup(models=frozenset(names[1::2]))
        assert frozenset(names[:MAX_MODELS]) == (a + b).models


class TestCostUsd:
    """The known cost."""

    @pytest.mark.parametrize(
        ("rollup", "expected"),
        [
            (Rollup(), 0.0),
            (Rollup(num_unpriced_events=1), None),
            (Rollup(num_unpriced_events=1, num_computed=1, cost_pusd=10**11), 0.1),
            (Rollup(num_unpriced_events=1, num_recorded=1, cost_pusd=10**11), 0.1),
            (Rollup(num_computed=3, cost_pusd=3 * 10**11), 0.3),
        ],
    )
    def test_examples(self, rollup: Rollup, expected: float | None) -> None:
        """It is unknown, and not zero, when every billable event is unpriced."""
        assert expected == rollup.cost_usd


class TestCostSource:
    """Where the cost comes from."""

    @pytest.mark.parametrize(
        ("rollup", "expected"),
        [
            (Rollup(), None),
            (Rollup(num_unpriced_events=1), None),
            (Rollup(num_computed=1), "computed"),
            (Rollup(num_recorded=1), "recorded"),
            (Rollup(num_computed=1, num_recorded=1), "mixed"),
        ],
    )
    def test_examples(self, rollup: Rollup, expected: str | None) -> None:
        """It names the source of every known cost."""
        assert expected == rollup.cost_source


class TestDurationMs:
    """The time between earliest start and latest end."""

    def test_known(self) -> None:
        """It is in milliseconds, with their fractions."""
        assert Rollup(start_ns=1_000_000, end_ns=3_500_000).duration_ms == 2.5

    @pytest.mark.parametrize("missing", ["start_ns", "end_ns"])
    def test_unknown(self, missing: str) -> None:
        """It is unknown without either end."""
        rollup = replace(Rollup(start_ns=1, end_ns=2), **{missing: None})  # type: ignore[arg-type]  # by name
        assert rollup.duration_ms is None


class TestToDict:
    """Totals as plain values."""

    def test_names(self) -> None:
        """Every field is there, with its unit in the name; money and times are no bare numbers."""
        row = BreakdownRow(num_calls=1, prompt_tokens=3, total_tokens=3, cost_pusd=663_000_000, num_priced=1)
        rollup = Rollup(
            num_events=2,
            num_computed=1,
            cost_pusd=663_000_000,
            prompt_tokens=3,
            total_tokens=3,
            start_ns=1_000_000,
            end_ns=2_500_000,
            models=frozenset({"b", "a"}),
            error=At(1, 2, "no"),
            details=Details(
                by_model=Breakdown({"a": row}),
                model_time=Coverage.of([(1_000_000, 1_500_000)]),
                busy_time=Coverage.of([(1_000_000, 1_500_000), (2_000_000, 2_500_000)]),
                latencies=Latencies.of([500_000]),
                first_token=FirstToken(1_000_000, 1, 200_000),
                first_answer_ns=1_300_000,
            ),
        )
        spent = {"cost_usd": 0.000663, "prompt_tokens": 3, "total_tokens": 3, "duration_ms": 0.0}
        assert {
            "cost_usd": 0.000663,
            "cost_source": "computed",
            "num_events": 2,
            "num_model_events": 0,
            "num_tool_events": 0,
            "num_errors": 0,
            "num_unpriced_events": 0,
            "prompt_tokens": 3,
            "completion_tokens": None,
            "total_tokens": 3,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "has_feedback": False,
            "start_time_unix_ns": 1_000_000,
            "end_time_unix_ns": 2_500_000,
            "duration_ms": 1.5,
            "model_duration_ms": 0.5,
            "tool_duration_ms": None,
            "busy_duration_ms": 1.0,
            "idle_duration_ms": 0.5,
            "longest_gap_ms": 0.5,
            "are_durations_exact": True,
            "time_to_first_token_ms": 0.2,
            "time_to_first_response_ms": 0.3,
            "model_latency_p50_ms": pytest.approx(0.5, rel=0.01),
            "model_latency_p95_ms": pytest.approx(0.5, rel=0.01),
            "model_latency_p99_ms": pytest.approx(0.5, rel=0.01),
            "by_model": {"a": {"num_calls": 1, **spent}},
            "by_agent": {"none": {"num_calls": 1, **spent}},
            "by_tool": {"none": {"num_calls": 0, **spent}},
            "by_dimension": {},
            "models": ["a", "b"],
            "output": None,
            "error": "no",
            "session_id": None,
        } == rollup.to_dict()

    @given(ROLLUPS)
    def test_json(self, rollup: Rollup) -> None:
        """Whatever is in them, JSON takes it; an unknown cost is none."""
        found = rollup.to_dict()
        assert found == json.loads(json.dumps(found, allow_nan=False))
        assert rollup.cost_usd == found["cost_usd"]


class TestRepresentation:
    """Totals for people."""

    @pytest.mark.parametrize(
        ("rollup", "expected"),
        [
            (Rollup(), "<Rollup 0.000000 USD, 0 tokens, 0 events>"),
            (
                Rollup(num_events=1, num_model_events=1, num_unpriced_events=1),
                "<Rollup unknown cost, unknown tokens, 1 event, 1 model call, 1 unpriced call>",
            ),
            (
                Rollup(
                    num_events=3,
                    num_errors=1,
                    num_recorded=1,
                    cost_pusd=20 * 10**12,
                    total_tokens=1,
                    completion_tokens=1,
                    has_feedback=True,
                    output=At(1, 1, "what a user wrote"),
                    error=At(1, 1, "line\nbreak"),
                ),
                "<Rollup 20.000000 USD (recorded), 1 token (1 completion), 3 events, 1 error, feedback, error line\\nbreak>",
            ),
        ],
    )
    def test_line(self, rollup: Rollup, expected: str) -> None:
        """A line says what is known, without what users wrote; an unknown cost is not 0."""
        assert expected == repr(rollup)

    def test_html(self) -> None:
        """A notebook shows a table; what others wrote is text there."""
        html = Rollup(output=At(1, 1, "<b>hi</b>"), models=frozenset({"<i>"}))._repr_html_()
        assert "&lt;b&gt;hi&lt;/b&gt;" in html
        assert "<i>" not in html

    @given(ROLLUPS)
    def test_any(self, rollup: Rollup) -> None:
        """Nothing in it makes it raise."""
        assert repr(rollup).isprintable()
        assert rollup._repr_html_().isascii()


class TestFields:
    """A frozen data class whose fields are set by their slots."""

    def test_defaults(self) -> None:
        """Every field may be left out, and is what its declaration says."""
        assert {one.name: one.default for one in fields(Rollup)} == {
            one.name: getattr(Rollup(), one.name) for one in fields(Rollup)
        }

    def test_by_position_and_by_name(self) -> None:
        """Fields may be given in order or by name; another name is refused."""
        assert Rollup(1, 2, start_ns=5) == Rollup(num_model_events=2, num_events=1, start_ns=5)
        with pytest.raises(TypeError, match="nonsense"):
            Rollup(nonsense=1)  # type: ignore[call-arg]

    def test_frozen(self) -> None:
        """No field can be set later."""
        with pytest.raises(FrozenInstanceError):
            Rollup().num_events = 1  # type: ignore[misc]
        assert 3 == replace(Rollup(num_events=2), num_events=3).num_events
