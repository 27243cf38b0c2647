"""Charts that users make, as figures and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dash import html

from otel_session_agg._page.compare_parts import shown_figure
from otel_session_agg._page.parts import scrolled, text
from otel_session_agg._untrusted.formatting import short
from otel_session_agg._views.chart_csv import name_of
from otel_session_agg._views.charts import ChartData, Figure, Series
from otel_session_agg._views.measures import AGGREGATIONS
from otel_session_agg.analysis._figures import figure
from otel_session_agg.analysis._numbers import many, time_axis
from otel_session_agg.analysis._source import BREAKDOWNS
from otel_session_agg.analysis._style import SERIES, color, label, line

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Plot

__all__ = ["note_of", "plot", "table_of"]

_AXES: dict[str, dict[str, Any]] = {
    "USD": {"tickprefix": "$", "tickformat": ",.4~f"},
    "ms": {},
    "%": {"ticksuffix": "%"},
    "tokens": {"tickformat": "~s"},
    "": {"tickformat": ",~r"},
}
_HOVER = {"USD": "$%{y:,.6~f}", "ms": "%{y:,.2~f} s", "%": "%{y:,.3~r}%"}
_MS = 1000.0
_WORDS = frozenset({*BREAKDOWNS, "user", "name", "group"})
"""What is grouped by that is no name of a dimension."""
_PARTS = ("Rows", "Unknown", "Known in part")
"""Columns of a table beside the figure; the last ones where there is any such row."""
_FORMATS = {
    "minute": "%a %d %b, %H:%M", "hour": "%a %d %b, %H:%M", "day": "%a %d %b %Y",
    "week": "week from %d %b %Y", "month": "%B %Y", "year": "%Y",
}  # fmt: skip


def plot(data: ChartData, kind: str = "auto") -> Plot | None:
    """Return a chart as a figure; ``None``: nothing of it is known."""
    series = [one for one in data.series if _is_known(one)]
    if not series:
        return None
    if data.period is None:
        return _bars_by_name(data, series)
    is_additive = AGGREGATIONS[data.chart.aggregation].is_additive
    is_bars = kind == "bars" or (kind == "auto" and is_additive)
    traces = [_trace(data, one, at, is_bars=is_bars) for at, one in enumerate(series)]
    return figure(
        traces,
        barmode="stack" if is_additive else "group",
        bargap=0.22,
        hovermode="x unified",
        showlegend=len(series) > 1,
        xaxis={"type": "date", "hoverformat": _FORMATS[data.period]},
        yaxis={"rangemode": "tozero", **_axis(data, (one["y"] for one in traces))},
    )


def _is_known(series: Series) -> bool:
    return series.whole.value is not None or any(point.value is not None for point in series.points)


def _trace(data: ChartData, series: Series, at: int, *, is_bars: bool) -> dict[str, Any]:
    shown = _color(data, series, at)
    trace: dict[str, Any] = {
        "name": label(name_of(series, data), 28),
        "x": [
            None if point.start is None else point.start.isoformat(timespec="minutes")[:16]
            for point in series.points
        ],
        "y": [_value(point.value, data.unit) for point in series.points],
        "hovertemplate": _HOVER.get(data.unit, "%{y:,.2~f}"),
    }
    if is_bars:
        return {**trace, "type": "bar", "marker": {"color": shown}}
    return {**trace, **line(trace["y"], shown)}


def _bars_by_name(data: ChartData, series: Sequence[Series]) -> Plot:
    rows = list(reversed(series))
    bar: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "y": [label(name_of(one, data), 28) for one in rows],
        "x": [_value(one.whole.value, data.unit) for one in rows],
        "marker": {"color": [_color(data, one, at) for at, one in enumerate(series)][::-1]},
        "hovertemplate": _HOVER.get(data.unit, "%{y:,.2~f}").replace("%{y", "%{x")
        + "<extra></extra>",
    }
    return figure(
        [bar],
        showlegend=False,
        xaxis={"rangemode": "tozero", **_axis(data, [bar["x"]])},
        yaxis={"type": "category"},
    )


def _axis(data: ChartData, values: Iterable[Sequence[float | None]]) -> dict[str, Any]:
    """Return the marks of the axis on which figures are."""
    if data.unit == "ms":
        return time_axis(one for each in values for one in each)
    return _AXES[data.unit]


def _color(data: ChartData, series: Series, at: int) -> str:
    is_grey = series.is_other or (series.name is None and bool(data.chart.group_by))
    return color("rest" if is_grey else SERIES[at % len(SERIES)])


def _value(value: Figure, unit: str) -> float | None:
    if value is None:
        return None
    return float(value) / _MS if unit == "ms" else float(value)


def note_of(data: ChartData, *, of_time: bool = True) -> str:
    """Return what has to be known to read a chart; ``of_time``: also of its axis."""
    notes = [f"each {data.period} in UTC" if data.period else "all time"] if of_time else []
    if data.percent is not None:
        notes.append(f"of a sample of {data.percent:.2g} % of the rows")
    whole = data.total.whole
    is_cost = data.unit == "USD"
    if whole.unknown and is_cost:
        notes.append(f"the cost of {whole.unknown:,} of {whole.rows:,} is unknown: in no figure")
    if whole.partial and is_cost:
        notes.append(f"{whole.partial:,} known in part")
    return " · ".join(notes)


def table_of(data: ChartData) -> Any:
    """Return the figures over all time, by group, in a table."""
    whole = data.total.whole
    parts = [
        one for one, number in zip(_PARTS, (1, whole.unknown, whole.partial), strict=True) if number
    ]
    by = data.chart.group_by or "group"
    heads = (by.capitalize() if by in _WORDS else by, data.title, *parts)
    head = html.Thead(
        html.Tr(
            [
                html.Th(text(short(shown, 80)), scope="col", className="num" if at else "")
                for at, shown in enumerate(heads)
            ]
        )
    )
    is_grouped = bool(data.chart.group_by)
    series = data.series if is_grouped else []
    rows = [_row(data, one, name_of(one, data), parts) for one in series]
    name = f"all, {many(data.groups, 'group')}" if is_grouped else "all"
    foot = html.Tfoot(_row(data, data.total, name, parts))
    table = html.Table([head, html.Tbody(rows), foot], className="plain few")
    return scrolled("Groups", table, "scroll tall")


def _row(data: ChartData, series: Series, name: str, parts: Sequence[str]) -> Any:
    whole = series.whole
    numbers = dict(zip(_PARTS, (whole.rows, whole.unknown, whole.partial), strict=True))
    value = whole.value
    shown = shown_figure(None if value is None else float(value), data.unit)
    return html.Tr(
        [
            html.Th(text(short(name, 120)), scope="row"),
            html.Td(shown, className="num", title="" if value is None else str(value)),
            *(
                html.Td(f"{numbers[one]:,}" if numbers[one] else "", className="num")
                for one in parts
            ),
        ]
    )
