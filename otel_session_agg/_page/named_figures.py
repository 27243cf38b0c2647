"""Figures of what sessions came to by name, beside those of `analysis`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from otel_session_agg._views.named import Named
from otel_session_agg.analysis._figures import figure
from otel_session_agg.analysis._style import color, label

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["calls_figure"]


def calls_figure(rows: Sequence[Named]) -> Figure:
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
    ticks = {"tickvals": places, "ticktext": [label(row.name, 28) for row in rows]}
    return figure(
        bars,
        barmode="stack",
        bargap=0.3,
        showlegend=any(row.errors for row in rows),
        xaxis={"tickformat": "~s", "rangemode": "tozero"},
        yaxis={**ticks, "showgrid": False, "ticks": ""},
    )
