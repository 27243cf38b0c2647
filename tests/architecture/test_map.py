"""The map of the package names every module once, in the order of the rooms."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .test_layers import MODULES, PACKAGE, ROOMS, room

_METAPHORS = {"arrivals", "companion", "courier", "departures", "desk", "door", "errand", "gathering", "homeless"}
_METAPHORS |= {"keeper", "ledger", "orphan", "outbox", "tally", "teller", "told"}
"""What parts were called once, and what spans did in that language; the map has the words of the field instead."""

_TITLE = re.compile(r"^### (?:`(?P<name>[\w.]+)/?`|Ground)$")
_ROW = re.compile(r"^\| (`[\w/.]+\.py`(?:, `[\w/.]+\.py`)*) \|")


def _named() -> Iterator[tuple[str, str]]:
    """The section and the module of each name in the map's tables."""
    section = ""
    for line in (PACKAGE / "README.md").read_text(encoding="utf-8").splitlines():
        if title := _TITLE.match(line):
            section = title["name"] or "ground"
            if section.endswith(".py"):
                section = section.removesuffix(".py")
                yield section, "" if section == "__init__" else section
        elif row := _ROW.match(line):
            for name in re.findall(r"`([\w/.]+)\.py`", row[1]):
                path = name if section == "ground" else f"{section}/{name}"
                path = re.sub(r"^\w+/\.\./", "", path)
                yield section, path.removesuffix("/__init__").replace("/", ".")


class TestMap:
    """``otel_session_agg/README.md``."""

    def test_every_module(self) -> None:
        """Every module is named once; a room's own ``__init__`` only where there is something in it."""
        empty = {
            name for name in MODULES if MODULES[name].name == "__init__.py" and len(MODULES[name].read_text().splitlines()) == 1
        }
        assert sorted(MODULES.keys() - empty) == sorted(name for _, name in _named())

    def test_order(self) -> None:
        """Rooms stand in the order of their ranks."""
        sections = list(dict.fromkeys(room(name) for _, name in _named()))
        assert list(ROOMS) == sections

    def test_journey(self) -> None:
        """The files of the journey are there."""
        journey = re.findall(r"\b(_\w+(?:/\w+)?)\.py", (PACKAGE / "README.md").read_text(encoding="utf-8").split("```")[1])
        assert len(journey) > 10
        assert {path.replace("/", ".") for path in journey} <= MODULES.keys()


class TestWords:
    """Names and texts are the field's own."""

    def test_no_metaphors(self) -> None:
        """None of the words that only an insider understands is in a name, a docstring or a comment."""
        texts = "\n".join(path.read_text(encoding="utf-8") for path in (*PACKAGE.rglob("*.py"), PACKAGE / "README.md"))
        texts = texts.replace('"told_in_another_trace"', "")  # a reason that users' metrics have
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", texts)}
        assert {"deadline", "picodollars"} < words
        assert set() == words & _METAPHORS
