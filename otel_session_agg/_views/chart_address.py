"""The chart that an address says; what fits no scope is replaced by what does."""

from __future__ import annotations

from collections.abc import Sequence

from otel_session_agg._views.address import State, Times
from otel_session_agg._views.charts import AUTO, MAX_TOP, NO_PERIOD, Chart
from otel_session_agg._views.measures import AGGREGATIONS, OF_PARTS, PARTS, SCOPES, Metric
from otel_session_agg._views.names import Names
from otel_session_agg.analysis._periods import PERIODS

__all__ = ["BUCKETS", "KINDS", "NO_GROUP", "chart_of", "groups_of", "metrics_of"]

NO_GROUP = "nothing"
"""What an address has for a chart without groups."""
BUCKETS = (AUTO, *PERIODS, NO_PERIOD)
KINDS = ("auto", "bars", "lines")
"""How a chart is drawn."""
_DEFAULT = Chart()


def chart_of(state: State, times: Times) -> Chart:
    """Return the chart that an address says, over a time."""
    more = state.more
    scope = _one_of(more.get("scope"), SCOPES, _DEFAULT.scope)
    group = more.get("group", NO_GROUP)
    group = "" if group == NO_GROUP else group
    metrics = metrics_of(scope, group)
    default = _DEFAULT.metric if _DEFAULT.metric in metrics else next(iter(metrics))
    top = more.get("top", "")
    is_number = top.isascii() and top.isdigit() and len(top) < len("1000")
    return Chart(
        scope,
        _one_of(more.get("metric"), metrics, default),
        _one_of(more.get("agg"), AGGREGATIONS, _DEFAULT.aggregation),
        more.get("filter", "").strip(),
        state.where or "",
        group,
        min(max(int(top), 1), MAX_TOP) if is_number else _DEFAULT.top,
        _one_of(more.get("bucket"), BUCKETS, AUTO),
        times.since,
        times.until,
    )


def _one_of(given: str | None, known: object, default: str) -> str:
    return given if given is not None and given in known else default  # type: ignore[operator]


def metrics_of(scope: str, group: str) -> dict[str, Metric]:
    """Return what rows of a scope have, in groups by this."""
    is_split = scope == "sessions" and group in PARTS
    return dict(OF_PARTS if is_split else SCOPES[scope].metrics)


def groups_of(scope: str, names: Names) -> Sequence[str]:
    """Return what rows of a scope can be grouped by."""
    known = SCOPES[scope]
    if scope == "sessions":
        return [NO_GROUP, *dict.fromkeys([*names.groups, *known.columns])]
    labels = [
        name
        for name in names.groups
        if name not in PARTS and name != "user" and not name.startswith("metadata.")
    ]
    return [NO_GROUP, *known.columns, *(labels if known.has_dimensions else ())]
