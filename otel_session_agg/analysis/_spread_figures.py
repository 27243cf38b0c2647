"""Figures about single sessions: how they are spread, and which of them stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_session_agg.analysis._distributions import Cell, Distribution
from otel_session_agg.analysis._figures import figure
from otel_session_agg.analysis._numbers import money_ticks, time_ticks
from otel_session_agg.analysis._style import color, label

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Point", "against_figure", "distribution_figure"]


class Point(NamedTuple):
    """A session that stands out, in the chart of cost against duration."""

    session: str
    cost: float
    """USD"""
    duration: float
    """Seconds."""
    reason: str


_TICKS: Mapping[str, Mapping[str, Any]] = {
    "USD": money_ticks(),
    "tokens": {"tickformat": "~s"},
    "s": time_ticks(),
}
_FEW = 5
"""So many sessions get a line each: half of one is nothing."""
_ROOM_FOR_MARKS = 1.2
"""So much higher than the highest bar an axis is, for what is written at marks."""
_LINE = 16
"""Pixels of a line of text."""
_LARGEST = 16
"""Pixels of the cell with most sessions."""


def distribution_figure(found: Distribution) -> Figure:
    """Return how often a figure lies between two bounds, and its median and 95th percentile."""
    lows, highs = found.bounds[:-1], found.bounds[1:]
    bars = {
        "type": "bar",
        "x": lows,
        "y": found.counts,
        "offset": 0,
        "width": [high - low for low, high in zip(lows, highs, strict=True)],
        "marker": {"color": color("series-1"), "line": {"color": color("card"), "width": 1}},
        "customdata": list(zip(lows, highs, strict=True)),
        "hovertemplate": "%{customdata[0]:,.4~g} to %{customdata[1]:,.4~g} "
        f"{found.metric.unit}<br>%{{y:,}} sessions<extra></extra>",
    }
    marks = [
        (name, value)
        for name, value in (("median", found.median), ("p95", found.p95))
        if value is not None
    ]
    return figure(
        [bars],
        showlegend=False,
        xaxis={"type": "log", "showgrid": False, "dtick": 1, **_TICKS[found.metric.unit]},
        yaxis={
            "tickformat": ",",
            "dtick": 1 if max(found.counts, default=0) <= _FEW else None,
            "title": {"text": "sessions"},
            "range": [0, _ROOM_FOR_MARKS * max(found.counts, default=0) or 1],
        },
        shapes=[
            {
                "type": "line", "x0": value, "x1": value, "yref": "paper", "y0": 0, "y1": 1,
                "line": {"color": color("bad"), "width": 1.5, "dash": "dot"},
            }
            for _, value in marks
        ],
        annotations=[
            {
                "x": log10(value), "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "left",
                "text": f" {name}", "showarrow": False, "font": {"color": color("bad")},
                "yshift": -_LINE * at,  # both may be at the same place
            }
            for at, (name, value) in enumerate(marks)
        ],
    )  # fmt: skip


def against_figure(cells: Sequence[Cell], points: Sequence[Point]) -> Figure:
    """Return cost against duration: sessions that are alike as one disc, outliers each."""
    most = max((cell.sessions for cell in cells), default=1)
    discs = {
        "type": "scatter",
        "mode": "markers",
        "name": "sessions, by how many are alike",
        "x": [cell.duration for cell in cells],
        "y": [cell.cost for cell in cells],
        "marker": {
            "color": color("rest"),
            "opacity": 0.7,
            "line": {"width": 0},
            "size": [3 + (_LARGEST - 3) * (cell.sessions / most) ** 0.5 for cell in cells],
        },
        "customdata": [cell.sessions for cell in cells],
        "hovertemplate": "%{customdata:,} sessions near $%{y:,.4~g}, %{x:,.3~g} s<extra></extra>",
    }
    outliers = {
        "type": "scatter",
        "mode": "markers",
        "name": "outliers",
        "x": [point.duration for point in points],
        "y": [point.cost for point in points],
        "marker": {
            "color": color("bad"), "size": 8, "line": {"color": color("card"), "width": 1},
        },
        "customdata": [[point.session] for point in points],
        "text": [f"<b>{label(point.session)}</b><br>{_broken(point.reason)}" for point in points],
        "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip
    return figure(
        [discs, outliers],
        xaxis={"type": "log", "dtick": 1, "zeroline": False, **_TICKS["s"]},
        yaxis={"type": "log", "dtick": 1, "zeroline": False, **_TICKS["USD"]},
    )


def _broken(reason: str) -> str:
    return "<br>".join(label(line, 160) for line in reason.split("; "))
