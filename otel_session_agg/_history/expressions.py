"""Conditions of users: one SQL expression over known columns, and nothing else.

DuckDB parses the text, and the tree that it returns is checked: no query inside, no star, no
parameter, only columns that there are.  What runs is made of the checked tree, not of the text, by
a connection that could not read another file either.

What sessions are grouped by has names, too: labels, such as ``plan``, ``"service.name"`` or
``metadata.plan``.  Each that an expression names becomes a column, ``label_0`` and so on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from otel_session_agg._history.columns import Column
from otel_session_agg._history.database import Connection, HistoryError
from otel_session_agg._history.functions import FUNCTIONS
from otel_session_agg._untrusted.formatting import printable, proposal, short
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._untrusted.values import encodable
from otel_session_agg.attributes import METADATA_PREFIX

_MAX_CHARS = 10_000
"""Characters of an expression: longer than anybody types, shorter than what takes time to parse."""
_MAX_SHOWN = 60
_MAX_NAMES = 100
"""Names that an error lists."""

_CLASSES = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT",
        "FUNCTION", "OPERATOR", "TYPE",
    }
)  # fmt: skip
"""What an expression may be made of."""

_LISTS = frozenset({"ARRAY_CONSTRUCTOR", "list_value"})
"""What makes a list: the text of one in another doubles with each, as its quotes are escaped."""

_ONE = "SELECT (1)"
_AT_THE_END = 'syntax error at or near ")"'
"""What the parser says of the parenthesis behind a condition."""
_SEVERAL, _DEEP = "more than one expression", "too many expressions in each other"
_NESTED = "a list in a list"
_AROUND = "query_location"
"""How the keys begin that say where something stands in the text."""


class Expression(NamedTuple):
    """An expression that can be run."""

    sql: str
    labels: Sequence[str]
    """What ``label_0``, ``label_1`` ... are in it."""


class Names:
    """What an expression may name."""

    def __init__(
        self,
        columns: Mapping[str, Column],
        labels: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """Labels are asked for when a name is not that of a column."""
        self.columns = columns
        self._labels = labels

    @cached_property
    def labels(self) -> Collection[str]:
        """The names of all labels."""
        return self._labels()

    def has_label(self, name: str) -> bool:
        """Return whether this is a label; one of metadata may be in no session that is there."""
        return _is_metadata(name) or name in self.labels

    def unknown(self, name: str) -> HistoryError:
        """Return the error for a name that is not one of these."""
        return no_such(name, [*self.columns, *self.labels])


def no_such(name: str, names: Iterable[str], what: str = "column") -> HistoryError:
    """Return the error for a name that is none of those that there are."""
    known = [short(one, _MAX_SHOWN) for one in islice(names, _MAX_NAMES)]
    meant = proposal(name, known)
    return HistoryError(
        f"there is no {what} {short(name, _MAX_SHOWN)!r}{meant}: use one of {', '.join(known)}"
    )


def _is_metadata(name: str) -> bool:
    return name.startswith(METADATA_PREFIX)


def label_column(number: int) -> str:
    """Return the name of the column that a label is."""
    return f"label_{number}"


def checked(connection: Connection, text: str, names: Names) -> Expression:
    """Return what a condition says.

    Raises:
        HistoryError: it is not understood, or more than a condition.

    """
    if not text.strip() or len(text) > _MAX_CHARS:
        message = f"a condition has 1 to {_MAX_CHARS} characters"
        raise HistoryError(message)
    tree = _parsed(connection, f"SELECT (\n{encodable(text)}\n)")
    if _frame(tree) != _frame(_parsed(connection, _ONE)):
        raise _refused(_SEVERAL)
    [expression] = tree["statements"][0]["node"]["select_list"]
    labels: list[str] = []
    for node in _nodes(expression):
        _check(node, names, labels)
    [(sql,)] = connection.execute(
        "SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]
    ).fetchall()
    return Expression(str(sql).removeprefix("SELECT "), labels)


def _parsed(connection: Connection, sql: str) -> dict[str, Any]:
    [(text,)] = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    try:
        tree = loaded(text)
    except ValueError:
        raise _refused(_DEEP) from None
    if not isinstance(tree, dict):
        raise _refused(_SEVERAL)
    if tree["error"] and tree["error_type"] != "parser":  # no query, such as one that drops a table
        raise _refused(_SEVERAL)
    if tree["error"]:
        message = f"the condition is not understood: {_said(str(tree['error_message']))}"
        raise HistoryError(message)
    return tree


def _said(error: str) -> str:
    """Return an error of the parser; the parenthesis at the end is none that was written."""
    if error.endswith(_AT_THE_END):
        return "it is not complete, or has a parenthesis too many"
    return printable(error)


def _frame(tree: dict[str, Any]) -> object:
    """Return everything of a query but the expression that it selects."""
    return [
        {
            key: value if key != "select_list" else len(value)
            for key, value in statement["node"].items()
        }
        for statement in _placeless(tree)["statements"]
    ]


def _placeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: one if key == "select_list" else _placeless(one)
            for key, one in value.items()
            if not key.startswith(_AROUND)
        }
    return list(map(_placeless, value)) if isinstance(value, list) else value


def _nodes(expression: object) -> Iterator[dict[str, Any]]:
    """Return all expressions in one, itself first."""
    waiting: list[object] = [expression]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            if "class" in value:
                yield value
            waiting.extend(reversed(list(value.values())))


def _check(node: dict[str, Any], names: Names, labels: list[str]) -> None:
    """Refuse an expression, or let a label in it be a column."""
    kind = node["class"]
    if kind not in _CLASSES:
        raise _refused(str(kind).lower())
    if kind == "FUNCTION" and str(node["function_name"]).lower() not in FUNCTIONS:
        raise _refused(str(node["function_name"]))
    if _is_list(node) and any(_is_list(one) for one in islice(_nodes(node), 1, None)):
        raise _refused(_NESTED)
    if kind != "COLUMN_REF":
        return
    given: list[str] = node["column_names"]
    name = ".".join(given)
    if len(given) == 1 and name.lower() in names.columns:
        return
    if not names.has_label(name):
        raise names.unknown(name)
    if name not in labels:
        labels.append(name)
    node["column_names"] = [label_column(labels.index(name))]


def _is_list(node: dict[str, Any]) -> bool:
    return node.get("type") in _LISTS or node.get("function_name") in _LISTS


def _refused(what: str) -> HistoryError:
    return HistoryError(
        f"the condition has {short(what)} in it: it may compare columns and values, with"
        " operators and usual functions of SQL"
    )
