"""Many totals at once come to the same as one after the other."""

from __future__ import annotations

from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.session_sums import sum_of_totals
from otel_session_agg._model.session_totals import SessionTotals
from tests.unit.model.test_session_totals import TOTALS


@given(st.lists(TOTALS, min_size=1, max_size=6))
def test_sum(parts: list[SessionTotals]) -> None:
    """Every field is added by its rule."""
    assert reduce(add, parts) == sum_of_totals(parts)
