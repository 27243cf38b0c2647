"""Charts that users make, as figures and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dash import html

from otel_session_agg._page.compare_parts import shown_figure
from otel_session_agg._page.parts import scrolled, text
from otel_session_agg._untrusted.formatting import short
from otel_session_agg._views.chart_csv import name_of
from otel_session_agg._views.charts import ChartData, Figure, Series
from otel_session_agg._views.measures import AGGREGATIONS
from otel_session_agg.analysis._figures import figure
from otel_session_agg.analysis._numbers import many
from otel_session_agg.analysis._style import SERIES, color, label, line

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Plot

__all__ = ["note_of", "plot", "table_of"]

_AXES = {
    "USD": {"tickprefix": "$", "tickformat": ",.4~f"},
    "ms": {"ticksuffix": " s"},
    "%": {"ticksuffix": " %"},
    "tokens": {"tickformat": "~s"},
    "": {"tickformat": ",~r"},
}
_HOVER = {"USD": "$%{y:,.6~f}", "ms": "%{y:,.2~f} s", "%": "%{y:,.3~r} %"}
_MS = 1000.0
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
        yaxis={"rangemode": "tozero", **_AXES[data.unit]},
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
    return figure(
        [
            {
                "type": "bar",
                "orientation": "h",
                "y": [label(name_of(one, data), 28) for one in rows],
                "x": [_value(one.whole.value, data.unit) for one in rows],
                "marker": {"color": [_color(data, one, at) for at, one in enumerate(series)][::-1]},
                "hovertemplate": _HOVER.get(data.unit, "%{y:,.2~f}").replace("%{y", "%{x")
                + "<extra></extra>",
            }
        ],
        showlegend=False,
        xaxis={"rangemode": "tozero", **_AXES[data.unit]},
        yaxis={"type": "category"},
    )


def _color(data: ChartData, series: Series, at: int) -> str:
    is_grey = series.is_other or (series.name is None and bool(data.chart.group_by))
    return color("rest" if is_grey else SERIES[at % len(SERIES)])


def _value(value: Figure, unit: str) -> float | None:
    if value is None:
        return None
    return float(value) / _MS if unit == "ms" else float(value)


def note_of(data: ChartData) -> str:
    """Return what has to be known to read a chart."""
    notes = [f"each {data.period}" if data.period else "all time"]
    if data.percent is not None:
        notes.append(f"of a sample of {data.percent:.2g} % of the rows")
    whole = data.total.whole
    is_cost = data.unit == "USD"
    if whole.unknown and is_cost:
        notes.append(f"{whole.unknown:,} of {whole.rows:,} unknown, in no figure")
    if whole.partial and is_cost:
        notes.append(f"{whole.partial:,} known in part")
    return " · ".join(notes)


def table_of(data: ChartData) -> Any:
    """Return the figures over all time, by group, in a table."""
    heads = (data.chart.group_by or "group", data.title, "rows", "unknown", "known in part")
    head = html.Thead(
        html.Tr(
            [
                html.Th(text(short(shown, 80)), scope="col", className="num" if at else "")
                for at, shown in enumerate(heads)
            ]
        )
    )
    is_grouped = bool(data.chart.group_by)
    rows = [_row(data, one, name_of(one, data)) for one in data.series] if is_grouped else []
    foot = html.Tfoot(
        _row(data, data.total, f"all, {many(data.groups, 'group')}" if is_grouped else "all")
    )
    table = html.Table([head, html.Tbody(rows), foot], className="plain")
    return scrolled("Groups", table, "scroll tall")


def _row(data: ChartData, series: Series, name: str) -> Any:
    whole = series.whole
    value = whole.value
    shown = shown_figure(None if value is None else float(value), data.unit)
    return html.Tr(
        [
            html.Th(text(short(name, 120)), scope="row"),
            html.Td(shown, className="num", title="" if value is None else str(value)),
            html.Td(f"{whole.rows:,}", className="num"),
            html.Td(f"{whole.unknown:,}" if whole.unknown else "", className="num"),
            html.Td(f"{whole.partial:,}" if whole.partial else "", className="num"),
        ]
    )
