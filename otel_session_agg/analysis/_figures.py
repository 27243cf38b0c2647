"""Figures about cost: over time, by name, in a calendar."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from otel_session_agg._extras import needed
from otel_session_agg.analysis._numbers import USD_FORMAT, many, money, time_axis
from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import NONE, OTHER
from otel_session_agg.analysis._splits import NamedTotals, PeriodCost
from otel_session_agg.analysis._style import color, colors_of, label, layout, line
from otel_session_agg.analysis._totals import PeriodTotals

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["calendar_figure", "duration_figure", "figure", "over_time_figure", "split_figure"]

_GREY = (NONE, OTHER)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WEEK = timedelta(days=7)
_MAX_WEEKS_WITH_TEXTS = 5
"""Weeks in whose cells there is room for the figure of a day; of more, colours are explained."""
_LONGEST = timedelta(days=3650)
"""Within it, weeks without sessions are shown; beyond it, some time cannot be right."""
_CHARACTER = 0.045
"""Which part of the longest bar a character of an amount takes, where there is little room."""
_QUANTILES = (("p50", "series-1"), ("p95", "series-3"), ("p99", "series-2"))


def figure(data: Sequence[dict[str, Any]], **more: Any) -> Figure:
    """Return a figure of this library's style."""
    if more.get("xaxis", {}).get("type") == "date":
        more["xaxis"] = {**more["xaxis"], **_marks_of_one({x for one in data for x in one["x"]})}
    made: Figure = needed("plotly.graph_objects", "report").Figure(
        {"data": list(data), "layout": {"template": "none", **layout(**more)}}
    )
    return made


def _marks_of_one(times: Collection[str]) -> dict[str, Any]:
    """Return the mark of an axis that has a single time: Plotly would mark parts of a second."""
    return {"tickvals": list(times)} if len(times) == 1 else {}


def over_time_figure(rows: Sequence[PeriodCost], period: Period) -> Figure:
    """Return the cost of each period as a bar, in the parts that have a name."""
    names = list(dict.fromkeys(row.name for row in rows))
    colors = colors_of(names, _GREY)
    bars = [
        {
            "type": "bar",
            "name": label(name, 28),
            "x": [_time(row.start) for row in rows if row.name == name],
            "y": [float(row.cost) for row in rows if row.name == name],
            "marker": {"color": colors[name]},
            "hovertemplate": "%{y:$,.6~f}",
        }
        for name in names
    ]
    return figure(
        bars,
        barmode="stack",
        bargap=0.22,
        legend={"traceorder": "normal"},
        hovermode="x unified",
        xaxis={"type": "date", "hoverformat": _FORMATS[period.name]},
        yaxis={"tickformat": USD_FORMAT},
    )


_FORMATS = {
    "minute": "%a %d %b %Y, %H:%M", "hour": "%a %d %b %Y, %H:%M", "day": "%a %d %b %Y",
    "week": "week from %d %b %Y", "month": "%B %Y", "year": "%Y",
}  # fmt: skip


def duration_figure(rows: Sequence[PeriodTotals], period: Period) -> Figure:
    """Return the median and high quantiles of the duration of sessions, over time."""
    lines: list[dict[str, Any]] = []
    for name, key in _QUANTILES:
        values = [_seconds(getattr(row, f"{name}_duration")) for row in rows]
        lines.append(
            {
                **line(values, color(key)),
                "name": name,
                "x": [_time(row.start) for row in rows],
                "y": values,
                "hovertemplate": "%{y:,.1~f} s",
            }
        )
    return figure(
        lines,
        hovermode="x unified",
        xaxis={"type": "date", "hoverformat": _FORMATS[period.name]},
        yaxis={"rangemode": "tozero", **time_axis(one for each in lines for one in each["y"])},
    )


def split_figure(rows: Sequence[NamedTotals]) -> Figure:
    """Return the known cost under each name as a bar, the dearest on top."""
    colors = colors_of([row.name for row in rows], _GREY)
    most = max((float(row.cost or 0) for row in rows), default=0.0)
    places = list(range(len(rows), 0, -1))
    texts = [money(row.cost) for row in rows]
    room = max(
        (float(row.cost or 0) + most * _CHARACTER * len(text)
         for row, text in zip(rows, texts, strict=True)),
        default=0.0,
    )  # fmt: skip
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [float(row.cost or 0) for row in rows],
        "y": places,
        "marker": {"color": [colors[row.name] for row in rows]},
        "text": texts,
        "textangle": 0,
        "textposition": "outside",  # in a bar, no colour of text is readable on every colour
        "cliponaxis": False,
        "customdata": [[label(row.name, 120), row.sessions, row.calls, row.tokens, row.unpriced]
                       for row in rows],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{x:$,.6~f}<br>%{customdata[1]:,} sessions,"
        " %{customdata[2]:,} calls, %{customdata[3]:,} tokens<br>"
        "%{customdata[4]:,} calls of unknown cost<extra></extra>",
    }  # fmt: skip
    ticks = {"tickvals": places, "ticktext": [label(row.name, 28) for row in rows]}
    return figure(
        [bars],
        bargap=0.3,
        uniformtext={"minsize": 10, "mode": "show"},  # however low a bar is
        xaxis={"tickformat": USD_FORMAT, "range": [0, room or 1], "nticks": 5},
        yaxis={**ticks, "showgrid": False, "ticks": ""},
    )


def calendar_figure(rows: Sequence[PeriodTotals]) -> Figure:
    """Return the known cost of each day: a column is a week, from Monday down to Sunday.

    So cells are wide where there are few weeks, and each has its figure, on a narrow screen, too.
    """
    days = {row.start.date(): row for row in rows}
    weeks = _weeks(list(days))
    grid = [[days.get(week + timedelta(days=day)) for week in weeks] for day in range(7)]
    has_texts = len(weeks) <= _MAX_WEEKS_WITH_TEXTS
    heat = {
        "type": "heatmap",
        "z": [[float(one.cost or 0) if one else None for one in day] for day in grid],
        "x": [f"{week:%d %b}" for week in weeks],
        "y": _WEEKDAYS,
        "customdata": [[_day(one) if one else "" for one in day] for day in grid],
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
        "xgap": 3,
        "ygap": 3,
        "zmin": 0,
        "colorscale": [[0, color("low")], [1, color("high")]],
        "colorbar": {"tickformat": USD_FORMAT, "thickness": 10, "outlinewidth": 0},
        "showscale": not has_texts,
        "textfont": {"color": color("text")},
    }
    if has_texts:
        texts = [[money(one.cost or 0) if one else "" for one in day] for day in grid]
        heat |= {"text": texts, "texttemplate": "%{text}"}
    return figure(
        [heat],
        xaxis={"showgrid": False, "side": "top" if has_texts else "bottom", "type": "category"},
        yaxis={"showgrid": False, "autorange": "reversed", "type": "category"},
    )


def _weeks(days: Sequence[date]) -> list[date]:
    """Return the Mondays of all weeks from the first day to the last."""
    found = {day - timedelta(days=day.weekday()) for day in days}
    if not found or (max(found) - min(found)) > _LONGEST:
        return sorted(found)
    return [min(found) + _WEEK * number for number in range((max(found) - min(found)) // _WEEK + 1)]


def _day(row: PeriodTotals) -> str:
    day = f"<b>{row.start:%a %d %b %Y}</b>"
    return "<br>".join((day, money(row.cost or 0), many(row.sessions, "session")))


def _time(start: datetime) -> str:
    return start.isoformat(timespec="minutes")


def _seconds(ms: float | None) -> float | None:
    return ms / 1000 if ms is not None else None
