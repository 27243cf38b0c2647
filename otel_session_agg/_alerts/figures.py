"""Figures of many sessions: ``p95(duration) > 20 s``, ``share(errors > 0) > 5 %``, ``count()``.

A figure is over the sessions of which what it is made of is known; how many they are, and of how
many it is not known, is part of what is found.  Where calls are unpriced, a sum of costs is a lower
bound, which can be found to be above a limit and never to be below one; averages and percentiles of
costs leave out the sessions that have unpriced calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from otel_session_agg._alerts.columns import COSTS, NUMBERS, column_named
from otel_session_agg._alerts.quantities import Unit, quantity
from otel_session_agg._alerts.terms import OPERATORS, UPWARDS, Condition, Sql, condition, unit_of
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.columns import quoted
from otel_session_agg._untrusted.formatting import short

FUNCTIONS: Mapping[str, str] = {
    "sum": "sum({0})::DOUBLE",
    "avg": "avg({0})",
    "median": "quantile_cont({0}, 0.5)",
    "min": "min({0})",
    "max": "max({0})",
    "p50": "quantile_cont({0}, 0.5)",
    "p90": "quantile_cont({0}, 0.9)",
    "p95": "quantile_cont({0}, 0.95)",
    "p99": "quantile_cont({0}, 0.99)",
}
"""By name, in SQL."""

_COMPARISON = re.compile(
    r"\s*(?P<function>\w+)\s*\((?P<argument>.*)\)\s*(?P<operator><=|>=|<|>)\s*(?P<value>[^<>=]+)",
    re.DOTALL,
)
_MAX_CHARS = 1000
_MAX_SHOWN = 80
_EXAMPLES = "p95(duration) > 20 s, sum(cost) > 5, share(errors > 0) > 5 % or count() < 1"
_CHANGES = "p95(duration) > +25 % or count() < -50 %"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of many sessions."""

    function: str
    """A key of ``FUNCTIONS``, ``count`` or ``share``."""
    column: str = ""
    holds: Condition | None = None
    """What is counted by ``share``."""

    @property
    def unit(self) -> Unit:
        """What it is of."""
        if self.function == "share":
            return Unit.PERCENT
        return Unit.NUMBER if self.function == "count" else unit_of(self.column)

    @property
    def text(self) -> str:
        """How it is written."""
        return f"{self.function}({self.holds.text if self.holds else self.column})"

    @property
    def is_lower_bound(self) -> bool:
        """Whether it is one where something is unknown, and can be used as such."""
        return self.function == "sum"

    def of_session(self) -> Sql:
        """Return what of one session is in it; unknown where it is not in it."""
        if self.holds is not None:
            known, known_parameters = self.holds.known_sql()
            sql, parameters = self.holds.sql()
            return f"CASE WHEN {known} THEN ({sql})::INTEGER END", known_parameters + parameters
        if self.function == "count":
            return "1", []
        name = quoted(self.column)
        is_whole = self.column not in COSTS or self.is_lower_bound
        value = name if self.is_lower_bound else f"{name}::DOUBLE"
        return (value if is_whole else f"CASE WHEN unpriced = 0 THEN {value} END"), []

    def unknown(self) -> str:
        """Return in SQL whether what a session adds is unknown or incomplete."""
        if self.is_lower_bound and self.column in COSTS:
            return "figure IS NULL OR unpriced <> 0"
        return "figure IS NULL"

    def over_all(self) -> str:
        """Return the figure in SQL, over values that are called ``figure``."""
        if self.function == "count":
            return "count(*)::DOUBLE"
        if self.function == "share":
            return "100.0 * avg(figure)"
        return FUNCTIONS[self.function].format("figure")


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure, and what it is not to be."""

    figure: Figure
    operator: str
    value: Decimal
    """In the unit of the figure; of a change, in percent."""

    def is_crossed(self, value: float) -> bool:
        """Return whether a value is beyond it."""
        return OPERATORS[self.operator](Decimal(repr(value)), self.value)

    @property
    def is_upwards(self) -> bool:
        """Whether what is above it is beyond it."""
        return self.operator in UPWARDS


def limit(text: object) -> Limit:
    """Return the limit of a figure.

    Raises:
        SettingsError: it is none; the text has what is allowed.

    """
    figure, operator, value = _read(text, _EXAMPLES)
    return Limit(figure, operator, quantity(value, figure.unit))


def change(text: object) -> Limit:
    """Return the limit of a figure's change against the period before, in percent.

    Raises:
        SettingsError: it is none; the text has what is allowed.

    """
    figure, operator, value = _read(text, _CHANGES)
    return Limit(figure, operator, quantity(value, Unit.PERCENT))


def _read(text: object, examples: str) -> tuple[Figure, str, str]:
    match = (
        _COMPARISON.fullmatch(text) if isinstance(text, str) and len(text) < _MAX_CHARS else None
    )
    if match is None:
        message = f"{short(str(text), _MAX_SHOWN)!r} is not understood: write it as {examples}"
        raise SettingsError(message)
    return _figure(match["function"], match["argument"].strip()), match["operator"], match["value"]


def _figure(function: str, argument: str) -> Figure:
    if function == "count" and not argument:
        return Figure("count")
    if function == "share":
        return Figure("share", holds=condition(argument))
    if function not in FUNCTIONS:
        names = ", ".join([*FUNCTIONS, "share(condition)", "count()"])
        message = f"there is no figure {short(function, _MAX_SHOWN)!r}: use one of {names}"
        raise SettingsError(message)
    return Figure(function, column_named(argument, NUMBERS))
