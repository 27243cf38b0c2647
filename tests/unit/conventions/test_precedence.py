"""The order of precedence over all conventions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pkgutil import iter_modules

import pytest

from otel_session_agg import conventions
from otel_session_agg._reading.span import INDEX
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._precedence import (
    AGENT_NAMES,
    COSTS,
    GENERIC_COSTS,
    KINDS,
    SESSIONS,
    SPAN_NAMES,
    STATED_BY_APPLICATIONS,
    USERS,
    WEAK_SESSIONS,
    WRONG_KIND_NAMES,
)
from otel_session_agg.conventions._schema import Convention, Meaning

ORDERS: dict[str, Sequence[object]] = {
    "KINDS": KINDS,
    "SESSIONS and WEAK_SESSIONS": (*SESSIONS, *WEAK_SESSIONS),
    "USERS": USERS,
    "AGENT_NAMES": AGENT_NAMES,
    "COSTS and GENERIC_COSTS": (*COSTS, *GENERIC_COSTS),
}


def _places(table: Convention) -> dict[str, list[object]]:
    """The places that a table needs, by the list that they belong to."""
    return {
        "KINDS": [row.place or row.key for row in table.kinds],
        "SESSIONS and WEAK_SESSIONS": [*table.session],
        "USERS": [*table.user],
        "AGENT_NAMES": [*table.agent_name],
        "COSTS and GENERIC_COSTS": [*table.cost, *table.cost_text, *([table.cost_parts] if table.cost_parts else [])],
    }


def _duplicates(items: Iterable[object]) -> list[object]:
    items = list(items)
    return [item for item in dict.fromkeys(items) if items.count(item) > 1]


class TestPlaces:
    """Every key has a place."""

    @pytest.mark.parametrize("table", CONVENTIONS, ids=lambda table: table.name)
    def test_keys(self, table: Convention) -> None:
        """Each key of a kind, session, user or cost stands in the list of its meaning."""
        for name, places in _places(table).items():
            missing = [place for place in places if place not in ORDERS[name]]
            assert not missing, f"{table.name}: give {missing} a place in {name} of conventions/_precedence.py"

    @pytest.mark.parametrize("name", ORDERS)
    def test_no_others(self, name: str) -> None:
        """A list has no place without a table's key, and none twice."""
        needed = {place for table in CONVENTIONS for place in _places(table)[name]} | {SPAN_NAMES, WRONG_KIND_NAMES}
        assert [] == [place for place in ORDERS[name] if place not in needed]
        assert [] == _duplicates(ORDERS[name])

    def test_tables(self) -> None:
        """Every table of ``conventions`` has a place, and none two."""
        names = [module.name for module in iter_modules(conventions.__path__) if not module.name.startswith("_")]
        modules = [import_module(f"{conventions.__name__}.{name}") for name in names]
        missing = [module.__name__ for module in modules if module.TABLE not in CONVENTIONS]
        assert not missing, f"give {missing} a place in CONVENTIONS of conventions/_precedence.py"
        assert len(modules) == len(CONVENTIONS)
        assert [] == _duplicates(table.name for table in CONVENTIONS)

    def test_stated_by_applications(self) -> None:
        """Only weak keys need to be excepted."""
        assert STATED_BY_APPLICATIONS <= {*WEAK_SESSIONS}


class TestIndex:
    """What is looked up has the order of the lists."""

    @pytest.mark.parametrize(
        ("meanings", "name"),
        [
            ((Meaning.SESSION,), "SESSIONS and WEAK_SESSIONS"),
            ((Meaning.USER,), "USERS"),
            ((Meaning.AGENT_NAME,), "AGENT_NAMES"),
            ((Meaning.COST, Meaning.COST_TEXT, Meaning.COST_PART), "COSTS and GENERIC_COSTS"),
        ],
    )
    def test_lists(self, meanings: tuple[int, ...], name: str) -> None:
        """Keys are asked in the order of the list."""
        rows = [row for entries in INDEX.entries.values() for row in entries if row.meaning in meanings]
        keys = [key for item in ORDERS[name] for key in ((item,) if isinstance(item, str) else item)]  # type: ignore[attr-defined]
        assert sorted(keys) == sorted(row.key for row in rows)
        assert keys == [row.key for row in sorted(rows, key=lambda row: (row.precedence, keys.index(row.key)))]

    def test_kinds(self) -> None:
        """Keys of kinds are asked in the order of the list, with the names of spans among them."""
        rows = [row for entries in INDEX.entries.values() for row in entries if row.meaning == Meaning.KIND]
        asked = {row.precedence: row.row.place or row.key for row in rows}  # type: ignore[attr-defined]
        assert [place for place in KINDS if place not in {SPAN_NAMES, WRONG_KIND_NAMES}] == [asked[n] for n in sorted(asked)]
        assert len(rows) == len(asked)

    def test_conventions(self) -> None:
        """Keys of all other meanings are asked convention by convention."""
        own = {
            Meaning.SESSION,
            Meaning.USER,
            Meaning.AGENT_NAME,
            Meaning.COST,
            Meaning.COST_TEXT,
            Meaning.COST_PART,
            Meaning.KIND,
        }
        rows = [row for entries in INDEX.entries.values() for row in entries if row.meaning not in own]
        numbers = [row.convention for row in sorted(rows, key=lambda row: row.precedence)]
        assert sorted(numbers) == numbers
        assert len(rows) == len({row.precedence for row in rows})
