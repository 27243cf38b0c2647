"""The language of ``--where``: ``cost > 0.10 and state = open and user = "Ann Lee"``.

Conditions are ``column operator value``, joined by ``and``; all have to be true.  A value with
blanks is put in single or double quotes.  Times are UTC.  ``models = x`` is true when x is one of
them.  Where a value is not known, every condition on it is false, ``!=`` too: an unknown cost is
neither 0 nor anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from math import isfinite
from operator import contains, eq, ge, gt, le, lt, ne
from typing import Any

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._sharing.stored_sessions import COLUMNS, Form, Row

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "=": eq,
    "!=": ne,
}
_EQUALITY = ("=", "!=")
_ALLOWED: dict[Form, tuple[str, ...]] = {
    Form.TEXT: tuple(_OPERATORS),
    Form.NUMBER: tuple(_OPERATORS),
    Form.TIME: tuple(_OPERATORS),
    Form.FLAG: _EQUALITY,
    Form.NAMES: _EQUALITY,
}
_CONDITION = re.compile(
    r"""\s*(?P<column>\w+)\s*(?P<operator>[<>=!~]+)"""
    r"""\s*(?P<value>"[^"]*"|'[^']*'|[^\s"'<>=!]\S*)(?=\s|$)"""
)
_AND = re.compile(r"\s+and(?=\s)", re.IGNORECASE)
_MAX_SHOWN = 60

Condition = Callable[[Row], bool]


class ConditionError(SessionAggError):
    """A condition or the name of a column is not understood; the message has what is allowed."""


def column_named(name: str) -> str:
    """Return the name of a column as it is; raise ``ConditionError`` when there is none."""
    if name not in COLUMNS:
        message = f"there is no column {name[:_MAX_SHOWN]!r}: use one of {', '.join(COLUMNS)}"
        raise ConditionError(message)
    return name


def condition(text: str) -> Condition:
    """Return a function for whether a row meets the condition.

    Raises:
        ConditionError: the text is not in the language.

    """
    found: list[Condition] = []
    position = 0
    while True:
        match = _CONDITION.match(text, position)
        if match is None:
            raise _not_understood(text[position:])
        found.append(_single(match["column"], match["operator"], match["value"]))
        position = match.end()
        if not text[position:].strip():
            return lambda row: all(fits(row) for fits in found)
        joint = _AND.match(text, position)
        if joint is None:
            raise _not_understood(text[position:])
        position = joint.end()


def _single(name: str, operator: str, value: str) -> Condition:
    form = COLUMNS[column_named(name)].form
    if operator not in _ALLOWED[form]:
        message = (
            f"{name} {operator} is not understood:"
            f" use {name} with one of {' '.join(_ALLOWED[form])}"
        )
        raise ConditionError(message)
    wanted = _read(name, form, value[1:-1] if value[0] in "\"'" else value)
    compare = _OPERATORS[operator]
    if form is Form.NAMES:
        is_in = operator == "="
        # the column has names
        return lambda row: contains(row[name], wanted) is is_in  # type: ignore[arg-type]
    return lambda row: row[name] is not None and compare(row[name], wanted)


def _read(name: str, form: Form, value: str) -> str | float | bool | datetime:
    read = _READ.get(form)
    wanted = read(value) if read is not None else value
    if wanted is None:
        message = f"{name} cannot be compared with {value[:_MAX_SHOWN]!r}: it is {form.value}"
        raise ConditionError(message)
    return wanted


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _flag(value: str) -> bool | None:
    return {"true": True, "false": False}.get(value.lower())


def _time(value: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", value))
    except ValueError:
        return None
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time


_READ: dict[Form, Callable[[str], Any]] = {Form.NUMBER: _number, Form.FLAG: _flag, Form.TIME: _time}


def _not_understood(rest: str) -> ConditionError:
    shown = rest.strip()[:_MAX_SHOWN]
    at = f"at {shown!r}" if shown else "at its end"
    return ConditionError(
        f"the condition is not understood {at}: write 'column operator value', joined by 'and',"
        f" with one of {' '.join(_OPERATORS)} and of {', '.join(COLUMNS)}"
    )
