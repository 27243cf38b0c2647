"""The chart that an address says.

A metric that its scope does not have is replaced by one that it has, so that another scope can be
chosen; what is in no list is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._untrusted.formatting import short
from otel_session_agg._views.address import State, Times
from otel_session_agg._views.chart_queries import keys_of
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
    """Return the chart that an address says, over a time.

    Raises:
        SettingsError: a name is none of those that there are.

    """
    more = state.more
    scope = _one_of("scope", more.get("scope"), SCOPES, _DEFAULT.scope)
    group = more.get("group", NO_GROUP)
    group = "" if group == NO_GROUP else group
    metrics = metrics_of(scope, group)
    default = _DEFAULT.metric if _DEFAULT.metric in metrics else next(iter(metrics))
    top = more.get("top", "")
    is_number = top.isascii() and top.isdigit() and len(top) < len("1000")
    return Chart(
        scope,
        _metric(more.get("metric"), metrics, default),
        _one_of("aggregation", more.get("agg"), AGGREGATIONS, _DEFAULT.aggregation),
        more.get("filter", "").strip(),
        state.where or "",
        group,
        min(max(int(top), 1), MAX_TOP) if is_number else _DEFAULT.top,
        _one_of("bucket", more.get("bucket"), BUCKETS, AUTO),
        times.since,
        times.until,
    )


def _one_of(what: str, given: str | None, known: Collection[str], default: str) -> str:
    if not given:
        return default
    if given not in known:
        message = f"there is no {what} {short(given, 60)!r}: use one of {', '.join(known)}"
        raise SettingsError(message)
    return given


def _metric(given: str | None, known: Collection[str], default: str) -> str:
    """Return a metric of the scope; ``given`` may be of another one."""
    everywhere = {name for one in SCOPES.values() for name in one.metrics}
    if given in everywhere and given not in known:
        return default
    return _one_of("metric", given, known, default)


def metrics_of(scope: str, group: str) -> dict[str, Metric]:
    """Return what rows of a scope have, in groups by this."""
    is_split = scope == "sessions" and group in PARTS
    return dict(OF_PARTS if is_split else SCOPES[scope].metrics)


def groups_of(scope: str, names: Names) -> Sequence[str]:
    """Return what rows of a scope can be grouped by."""
    return [NO_GROUP, *keys_of(SCOPES[scope], names)]
