"""The totals at the head of a report, and the warning about costs that are unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from otel_session_agg._untrusted.formatting import counted, duration, short
from otel_session_agg.analysis._numbers import compact, exact, grouped, many, money, rate, share
from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import Source
from otel_session_agg.analysis._totals import PeriodTotals, Totals

__all__ = ["Card", "Chip", "cards_of", "warning_of"]

_MAX_NAMES = 5
_UNPRICED_MODELS = """
SELECT coalesce(name, 'none') AS model, sum(unpriced)::BIGINT AS calls FROM breakdown
WHERE kind = 'model' AND unpriced > 0
GROUP BY model ORDER BY calls DESC, model
"""


class Chip(NamedTuple):
    """A few words with a colour: ``warn``, ``bad`` or none."""

    text: str
    kind: str = ""


class Card(NamedTuple):
    """One total."""

    label: str
    value: str
    note: str
    chips: tuple[Chip, ...] = ()
    line: str = ""
    """Its course over time as the path of an SVG, 100 wide and 30 high."""


def cards_of(totals: Totals, periods: Sequence[PeriodTotals], period: Period) -> list[Card]:
    """Return the cards; none when there are no sessions."""
    if not totals.sessions:
        return []
    sessions = totals.sessions
    return [
        *_cards_of_cost(totals, periods),
        Card(
            "Sessions",
            compact(sessions),
            f"{rate(sessions, len(periods))} each {period.name}",
            line=_path([one.sessions for one in periods]),
        ),
        Card(
            "Traces",
            compact(totals.traces),
            f"{grouped(totals.traces / sessions, 1)} a session",
            line=_path([one.traces for one in periods]),
        ),
        Card(
            "Model calls",
            compact(totals.calls),
            f"{grouped(totals.calls / sessions, 1)} a session",
            line=_path([one.calls for one in periods]),
        ),
        Card(
            "Tokens",
            compact(totals.tokens),
            f"{compact(totals.prompt_tokens)} prompt,"
            f" {compact(totals.completion_tokens)} completion",
            _cached(totals),
            _path([one.tokens for one in periods]),
        ),
        Card(
            "Duration, p95",
            duration(totals.p95_duration),
            f"median {duration(totals.median_duration)}",
            line=_path([one.p95_duration or 0 for one in periods]),
        ),
        Card(
            "Sessions with errors",
            share(totals.sessions_failed, sessions, 1),
            f"{many(totals.errors, 'error')} in {many(totals.sessions_failed, 'session')}",
            line=_path([one.sessions_failed for one in periods]),
        ),
    ]


def _cards_of_cost(totals: Totals, periods: Sequence[PeriodTotals]) -> list[Card]:
    cost = totals.cost
    unpriced = Chip(f"+ {many(totals.unpriced, 'unpriced call')}", "warn")
    return [
        Card(
            "Cost",
            money(cost),
            f"{exact(cost)} USD" if cost is not None else "no cost is known",
            (unpriced,) if totals.unpriced else (),
            _path([float(one.cost or 0) for one in periods]),
        ),
        Card(
            "Cost per session",
            money(cost / totals.sessions_priced) if cost is not None else "unknown",
            f"median {money(totals.median_cost)}",
            line=_path([float(one.cost or 0) / (one.sessions_priced or 1) for one in periods]),
        ),
    ]


def _cached(totals: Totals) -> tuple[Chip, ...]:
    if not totals.cache_read_tokens or not totals.prompt_tokens:
        return ()
    return (Chip(f"{share(totals.cache_read_tokens, totals.prompt_tokens)} of prompts cached"),)


def _path(values: Sequence[float]) -> str:
    if len(values) < 2:  # noqa: PLR2004  a line has two ends
        return ""
    most = max(values) or 1
    step = 100 / (len(values) - 1)
    points = (f"{round(step * x, 1)} {round(28 - 26 * y / most, 1)}" for x, y in enumerate(values))
    return "M" + " L".join(points)


def warning_of(sessions: Source, totals: Totals) -> tuple[str, str] | None:
    """Return what is to be said about unknown costs; ``None``: all are known."""
    if not totals.unpriced:
        return None
    models = sessions.rows(_UNPRICED_MODELS)
    names = [f"{short(name, 60)} ({calls:,})" for name, calls in models[:_MAX_NAMES]]
    more = [counted(len(models) - _MAX_NAMES, "other")] if len(models) > _MAX_NAMES else []
    calls = many(totals.unpriced, "call")
    head = f"The cost of {calls} in {many(totals.sessions_unpriced, 'session')} is unknown"
    listed = f" Models: {', '.join(names + more)}." if names else ""
    return head, f"and in none of the sums here.{listed}"
