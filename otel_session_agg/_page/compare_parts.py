"""Parts of the view that compares: the figures of both sides, and what drives the difference."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, log10
from typing import Any

from dash import html

from otel_session_agg._page.parts import aria, chip, percent, scrolled, text
from otel_session_agg._untrusted.formatting import duration, exact_usd
from otel_session_agg._untrusted.values import PUSD_PER_USD
from otel_session_agg._views.compare import Comparison, Difference
from otel_session_agg._views.drivers import Driver, Drivers
from otel_session_agg._views.sides import Sides
from otel_session_agg.analysis._numbers import compact, grouped, many, money, significant

__all__ = ["differences_table", "drivers_table", "shown_figure"]

_BETTER_BELOW = frozenset(
    {"cost", "median_cost", "tokens", "mean_duration", "p50", "p95", "p99", "failed", "unpriced"}
)
"""Figures of which less is better; of the others nobody can say."""
_BETTER_ABOVE = frozenset({"cache"})
_MAX_DECIMALS = 6
_MOST = 1.0
"""The largest difference that the bars show, as a part of the first side."""


def shown_figure(value: float | None, unit: str) -> str:
    """Return a figure with its unit."""
    if value is None:
        return "unknown"
    if unit == "USD":
        return f"-{money(-value)}" if value < 0 else money(value)
    if unit == "ms":
        return duration(value)
    if unit == "%":
        return f"{_percent(value)}%"
    if float(value).is_integer() and abs(value) < 2**53:
        return f"-{compact(-int(value))}" if value < 0 else compact(int(value))
    return grouped(value) if abs(value) >= 100 else significant(value, 3)  # noqa: PLR2004


def _percent(value: float) -> str:
    return grouped(value, 2 if 0 < abs(value) < 1 else 1)


def differences_table(found: Comparison, sides: Sides) -> Any:
    """Return all figures of both sides in a table."""
    heads = (
        "Figure", text(sides.name_a), text(sides.name_b), "Difference", "95% interval",
        "Relative to the first", "How",
    )  # fmt: skip
    head = html.Thead(
        html.Tr(
            [
                html.Th(shown, scope="col", className="num" if 0 < at < len(heads) - 2 else "")
                for at, shown in enumerate(heads)
            ]
        )
    )
    body = html.Tbody([_row(one) for one in found.differences])
    return scrolled("Figures", html.Table([head, body], className="plain compared"))


def _row(one: Difference) -> Any:
    interval = one.interval
    between = ""
    if interval is not None:
        between = f"{_signed(interval.low, one.unit)} to {_signed(interval.high, one.unit)}"
    known = f"{one.known_a:,} and {one.known_b:,} sessions"
    return html.Tr(
        [
            html.Th(one.title, scope="row"),
            html.Td(shown_figure(one.a, one.unit), className="num", title=_exact(one.a)),
            html.Td(shown_figure(one.b, one.unit), className="num", title=_exact(one.b)),
            html.Td(_difference(one), className="num"),
            html.Td(between, className="num"),
            html.Td(_bar(one)),
            html.Td(one.note, className="dead small", title=known),
        ]
    )


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value)


def _signed(value: float, unit: str) -> str:
    shown = shown_figure(value, unit)
    return f"+{shown}" if value > 0 else shown


def _difference(one: Difference) -> Any:
    difference = one.difference
    if difference is None:
        return "unknown" if one.is_comparable else ""
    if not difference:
        return chip("none")
    shown = _signed(difference, "pt" if one.unit == "%" else one.unit)
    if one.unit == "%":
        shown = f"{'+' if difference > 0 else ''}{_percent(difference)} pt"
    relative = "" if one.relative is None or one.unit == "%" else f" ({one.relative:+.1%})"
    return chip(f"{shown}{relative}", _tone(one, difference), _why_tone(one))


def _tone(one: Difference, difference: float) -> str:
    if one.interval is None or one.interval.has_zero:
        return "plain"
    if one.key in _BETTER_BELOW:
        return "bad" if difference > 0 else "good"
    if one.key in _BETTER_ABOVE:
        return "good" if difference > 0 else "bad"
    return "plain"


def _why_tone(one: Difference) -> str:
    if one.interval is None:
        return one.note
    if one.interval.has_zero:
        return "It may be chance: no difference is within the interval"
    return "More than chance: no difference is not within the interval"


def _bar(one: Difference) -> Any:
    """Return the interval as a bar around no difference, in parts of the first side."""
    if one.interval is None or not one.a:
        return None
    ends = [min(max(end / abs(one.a), -_MOST), _MOST) for end in one.interval[:2]]
    low, high = (50 + 50 * end / _MOST for end in ends)
    middle = 50 + 50 * min(max(one.relative or 0, -_MOST), _MOST) / _MOST
    tone = _tone(one, one.difference or 0)
    label = f"{ends[0]:+.0%} to {ends[1]:+.0%}"
    return html.Div(
        [
            html.Span(className="zero"),
            html.Span(
                className=f"reach {tone}",
                style={"left": percent(low), "width": f"max({percent(high - low)}, 2px)"},
            ),
            html.Span(className=f"middle {tone}", style={"left": percent(middle)}),
        ],
        className="forest",
        title=label,
        role="img",
        **aria(label=label),
    )


# -- drivers ---------------------------------------------------------------------------------------


def drivers_table(found: Drivers | None, sides: Sides, most: int = 20) -> Any:
    """Return what drives the difference in the cost of a session; the last line is the sum."""
    if found is None:
        return html.P("One side has no session of known cost.", className="dead")
    heads = (
        found.kind.capitalize(), text(sides.name_a), text(sides.name_b), "Difference", "Volume",
        "Mix", "Rate", "Calls",
    )  # fmt: skip
    head = html.Thead(
        html.Tr(
            [
                html.Th(shown, scope="col", className="num" if at else "")
                for at, shown in enumerate(heads)
            ]
        )
    )
    shown, rest = found.rows[:most], found.rows[most:]
    if rest:
        shown = [*shown, _summed(f"{len(rest)} more", rest)]
    largest = max((abs(part) for row in shown for part in row.effects), default=Fraction(0))
    amounts = [part for row in shown for part in (row.a, row.b, row.difference, *row.effects)]
    decimals = _decimals(amounts)
    rows = [_driver(row, largest, decimals) for row in shown]
    total = _driver(_summed("all", found.rows), None, decimals)
    unpriced = sum(found.unpriced)
    said = (
        f"USD for each of {found.sessions[0]:,} and {found.sessions[1]:,} sessions of known cost;"
        " volume: more or fewer calls; mix: calls of other names; rate: dearer or cheaper calls."
        " The parts add up exactly."
    )
    if unpriced:
        said += f" {many(unpriced, 'call')} of unknown cost are in none of it."
    table = html.Table([head, html.Tbody(rows), html.Tfoot(total)], className="plain drivers")
    return html.Div(
        [scrolled("What drives the difference", table), html.P(said, className="dead small")]
    )


def _summed(name: str, rows: Sequence[Driver]) -> Driver:
    effects = [
        sum(parts, Fraction(0)) for parts in zip(*(row.effects for row in rows), strict=True)
    ]
    volume, mix, rate = effects or [Fraction(0)] * 3
    return Driver(
        name,
        sum((row.a for row in rows), Fraction(0)),
        sum((row.b for row in rows), Fraction(0)),
        volume,
        mix,
        rate,
        sum(row.calls_a for row in rows),
        sum(row.calls_b for row in rows),
    )


def _decimals(pusd: Sequence[Fraction]) -> int:
    """Return how many decimals all amounts of a table have: the largest shows four digits."""
    most = float(max(map(abs, pusd), default=Fraction(0)) / PUSD_PER_USD)
    digits = 3 - floor(log10(most)) if most else 2
    return min(max(digits, 2), _MAX_DECIMALS)


def _driver(row: Driver, largest: Fraction | None, decimals: int) -> Any:
    """Return a row; ``largest``: what the longest bar stands for, ``None``: there are no bars."""

    def usd(part: Fraction) -> Any:
        return _usd(part, decimals, is_signed=True)

    parts = [
        html.Td(
            usd(part) if largest is None else _effect(part, largest, usd(part)), className="num"
        )
        for part in row.effects
    ]
    return html.Tr(
        [
            html.Th(text(row.name or "none"), scope="row"),
            html.Td(_known(row.a, row.calls_a, row.unpriced_a, decimals), className="num"),
            html.Td(_known(row.b, row.calls_b, row.unpriced_b, decimals), className="num"),
            html.Td(usd(row.difference), className="num strong"),
            *parts,
            html.Td(f"{row.calls_a:,} → {row.calls_b:,}", className="num dead"),
        ]
    )


def _known(pusd: Fraction, calls: int, unpriced: int, decimals: int) -> Any:
    """Return an amount; of what has calls of unknown cost alone, that it is unknown."""
    if unpriced and not calls and not pusd:
        return chip("unknown", "warn", many(unpriced, "call"))
    return _usd(pusd, decimals)


def _usd(pusd: Fraction, decimals: int, *, is_signed: bool = False) -> Any:
    """Return an amount with so many decimals; one points at it for all digits."""
    usd = float(pusd / PUSD_PER_USD)
    if not usd:
        return "0"
    sign = "-" if usd < 0 else "+" if is_signed else ""
    shown = grouped(abs(usd), decimals)
    is_seen = bool(float(shown.replace(",", "")))
    return html.Span(
        f"{sign}{shown}" if is_seen else shown, title=f"{sign}{exact_usd(abs(usd))} USD"
    )


def _effect(part: Fraction, largest: Fraction, shown: Any) -> Any:
    """Return an effect with a bar behind it."""
    width = 0.0 if not largest else 100 * float(abs(part) / largest)
    tone = "bad" if part > 0 else "good"
    return html.Div(
        [
            html.Span(className=f"behind {tone}", style={"width": percent(width)}),
            html.Span(shown),
        ],
        className="effect",
    )
