"""How figures look: their colours, their layout, and foreign names in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from otel_session_agg._untrusted.formatting import short

__all__ = ["PALETTE", "SERIES", "color", "colors_of", "label", "layout", "line"]

PALETTE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ground": ("#f6f7f9", "#101215"),
        "card": ("#ffffff", "#191c20"),
        "line": ("#dee2e6", "#2e333a"),
        "grid": ("#e9ecef", "#2a2e35"),
        "text": ("#16181d", "#e9ecef"),
        "dim": ("#68727c", "#98a1ab"),
        "accent": ("#3b5bdb", "#91a7ff"),
        "tint": ("#edf2ff", "#232c4d"),
        "warn": ("#9a5800", "#ffc078"),
        "warn-tint": ("#fff4e0", "#3a2b14"),
        "bad": ("#c92a2a", "#ff8787"),
        "bad-tint": ("#ffe9e9", "#40201f"),
        "series-1": ("#4c6ef5", "#5c7cfa"),
        "series-2": ("#f59f00", "#f5a524"),
        "series-3": ("#12b886", "#20c997"),
        "series-4": ("#ae3ec9", "#cc5de8"),
        "series-5": ("#15aabf", "#22b8cf"),
        "series-6": ("#e8590c", "#ff922b"),
        "series-7": ("#82c91e", "#94d82d"),
        "series-8": ("#d6336c", "#f06595"),
        "rest": ("#adb5bd", "#6c757d"),
        "low": ("#eef2ff", "#1e2642"),
        "high": ("#849dff", "#4263eb"),
    }
)
"""Colours by name: in the light theme, in the dark one; no light one stands for two names."""

SERIES = tuple(f"series-{number}" for number in range(1, 9))
"""Names of the colours of what is distinguished by colour."""

_MAX_LABEL_CHARS = 40

MOST_MARKED = 60
"""Values of a line up to which each is marked: between two gaps a line alone shows nothing."""


def color(name: str) -> str:
    """Return a colour of the light theme."""
    return PALETTE[name][0]


def line(values: Sequence[object], shown: str) -> dict[str, Any]:
    """Return how a line over time looks: its values, where ``None`` is a gap, and its colour."""
    known = sum(value is not None for value in values)
    return {
        "type": "scatter",
        "mode": "lines+markers" if known <= MOST_MARKED else "lines",
        "line": {"color": shown, "width": 2},
        "marker": {"color": shown, "size": 5},
    }


def colors_of(names: Sequence[str], rest: Collection[str]) -> dict[str, str]:
    """Return a colour for each name, in their order; what is the rest, or has no name, is grey."""
    distinct = [name for name in names if name not in rest]
    found = {name: color(key) for name, key in zip(distinct, SERIES, strict=False)}
    return {name: found.get(name, color("rest")) for name in names}


def label(name: str, max_chars: int = _MAX_LABEL_CHARS) -> str:
    """Return a foreign name as text of a figure: without markup, formulas or control characters."""
    return escape(short(name, max_chars), quote=False).replace("$", "&#36;")


def layout(**more: Any) -> dict[str, Any]:
    """Return the layout that all figures have, and what one of them adds."""
    axis = {
        "gridcolor": color("grid"),
        "zerolinecolor": color("grid"),
        "automargin": True,
        "ticklabelstandoff": 5,
    }
    common = {
        "font": {"color": color("text"), "size": 12},
        "paper_bgcolor": color("card"),
        "plot_bgcolor": color("card"),
        "colorway": [color(name) for name in SERIES],
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "legend": {
            "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom",
            "font": {"color": color("dim")},
        },
        "hoverlabel": {
            "bgcolor": color("card"), "bordercolor": color("line"),
            "font": {"color": color("text")}, "align": "left",
        },
    }  # fmt: skip
    nested = {**common, "xaxis": axis, "yaxis": axis}
    merged = {
        name: {**value, **more.pop(name, {})} if isinstance(value, dict) else value
        for name, value in nested.items()
    }
    return {**merged, **more}
