"""What the parts of a view ask the history; what several of them need is asked once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from otel_session_agg._page.services import Services
from otel_session_agg._views.address import State
from otel_session_agg._views.figures import (
    Figures,
    PeriodFigures,
    figures_by_period,
    figures_of,
    period_for_times,
)
from otel_session_agg._views.named import Listed, named
from otel_session_agg._views.outlier_flags import (
    Norms,
    context_among,
    norms_of,
    num_outliers,
    segment_of,
)
from otel_session_agg._views.overlay import Overlays, overlays
from otel_session_agg._views.overview_parts import OverviewParts, overview_parts
from otel_session_agg._views.ranges import Shown, is_covered, shown
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.selected import selected
from otel_session_agg._views.session_context import Context
from otel_session_agg._views.sides import Sides, segment_values, sides_of
from otel_session_agg.analysis._distributions import Spreads, spreads_of
from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import BREAKDOWNS, Source

__all__ = [
    "before_of",
    "context_at",
    "figures_at",
    "named_at",
    "overlays_at",
    "parts_at",
    "period_at",
    "periods_at",
    "sides_at",
    "source_at",
    "spreads_at",
    "values_at",
]

_T = TypeVar("_T")


def _once(
    what: str, state: State, history: Reads, services: Services, ask: Callable[[Shown], _T]
) -> _T:
    """Return the answer to a question about what a state selects."""
    return services.answers.get(
        (what, state.of_selection),
        history.revision,
        lambda: ask(shown(state, history, services.now())),
    )


def source_at(state: State, history: Reads, services: Services) -> Source:
    """Return the sessions that a state selects."""
    return selected(history, shown(state, history, services.now()).selection)


def figures_at(state: State, history: Reads, services: Services) -> Figures:
    """Return the figures of what a state selects."""
    return _once(
        "figures", state, history, services,
        lambda _: figures_of(source_at(state, history, services)),
    )  # fmt: skip


def before_of(state: State, history: Reads, services: Services) -> Figures | None:
    """Return the figures of the time before, as long; ``None``: the history has not all of it."""

    def ask(found: Shown) -> Figures | None:
        before = found.before
        if before is None or not is_covered(history, before):
            return None
        return figures_of(selected(history, before))

    return _once("before", state, history, services, ask)


def period_at(state: State, history: Reads, services: Services) -> Period | None:
    """Return the period in which the sessions are shown; ``None``: there are none."""
    return _once(
        "period", state, history, services,
        lambda _: period_for_times(source_at(state, history, services)),
    )  # fmt: skip


def periods_at(
    state: State, history: Reads, services: Services
) -> tuple[Period, list[PeriodFigures]] | None:
    """Return the figures of each period; ``None``: there are no sessions."""

    def ask(_: Shown) -> tuple[Period, list[PeriodFigures]] | None:
        period = period_at(state, history, services)
        if period is None:
            return None
        return period, figures_by_period(source_at(state, history, services), period)

    return _once("periods", state, history, services, ask)


def parts_at(state: State, history: Reads, services: Services, key: str) -> OverviewParts | None:
    """Return what sessions came to by model, agent and tool; ``None``: there are none."""

    def ask(_: Shown) -> OverviewParts | None:
        period = period_at(state, history, services)
        if period is None:
            return None
        source = source_at(state, history, services)
        return overview_parts(source, key, period)

    split = key if key in BREAKDOWNS else ""
    return _once(f"parts {split}", state, history, services, ask)


def named_at(state: State, history: Reads, services: Services, of: tuple[str, str]) -> Listed:
    """Return the first rows of a table, which charts show too; ``of``: the key, and the order."""
    key, sort = of
    return _once(
        f"named {key} {sort}", state, history, services,
        lambda _: named(source_at(state, history, services), key, sort),
    )  # fmt: skip


def spreads_at(state: State, history: Reads, services: Services) -> Spreads:
    """Return how cost, tokens and duration are spread over the sessions that a state selects."""
    return _once(
        "spreads", state, history, services,
        lambda _: spreads_of(source_at(state, history, services)),
    )  # fmt: skip


def values_at(state: State, history: Reads, services: Services, key: str) -> Sequence[str]:
    """Return the most frequent values that the sessions of a state have for a key."""
    return _once(
        f"values {key}", state, history, services,
        lambda found: segment_values(history, found.selection, key),
    )  # fmt: skip


def sides_at(state: State, history: Reads, services: Services) -> Sides:
    """Return what a state compares."""

    def values(key: str) -> Sequence[str]:
        return values_at(state, history, services, key)

    return sides_of(state, history, services.now(), values)


def overlays_at(state: State, history: Reads, services: Services) -> Overlays:
    """Return how figures are spread over both sides that a state compares."""

    def ask() -> Overlays:
        sides = sides_at(state, history, services)
        return overlays(history, sides.both)

    return services.answers.get(("overlays", state.of_view), history.revision, ask)


def context_at(state: State, history: Reads, services: Services, session: str) -> Context | None:
    """Return how a session compares with those that a state selects; ``None``: it is none."""
    norms, _ = norms_at(state, history, services)
    sessions = source_at(state, history, services)
    return context_among(sessions, session, norms, segment_of(state.by))


def norms_at(state: State, history: Reads, services: Services) -> tuple[Norms, int]:
    """Return what is normal among the sessions that a state selects, and how many stand out."""
    segment = segment_of(state.by)
    key = ("norms", state.of_selection, segment)

    def ask() -> tuple[Norms, int]:
        sessions = source_at(state, history, services)
        norms = norms_of(sessions, segment)
        return norms, num_outliers(sessions, norms, segment)

    return services.slow_answers.get(key, history.revision, ask)
