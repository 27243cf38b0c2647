"""Figures of what sessions came to by name, beside those of `analysis`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from otel_session_agg._views.named import Named
from otel_session_agg._views.overview_parts import Part
from otel_session_agg.analysis._figures import figure
from otel_session_agg.analysis._numbers import time_axis
from otel_session_agg.analysis._style import color, label

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["calls_figure", "durations_figure"]


def calls_figure(rows: Sequence[Named] | Sequence[Part]) -> Figure:
    """Return the calls under each name as a bar, those that failed apart."""
    places = list(range(len(rows), 0, -1))
    names = [label(row.name, 120) for row in rows]
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "x": values,
            "y": places,
            "marker": {"color": color(key)},
            "customdata": names,
            "hovertemplate": "<b>%{customdata}</b><br>%{x:,} " + name + "<extra></extra>",
        }
        for name, key, values in (
            ("calls", "series-1", [row.calls - row.errors for row in rows]),
            ("failed", "bad", [row.errors for row in rows]),
        )
    ]
    return figure(
        bars,
        barmode="stack",
        bargap=0.3,
        showlegend=any(row.errors for row in rows),
        xaxis={"tickformat": "~s", "rangemode": "tozero"},
        yaxis=_names(rows),
    )


def durations_figure(rows: Sequence[Named]) -> Figure:
    """Return how long a call takes on average under each name, the slowest first."""
    slow = sorted(rows, key=lambda row: -_seconds(row))
    bar: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "x": [_seconds(row) for row in slow],
        "y": list(range(len(slow), 0, -1)),
        "marker": {"color": color("series-2")},
        "customdata": [label(row.name, 120) for row in slow],
        "hovertemplate": "<b>%{customdata}</b><br>%{x:,.3~r} s<extra></extra>",
    }
    axis = {"rangemode": "tozero", **time_axis(bar["x"])}
    return figure([bar], bargap=0.3, showlegend=False, xaxis=axis, yaxis=_names(slow))


def _seconds(row: Named) -> float:
    return (row.duration or 0.0) / max(row.calls, 1) / 1000


def _names(rows: Sequence[Named] | Sequence[Part]) -> dict[str, Any]:
    """Return the axis that has a name for each row, the first at the top."""
    places = list(range(len(rows), 0, -1))
    shown = [label(row.name, 28) for row in rows]
    return {"tickvals": places, "ticktext": shown, "showgrid": False, "ticks": ""}
