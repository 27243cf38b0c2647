"""The charts of a report, and between what one can choose in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_session_agg._untrusted.formatting import short
from otel_session_agg.analysis._distributions import Distribution, spreads_of
from otel_session_agg.analysis._figures import (
    calendar_figure,
    duration_figure,
    over_time_figure,
    split_figure,
)
from otel_session_agg.analysis._numbers import exact
from otel_session_agg.analysis._periods import PERIODS, Period
from otel_session_agg.analysis._source import BREAKDOWNS, USER_ID, Source, dimension_names
from otel_session_agg.analysis._splits import NamedTotals, split, split_by_period
from otel_session_agg.analysis._spread_figures import Point, against_figure, distribution_figure
from otel_session_agg.analysis._totals import PeriodTotals, totals_by_period

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["Choice", "Panel", "panels_of"]

_MAX_KEYS = 7
_MAX_COLORS = 8
_MAX_BARS = 15


class Choice(NamedTuple):
    """One figure of a panel."""

    key: str
    label: str
    note: str
    figure: Figure
    lines: Sequence[tuple[str, ...]] = ()
    """The same as a table: name, sessions, calls, tokens, unpriced calls, exact cost."""


class Panel(NamedTuple):
    """A chart with a title."""

    id: str
    title: str
    choices: Sequence[Choice]

    @property
    def figures(self) -> dict[str, Any]:
        """The figures by the keys of their choices, as Plotly's script takes them."""
        return {one.key: _plain(one.figure) for one in self.choices}


def _plain(figure: Figure) -> dict[str, Any]:
    plain: dict[str, Any] = figure.to_plotly_json()
    plain["layout"].pop("template", None)
    return plain


def panels_of(
    sessions: Source,
    segment: str | None,
    points: Sequence[Point],
    periods: Sequence[PeriodTotals],
    period: Period,
) -> list[Panel]:
    """Return all charts."""
    others = [name for name in dimension_names(sessions) if name != USER_ID]
    chosen = [segment] if segment else []
    keys = list(dict.fromkeys([*BREAKDOWNS, *chosen, "user", *others]))[:_MAX_KEYS]
    splits = {key: split(sessions, key, _MAX_BARS) for key in keys}
    shown = [key for key in keys if len(splits[key]) > 1 or key == keys[0]]
    spreads = spreads_of(sessions)
    return [
        Panel("over-time", f"Cost by {period.name}", _numbered(shown, lambda key: Choice(
            "", key, "USD, UTC",
            over_time_figure(split_by_period(sessions, key, _MAX_COLORS, period), period),
        ))),
        Panel("duration", "Duration of sessions", [
            Choice("0", "", f"by {period.name}", duration_figure(periods, period))
        ]),
        Panel("by-name", "Cost by", _numbered(shown, lambda key: Choice(
            "", key, "USD", split_figure(splits[key]), _lines(splits[key]),
        ))),
        Panel("spread", "Distribution", [
            Choice(name, name, _left_out(found), distribution_figure(found))
            for name, found in spreads.by_metric.items()
        ]),
        Panel("against", "Cost against duration", [
            Choice("0", "", "click an outlier to open it",
                   against_figure(spreads.cells, points))
        ]),
        Panel("calendar", "Calendar of cost", [
            Choice("0", "", "USD a day, UTC",
                   calendar_figure(totals_by_period(sessions, PERIODS["day"])))
        ]),
    ]  # fmt: skip


def _numbered(keys: Sequence[str], choice: Callable[[str], Choice]) -> list[Choice]:
    """Return a choice for each key; its own key is a number, for names of keys are foreign."""
    return [
        choice(key)._replace(key=str(number), label=short(key, 24))
        for number, key in enumerate(keys)
    ]


def _lines(rows: Sequence[NamedTotals]) -> list[tuple[str, ...]]:
    return [
        (
            short(row.name, 120), f"{row.sessions:,}", f"{row.calls:,}", f"{row.tokens:,}",
            f"{row.unpriced:,}", exact(row.cost) if row.cost is not None else "unknown",
        )
        for row in rows
    ]  # fmt: skip


def _left_out(found: Distribution) -> str:
    """Return what the chart does not show, in words."""
    parts = [
        f"{number:,} {what}"
        for number, what in ((found.unknown, "unknown"), (found.zero, "of 0"))
        if number
    ]
    return f"log scale{'; without ' if parts else ''}{' and '.join(parts)}"
