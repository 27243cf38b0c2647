"""What calls come to, added up many at once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.span import Kind, Reading, Usage
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.caller import NO_CALLER, Caller
from tests.support.folding import price

from .test_call_callers import model

_COUNTS = st.none() | st.integers(0, 9)
_READINGS = st.builds(
    Reading,
    st.sampled_from([Kind.MODEL, Kind.EMBEDDING, Kind.RETRIEVER]),
    usage=st.none() | st.builds(Usage, _COUNTS, _COUNTS, _COUNTS, _COUNTS, _COUNTS),
    response_model=st.sampled_from([None, "a", "b"]),
    recorded_pusd=st.none() | st.integers(0, 9),
    error=st.sampled_from([None, "failed"]),
    first_token_ns=st.none() | st.integers(-5, 5),
)
_CALLERS = st.sampled_from([NO_CALLER, ("agent", None), ("agent", "tool"), (7, 7), (None, "tool")])
_FIGURES = (
    "cache_read_tokens", "cache_write_tokens", "completion_tokens", "computed", "cost_pusd", "models", "num_models",
    "prompt_tokens", "reasoning_tokens", "recorded", "total_tokens", "unpriced", "winners",
)  # fmt: skip


def _figures(totals: CallTotals) -> list[Any]:
    """All that totals say."""
    figures = [getattr(totals, name) for name in _FIGURES]
    details = totals.details
    if details is None:
        return figures
    return [
        *figures,
        details.as_values(),
        sorted(details.open_callers()),
        details.by_open_agent,
        details.by_open_tool,
        details.times and details.times.coverage,
        details.first_token,
        details.first_answer_ns,
    ]


class TestCallTotals:
    """Totals over calls."""

    @given(st.lists(st.tuples(_READINGS, st.integers(0, 50), st.integers(-1, 20), _CALLERS), max_size=12), st.booleans())
    def test_at_once(self, rows: list[tuple[Reading, int, int, Caller]], is_broken_down: bool) -> None:  # noqa: FBT001
        """Many at once come to the same as one after the other, whatever they have in common."""
        calls = [Call(model(2 + at, 1, start, start + lasted)[0], reading) for at, (reading, start, lasted, _) in enumerate(rows)]
        callers = {call: caller for call, (*_, caller) in zip(calls, rows, strict=True)} if is_broken_down else None
        at_once, one_by_one = CallTotals(), CallTotals()
        at_once.add_all(calls, price, callers)
        for call in calls:
            alone = CallTotals()
            alone.add_all((call,), price, callers)
            one_by_one.merge(alone)
        assert _figures(one_by_one) == _figures(at_once)
        assert (at_once.details is None) is (not calls or not is_broken_down)

    def test_nothing_stated(self) -> None:
        """What no call states stays unknown, and is not 0."""
        totals = CallTotals()
        for usage in (None, Usage(completion_tokens=3), Usage(completion_tokens=4)):
            totals.add(Call(model(2, 1, 6, 9)[0], Reading(Kind.MODEL, usage=usage)), lambda _: None)
        assert (None, 7, 3) == (totals.prompt_tokens, totals.completion_tokens, totals.unpriced)
