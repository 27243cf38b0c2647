"""Conditions without quotes: ``state = open and user = "Ann Lee" and metadata.plan = pro``.

They are ``column operator value``, joined by ``and``.  A value is a text whatever it is made of,
but where the column is a number, a time or a flag; ``models = x`` is true when x is one of them.
Everything else is SQL: what is not of this form, or does not fit its column, is left to `checked`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from otel_session_agg._history.columns import ColumnType, literal, naive, quoted
from otel_session_agg._history.expressions import Names

_CONDITION = re.compile(
    r"""\s*(?P<column>[\w.-]+)\s*(?P<operator><=|>=|!=|<|>|=)"""
    r"""\s*(?P<value>"[^"]*"|'[^']*'|[^\s"'<>=!()]+)(?=\s|$)"""
)
_AND = re.compile(r"\s+and(?=\s)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?")

LabelType = Callable[[str], ColumnType]
"""Returns the type of a label's values."""


def in_sql(text: str, names: Names, label_type: LabelType) -> str | None:
    """Return a condition of this form in SQL; ``None``: it is not of this form."""
    found: list[str] = []
    position = 0
    while match := _CONDITION.match(text, position):
        one = _one(match["column"], match["operator"], match["value"], names, label_type)
        if one is None:
            return None
        found.append(one)
        position = match.end()
        if not text[position:].strip():
            return " AND ".join(found)
        joint = _AND.match(text, position)
        if joint is None:
            return None
        position = joint.end()
    return None


def _one(name: str, operator: str, value: str, names: Names, label_type: LabelType) -> str | None:
    column = names.columns.get(name)
    if value[0] in "\"'":
        value = value[1:-1]
    elif value.lower() in names.columns:  # a column is compared with another
        return None
    if column is None:
        if not names.has_label(name):
            return None
        return _of_label(quoted(name), operator, value, label_type(name))
    write = _WRITERS.get(column.type)
    return write(quoted(name), operator, value) if write is not None else None


def _of_label(name: str, operator: str, value: str, kind: ColumnType) -> str:
    written = _WRITERS[kind](name, operator, value)
    return written or f"{name}::VARCHAR {operator} {literal(value)}"


def _text(name: str, operator: str, value: str) -> str:
    return f"{name} {operator} {literal(value)}"


def _number(name: str, operator: str, value: str) -> str | None:
    return f"{name} {operator} {value}" if _NUMBER.fullmatch(value) else None


def _flag(name: str, operator: str, value: str) -> str | None:
    return f"{name} {operator} {value}" if value.lower() in {"true", "false"} else None


def _time(name: str, operator: str, value: str) -> str | None:
    try:
        time = naive(datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", value)))
    except (OverflowError, ValueError):
        return None
    return f"{name} {operator} TIMESTAMP {literal(time.isoformat())}"


def _texts(name: str, operator: str, value: str) -> str | None:
    if operator not in {"=", "!="}:
        return None
    return f"{'NOT ' * (operator == '!=')}list_contains({name}, {literal(value)})"


_WRITERS: dict[ColumnType, Callable[[str, str, str], str | None]] = {
    ColumnType.TEXT: _text,
    ColumnType.COUNT: _number,
    ColumnType.NUMBER: _number,
    ColumnType.USD: _number,
    ColumnType.FLAG: _flag,
    ColumnType.TIME: _time,
    ColumnType.TEXTS: _texts,
}
"""By the type of a column, what writes a condition on it; ``None``: the value does not fit."""
