"""Conditions of rules: ``cost > 0.10 and service.name = checkout``.

They are ``column operator value``, joined by ``and``; all have to hold.  They are checked in Python
for a session that has just changed, and in SQL for many; both say the same.

What is not known is neither 0 nor anything else: a comparison with it does not hold, whatever the
operator.  Where calls of a session are unpriced, its cost is a lower bound: it can be found to be
above a limit, never to be below one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from otel_session_agg._alerts.columns import (
    COLUMNS,
    COSTS,
    DURATIONS,
    LABELS,
    Row,
    column_named,
    is_label,
    label_of,
)
from otel_session_agg._alerts.quantities import Unit, quantity, shown
from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.columns import ColumnType, quoted
from otel_session_agg._history.labels import label_text
from otel_session_agg._untrusted.formatting import short

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "=": eq,
    "!=": ne,
}
_BEYOND: Mapping[str, str] = {
    "<": "below",
    "<=": "at most",
    ">": "above",
    ">=": "at least",
    "=": "equal to",
    "!=": "other than",
}
UPWARDS = frozenset({">", ">="})
"""Operators that a lower bound can decide."""

_QUANTITY = r"\$?\s*[+-]?[\d.]+\s*(?:%|ms\b|s\b|min\b|h\b|d\b|USD\b)?"
_TERM = re.compile(
    r"""\s*(?P<name>[\w.-]+)\s*(?P<operator><=|>=|!=|==|<|>|=)\s*"""
    rf"""(?P<value>"[^"]*"|'[^']*'|{_QUANTITY}|[^\s"'<>=!()]+)(?=\s|$)"""
)
_AND = re.compile(r"\s+and\s", re.IGNORECASE)
_NUMBER = r"[+-]?[0-9]{1,15}([.][0-9]{1,15})?"
_MAX_CHARS = 1000
_MAX_SHOWN = 60
_FORM = "write it as cost > 0.10 and errors > 3, with a column, one of < <= > >= = !=, and a value"

Sql = tuple[str, list[object]]
"""An expression and its parameters."""


def beyond(operator: str, limit: str) -> str:
    """Return in words on which side of a limit something is."""
    return f"{_BEYOND[operator]} {limit}"


