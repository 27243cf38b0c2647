"""Details of totals for properties, and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import strategies as st

from otel_session_agg._model.breakdown import NONE, OTHER, Breakdown, BreakdownRow
from otel_session_agg._model.by_dimension import ByDimension
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import Details, FirstToken
from otel_session_agg._model.latencies import Latencies

NAMES = st.sampled_from([NONE, OTHER, *(f"name-{number:02}" for number in range(40))])
ROWS = st.tuples(st.integers(1, 9), st.integers(0, 2**70), st.integers(0, 10**12)).map(
    lambda row: BreakdownRow(
        num_calls=row[0], num_errors=row[0] % 3, prompt_tokens=row[1], cost_pusd=row[1] // 2, duration_ns=row[2]
    )
)
BREAKDOWNS = st.dictionaries(NAMES, ROWS, max_size=30).map(Breakdown)
INTERVALS = st.tuples(st.integers(0, 60), st.integers(1, 9)).map(lambda pair: (pair[0], pair[0] + pair[1]))
COVERAGES = st.lists(INTERVALS, max_size=6).map(Coverage.of)
"""All of them together have fewer steps than are kept."""
LATENCIES = st.lists(st.integers(0, 10**13), max_size=12).map(Latencies.of)
DETAILS = st.builds(
    Details,
    by_model=BREAKDOWNS,
    by_agent=BREAKDOWNS,
    by_tool=BREAKDOWNS,
    model_time=COVERAGES,
    tool_time=COVERAGES,
    busy_time=COVERAGES,
    latencies=LATENCIES,
    first_token=st.none() | st.builds(FirstToken, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
    first_answer_ns=st.none() | st.integers(0, 9),
    by_dimension=st.dictionaries(st.sampled_from(["user.id", "tenant"]), BREAKDOWNS).map(ByDimension),
)
START_NS = 1_790_000_000_124_000_000
"""When what is below begins."""

_SEARCH = BreakdownRow(num_calls=2, num_errors=1, duration_ns=150_000_000)
_MINI = BreakdownRow(
    num_calls=2, prompt_tokens=80, completion_tokens=15, total_tokens=95, cache_read_tokens=30, cost_pusd=663_000_000,
    num_priced=2, duration_ns=1_000_000_000,
)  # fmt: skip
_LARGE = BreakdownRow(
    num_calls=2, num_errors=1, prompt_tokens=20, completion_tokens=5, total_tokens=25, cache_write_tokens=10,
    reasoning_tokens=5, num_unpriced=2, duration_ns=500_250_000,
)  # fmt: skip
DETAILED = Details(
    by_model=Breakdown({"gpt-4o-mini": _MINI, "larger": _LARGE}),
    by_agent=Breakdown({"planner": _MINI, NONE: _LARGE}),
    by_tool=Breakdown({"search": _SEARCH}),
    model_time=replace(Coverage.of([(START_NS, START_NS + 10**9), (START_NS + 10**8, START_NS + 12 * 10**8)]), is_exact=False),
    tool_time=Coverage.of([(START_NS + 12 * 10**8, START_NS + 13 * 10**8)]),
    busy_time=Coverage.of([(START_NS, START_NS + 14 * 10**8), (START_NS + 16 * 10**8, START_NS + 18 * 10**8)]),
    latencies=Latencies.of([10**9, 10**9, 500_000_000, 250_000]),
    first_token=FirstToken(START_NS, 1, 120_000_000),
    first_answer_ns=START_NS + 120_000_000,
    by_dimension=ByDimension({"tenant": Breakdown({"acme": _MINI, NONE: _LARGE})}),
)
"""What one session could be made of, with everything that is written."""


def swept(intervals: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return how long the union of intervals is, and the longest gap in it: by going along them."""
    covered = gap = 0
    until: int | None = None
    for start, end in sorted(intervals):
        if until is None or start > until:
            gap = max(gap, 0 if until is None else start - until)
            covered, until = covered + end - start, end
        elif end > until:
            covered, until = covered + end - until, end
    return covered, gap
