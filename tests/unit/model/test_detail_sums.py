"""Details that are added up at once."""

from __future__ import annotations

from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Rollup
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.detail_sums import sum_of_details
from otel_session_agg._model.details import Details
from otel_session_agg._model.growing_totals import GrowingTotals
from tests.support.details import DETAILS


class TestSumOfDetails:
    """The sum of many."""

    @given(st.lists(DETAILS, min_size=1, max_size=3))
    def test_as_one_by_one(self, parts: list[Details]) -> None:
        """It is the same as of one after the other."""
        assert reduce(add, parts) == sum_of_details(parts)


class TestGrowing:
    """A session that grows."""

    def test_many(self) -> None:
        """However many roots came before somebody asked, the details are those of all, asked for in between or not."""
        times = [Coverage.of([(10 * number, 10 * number + 3)]) for number in range(150)]
        roots = [
            Rollup(num_events=1, details=Details(busy_time=time, first_answer_ns=-number)) for number, time in enumerate(times)
        ]
        rarely, often, expected = GrowingTotals(), GrowingTotals(), Rollup()
        for root in roots:
            rarely.add_rollup(root)
            often.add_rollup(root)
            expected += root
            assert expected == often.totals.rollup
        assert expected == rarely.totals.rollup
        assert 450 == rarely.rollup.details.busy_time.covered_ns
