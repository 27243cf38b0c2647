"""The charts of the overview."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from otel_session_agg._page.asking import (
    norms_at,
    parts_at,
    period_at,
    periods_at,
    source_at,
    spreads_at,
)
from otel_session_agg._page.named import cost_drawn, cost_over_time, key_at
from otel_session_agg._page.named_figures import calls_figure
from otel_session_agg._page.panels import Chart, Drawing, Drawn
from otel_session_agg._page.services import Services
from otel_session_agg._views.address import State
from otel_session_agg._views.figures import PeriodFigures
from otel_session_agg._views.outlier_flags import segment_of, standing_out
from otel_session_agg._views.overview_parts import OverviewParts, totals_of
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._figures import figure, split_figure
from otel_session_agg.analysis._numbers import time_axis
from otel_session_agg.analysis._panels import _left_out as left_out
from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import BREAKDOWNS, NONE
from otel_session_agg.analysis._spread_figures import Point, against_figure, distribution_figure
from otel_session_agg.analysis._style import color
from otel_session_agg.analysis._style import line as line_style

__all__ = ["CHARTS"]

_MAX_OUTLIERS = 100
_TIME = (("x", "start_time"),)
_NOTHING = Drawn(None)
_FORMATS = {
    "minute": "%a %d %b, %H:%M", "hour": "%a %d %b, %H:%M", "day": "%a %d %b %Y",
    "week": "week from %d %b %Y", "month": "%B %Y", "year": "%Y",
}  # fmt: skip


Line = tuple[str, str, Callable[[PeriodFigures], float | None]]
"""Name, colour, and the value of a period; unknown ones are gaps."""


def _over_time(
    kind: str,
    lines: tuple[Line, ...],
    axis: dict[str, Any],
    hover: str,
    *,
    is_time: bool = False,
    **more: Any,
) -> Drawing:
    """Return what draws figures of each period as lines or stacked bars."""

    def draw(state: State, history: Reads, services: Services) -> Drawn:
        found = periods_at(state, history, services)
        if found is None:
            return _NOTHING
        period, rows = found
        series = [_series(kind, line, rows, hover) for line in lines]
        marks = time_axis(value for one in series for value in one["y"]) if is_time else {}
        return Drawn(
            figure(
                series,
                hovermode="x unified",
                barmode="stack",
                bargap=0.22,
                showlegend=len(lines) > 1,
                xaxis={"type": "date", "hoverformat": _FORMATS[period.name]},
                yaxis={"rangemode": "tozero", **axis, **marks},
                **more,
            ),
            _each(period),
        )

    return draw


def _each(period: Period) -> str:
    return f"each {period.name} in UTC"


def _series(kind: str, line: Line, rows: list[PeriodFigures], hover: str) -> dict[str, Any]:
    name, key, value = line
    series: dict[str, Any] = {
        "name": name,
        "x": [row.start.isoformat(timespec="minutes") for row in rows],
        "y": [value(row) for row in rows],
        "hovertemplate": hover,
    }
    if kind == "bar":
        return {**series, "type": "bar", "marker": {"color": color(key)}}
    return {**series, **line_style(series["y"], color(key))}


def _seconds(name: str) -> Callable[[PeriodFigures], float | None]:
    def value(row: PeriodFigures) -> float | None:
        found = getattr(row.figures, f"{name}_duration")
        return None if found is None else found / 1000

    return value


def _uncached(row: PeriodFigures) -> float:
    return (row.figures.prompt_tokens or 0) - row.figures.cache_read_tokens


def _distribution(name: str) -> Drawing:
    def draw(state: State, history: Reads, services: Services) -> Drawn:
        found = spreads_at(state, history, services).by_metric[name]
        if not found.counts:
            return Drawn(None, empty=f"No {name} is known")
        return Drawn(distribution_figure(found), f"{left_out(found)}; drag to filter")

    return draw


def _against(state: State, history: Reads, services: Services) -> Drawn:
    cells = spreads_at(state, history, services).cells
    if not cells:
        return Drawn(None, empty="No session has a known cost and a duration")
    norms, _ = norms_at(state, history, services)
    sessions = source_at(state, history, services)
    points = [
        Point(one.session, one.cost, one.duration, one.reason)
        for one in standing_out(sessions, norms, segment_of(state.by), _MAX_OUTLIERS)
        if one.cost and one.duration
    ]
    return Drawn(against_figure(cells, points))


def _parts(state: State, history: Reads, services: Services) -> OverviewParts | None:
    """Return what the charts by model, agent or tool show; ``None``: there are no sessions."""
    return parts_at(state, history, services, _key(state))


def _key(state: State) -> str:
    return key_at(state.by or "model", state)


def _cost(state: State, history: Reads, services: Services) -> Drawn:
    if _key(state) not in BREAKDOWNS:
        return cost_over_time(None)(state, history, services)
    period, found = period_at(state, history, services), _parts(state, history, services)
    if period is None or found is None:
        return _NOTHING
    return cost_drawn(found.in_time, period, _key(state))


def _by_model(state: State, history: Reads, services: Services) -> Drawn:
    found = _parts(state, history, services)
    if found is None or not found.models:
        return Drawn(None, empty="There is no model")
    return Drawn(split_figure(totals_of(found.models)))


def _by_tool(state: State, history: Reads, services: Services) -> Drawn:
    found = _parts(state, history, services)
    rows = [row for row in found.tools if row.name != NONE and row.calls] if found else []
    if not rows:
        return Drawn(None, empty="No tool was called")
    return Drawn(calls_figure(rows))


_SHARE = {"tickformat": ".0%", "range": [0, None]}

CHARTS = (
    Chart("cost", "Cost", _cost, drag=_TIME),
    Chart(
        "duration", "Session duration",
        _over_time("line", (
            ("p50", "series-1", _seconds("p50")), ("p95", "series-3", _seconds("p95")),
            ("p99", "series-2", _seconds("p99")),
        ), {}, "%{y:,.1~f} s", is_time=True),
        drag=_TIME,
    ),
    Chart("spread-cost", "Cost of a session", _distribution("cost"), drag=(("x", "cost"),)),
    Chart(
        "against", "Cost against duration", _against, "click an outlier to open it",
        drag=(("x", "duration"), ("y", "cost")), opens=True,
    ),
    Chart(
        "tokens", "Tokens",
        _over_time("bar", (
            ("prompt", "series-1", _uncached),
            ("prompt from a cache", "series-5", lambda row: row.figures.cache_read_tokens),
            ("completion", "series-2", lambda row: row.figures.completion_tokens),
        ), {"tickformat": "~s"}, "%{y:,}"),
        drag=_TIME,
    ),
    Chart(
        "sessions", "Sessions",
        _over_time("bar", (
            ("without errors", "series-1",
             lambda row: row.figures.sessions - row.figures.sessions_failed),
            ("with errors", "bad", lambda row: row.figures.sessions_failed),
        ), {"tickformat": ","}, "%{y:,}"),
        drag=_TIME,
    ),
    Chart("by-model", "Cost by model", _by_model, "USD"),
    Chart("by-tool", "Tools", _by_tool, "calls"),
    Chart(
        "cache", "Prompt tokens from a cache",
        _over_time("line", (("share", "series-5", lambda row: row.figures.cache_share),),
                   _SHARE, "%{y:.1%}"),
        drag=_TIME,
    ),
    Chart(
        "errors", "Sessions with errors and with feedback",
        _over_time("line", (
            ("with errors", "bad", lambda row: row.figures.error_share),
            ("with feedback", "series-3", lambda row: row.figures.feedback_share),
        ), _SHARE, "%{y:.1%}"),
        drag=_TIME,
    ),
    Chart(
        "spread-duration", "Duration of a session", _distribution("duration"),
        drag=(("x", "duration"),),
    ),
    Chart("spread-tokens", "Tokens of a session", _distribution("tokens"), drag=(("x", "tokens"),)),
)  # fmt: skip
