"""The figures at the head of the overview, each with its change against the period before."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg._untrusted.formatting import duration
from otel_session_agg._views.figures import Figures
from otel_session_agg.analysis._numbers import compact, exact, grouped, many, money, share

__all__ = ["Card", "Change", "cards_of", "change_of"]

UNKNOWN = "unknown"
_DECIMAL_BELOW = 9.95
"""Percent, from which on a change is shown without decimals."""
_MAX_PERCENT = 1000
"""A change beyond it is shown as a multiple."""


class Change(NamedTuple):
    """How a figure changed against the period before."""

    text: str
    """``+6.2 %``"""
    tone: str = "plain"
    """``good``, ``bad`` or ``plain``."""
    before: str = ""
    """What it was, in words."""


class Card(NamedTuple):
    """A figure."""

    key: str
    label: str
    value: str
    about: str
    change: Change | None = None
    """``None``: there is nothing to compare it with."""
    warning: str = ""
    """What is not in the figure."""
    exact: str = ""
    """With all digits."""


def change_of(
    now: float | Decimal | None,
    before: float | Decimal | None,
    shown: Callable[[float], str],
    rising: str = "plain",
) -> Change | None:
    """Return how a figure changed, in percent; ``None``: one of them is not known.

    ``rising``: what it means when the figure rises: ``good``, ``bad`` or ``plain``.
    """
    if now is None or before is None:
        return None
    was = f"{shown(float(before))} in the period before"
    if not before:
        return Change("new" if now else "0%", rising if now else "plain", was)
    percent = 100 * (float(now) / float(before) - 1)
    text = f"{_signed(percent, 1 if abs(percent) < _DECIMAL_BELOW else 0)}%"
    if abs(percent) > _MAX_PERCENT:
        text = f"{grouped(float(now) / float(before))} \N{MULTIPLICATION SIGN}"
    return Change(text, _tone(percent, rising), was)


def _points(now: float | None, before: float | None, rising: str) -> Change | None:
    """Return how a share changed, in percentage points."""
    if now is None or before is None:
        return None
    points = 100 * (now - before)
    was = f"{before:.1%} in the period before"
    return Change(f"{_signed(points, 1)} pt", _tone(points, rising), was)


def _signed(number: float, decimals: int) -> str:
    return ("-" if number < 0 else "+") + grouped(abs(number), decimals)


def _tone(change: float, rising: str) -> str:
    if rising == "plain" or round(change, 1) == 0:
        return "plain"
    return rising if change > 0 else {"good": "bad", "bad": "good"}[rising]


def cards_of(now: Figures, before: Figures | None) -> list[Card]:
    """Return the cards of a selection; ``before``: the figures of the period before."""
    past = before if before is not None and before.sessions else None
    return [
        _sessions(now, past),
        *_costs(now, past),
        _tokens(now, past),
        Card(
            "p95_duration",
            "p95 duration",
            UNKNOWN if now.p95_duration is None else duration(now.p95_duration),
            f"median {duration(now.p50_duration)}" if now.p50_duration is not None else "",
            past and change_of(now.p95_duration, past.p95_duration, duration, "bad"),
        ),
        Card(
            "errors",
            "Errors",
            UNKNOWN if now.error_share is None else share(now.sessions_failed, now.sessions, 1),
            f"{many(now.errors, 'error')} in {many(now.sessions_failed, 'session')}",
            past and _points(now.error_share, past.error_share, "bad"),
        ),
    ]


def _sessions(now: Figures, past: Figures | None) -> Card:
    running = f", {now.running:,} running" if now.running else ""
    about = f"{many(now.traces, 'trace')}{running}"
    change = past and change_of(now.sessions, past.sessions, _whole, "good")
    return Card("sessions", "Sessions", compact(now.sessions), about, change)


def _costs(now: Figures, past: Figures | None) -> list[Card]:
    missing = f"+ {now.unpriced:,} unpriced" if now.unpriced else ""
    average = now.average_cost
    past_average = past.average_cost if past is not None else None
    return [
        Card(
            "cost",
            "Cost",
            money(now.cost),
            "no cost is known" if now.cost is None else "of all calls whose price is known",
            past and _cost_change(now, past, now.cost, past.cost),
            missing,
            "" if now.cost is None else f"{exact(now.cost)} USD",
        ),
        Card(
            "average_cost",
            "Cost / session",
            money(average),
            f"over {many(now.sessions_priced, 'session')} with a known cost",
            past and _cost_change(now, past, average, past_average),
            missing,
            exact="" if average is None else f"{float(average):.12g} USD",
        ),
    ]


def _cost_change(
    now: Figures, past: Figures, value: Decimal | None, before: Decimal | None
) -> Change | None:
    """Return how a cost changed, which is neither good nor bad where a part of it is unknown."""
    found = change_of(value, before, money, "bad")
    if found is None or not (now.unpriced or past.unpriced):
        return found
    unknown = f"{found.before}, without {past.unpriced:,} unpriced calls; now without"
    return Change(found.text, "plain", f"{unknown} {now.unpriced:,}")


def _tokens(now: Figures, past: Figures | None) -> Card:
    tokens = UNKNOWN if now.tokens is None else compact(now.tokens)
    cached = now.cache_share
    about = "" if cached is None else f"{cached:.0%} of prompts from a cache"
    change = past and change_of(now.tokens, past.tokens, _whole)
    exactly = "" if now.tokens is None else f"{now.tokens:,} tokens"
    return Card("tokens", "Tokens", tokens, about, change, exact=exactly)


def _whole(number: float) -> str:
    return grouped(number)