def unit_of(column: str) -> Unit:
    """Return what values of a column are of."""
    if column in COSTS:
        return Unit.USD
    return Unit.DURATION if column in DURATIONS else Unit.NUMBER


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison."""

    name: str
    """A column, or a label."""
    operator: str
    value: str | bool | Decimal
    """A ``Decimal`` where the column is a number."""

    @property
    def is_number(self) -> bool:
        """Whether a column of numbers is compared."""
        return isinstance(self.value, Decimal)

    @property
    def _needs_all(self) -> bool:
        """Whether a lower bound does not decide it."""
        return self.name in COSTS and self.operator not in UPWARDS

    def fits(self, row: Row) -> bool:
        """Return whether it holds for a session; not, where that is not known."""
        compare = OPERATORS[self.operator]
        if is_label(self.name):
            return _label_fits(label_of(row, self.name), self.operator, str(self.value))
        value = row[self.name]
        if value is None or (self._needs_all and row["unpriced"] != 0):
            return False
        if isinstance(value, (list, tuple)):
            return (self.value in value) is (self.operator == "=")
        if self.is_number and isinstance(value, float):
            value = Decimal(repr(value))
        return compare(value, self.value)

    def sql(self) -> Sql:
        """Return the same in SQL: true or false, never unknown."""
        if is_label(self.name):
            return _label_sql(self.name, self.operator, str(self.value))
        name, operator = quoted(self.name), self.operator
        if COLUMNS[self.name].type is ColumnType.TEXTS:
            negated = "NOT " if operator == "!=" else ""
            return f"coalesce({negated}list_contains({name}, ?), false)", [self.value]
        more = " AND unpriced = 0" if self._needs_all else ""
        if COLUMNS[self.name].type is ColumnType.NUMBER:
            value: object = float(self.value)
        else:
            value = self.value
        return f"coalesce({name} {operator} ?{more}, false)", [value]

    def known_sql(self) -> Sql:
        """Return in SQL whether it is known to hold, or known not to."""
        if is_label(self.name):
            return "true", []
        name = quoted(self.name)
        if self.name not in COSTS:
            return f"({name} IS NOT NULL)", []
        sql, parameters = self.sql()
        return f"({name} IS NOT NULL AND (unpriced = 0 OR {sql}))", parameters


@dataclass(frozen=True, slots=True)
class Condition:
    """Comparisons that all have to hold."""

    text: str
    terms: tuple[Term, ...]

    def fits(self, row: Row) -> bool:
        """Return whether all hold for a session."""
        return all(term.fits(row) for term in self.terms)

    def sql(self) -> Sql:
        """Return the same in SQL."""
        return _joined([term.sql() for term in self.terms])

    def known_sql(self) -> Sql:
        """Return in SQL whether it is known to hold, or known not to."""
        return _joined([term.known_sql() for term in self.terms])

    def figures(self, row: Row) -> str:
        """Return the figures with their limits: ``cost 0.15 USD (above 0.1 USD)``."""
        limits: dict[str, list[str]] = {}
        for term in self.terms:
            if isinstance(term.value, Decimal):
                said = beyond(term.operator, shown(term.value, unit_of(term.name)))
                limits.setdefault(term.name, []).append(said)
        return ", ".join(
            f"{name} {shown(row[name], unit_of(name))} ({', '.join(said)})"
            for name, said in limits.items()
        )


def _joined(parts: list[Sql]) -> Sql:
    return " AND ".join(sql for sql, _ in parts), [one for _, more in parts for one in more]


def _label_fits(found: str | None, operator: str, given: str) -> bool:
    if found is None:
        return False
    if re.fullmatch(_NUMBER, given) and re.fullmatch(_NUMBER, found):
        return OPERATORS[operator](float(found), float(given))
    return OPERATORS[operator](found, given)


def _label_sql(name: str, operator: str, given: str) -> Sql:
    label = label_text(list(LABELS), name)
    as_text = f"{label} {operator} ?"
    if not re.fullmatch(_NUMBER, given):
        return f"coalesce({as_text}, false)", [given]
    as_number = f"TRY_CAST({label} AS DOUBLE) {operator} ?"
    is_number = f"regexp_full_match({label}, '{_NUMBER}')"
    sql = f"coalesce(CASE WHEN {is_number} THEN {as_number} ELSE {as_text} END, false)"
    return sql, [float(given), given]


# -- reading ---------------------------------------------------------------------------------------


def condition(text: object) -> Condition:
    """Return the condition that a text is.

    Raises:
        SettingsError: it is none; the text has what is allowed.

    """
    if text == "":
        message = f"there is no condition: {_FORM}"
        raise SettingsError(message)
    if not isinstance(text, str) or not text.strip() or len(text) > _MAX_CHARS:
        message = f"{short(str(text), _MAX_SHOWN)!r} is no condition: {_FORM}"
        raise SettingsError(message)
    terms: list[Term] = []
    position = 0
    while True:
        match = _TERM.match(text, position)
        if match is None:
            raise _not_understood(text[position:])
        terms.append(_term(match["name"], match["operator"], match["value"]))
        position = match.end()
        if not text[position:].strip():
            return Condition(" ".join(text.split()), tuple(terms))
        joint = _AND.match(text, position)
        if joint is None:
            raise _not_understood(text[position:])
        position = joint.end()


def _not_understood(rest: str) -> SettingsError:
    return SettingsError(f"{short(rest.strip(), _MAX_SHOWN)!r} is not understood: {_FORM}")


def _term(name: str, operator: str, value: str) -> Term:
    operator = "=" if operator == "==" else operator
    is_quoted = value[0] in "\"'"
    text = value[1:-1] if is_quoted else value.strip()
    if is_label(name) and name not in ("session.id", "user.id"):
        return Term(name, operator, text)
    column = column_named(name)
    kind = COLUMNS[column].type
    if kind is ColumnType.TEXT:
        return Term(column, operator, text)
    if kind in {ColumnType.TEXTS, ColumnType.FLAG} and operator not in {"=", "!="}:
        message = f"{column} {operator} is not understood: use {column} with = or !="
        raise SettingsError(message)
    if kind is ColumnType.TEXTS:
        return Term(column, operator, text)
    if kind is ColumnType.FLAG:
        if text.lower() not in {"true", "false"}:
            message = f"{column} {operator} {short(text, _MAX_SHOWN)}: use true or false"
            raise SettingsError(message)
        return Term(column, operator, text.lower() == "true")
    try:
        return Term(column, operator, quantity(text, unit_of(column)))
    except SettingsError as error:
        message = f"{column} {operator} {error}"
        raise SettingsError(message) from None
