"""The findings of the command ``doctor``, as values, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from otel_session_agg._untrusted.formatting import printable, short

T = TypeVar("T")


class Attempt(Protocol):
    """Calls foreign code, which may raise anything."""

    def __call__(self, function: Callable[[], T], /) -> tuple[T | None, str]:
        """Return its result and "", or ``None`` and the text of the error."""
        ...


class Fact(NamedTuple):
    """A name and its value."""

    name: str
    value: Any
    """A value that JSON can represent."""
    source: str = ""
    """Where it comes from: ``argument``, ``default`` or a variable; empty where that is clear."""


@dataclass(frozen=True, slots=True)
class Section:
    """The findings about one topic."""

    title: str
    facts: Sequence[Fact]
    problems: Sequence[str] = ()
    """What would keep totals away, and what to do: a sentence each."""
    notes: Sequence[str] = ()
    """What may surprise: a sentence each."""


def problems_of(sections: Sequence[Section]) -> list[str]:
    """Return all problems, in the order of their sections."""
    return [problem for section in sections for problem in section.problems]


def notes_of(sections: Sequence[Section]) -> list[str]:
    """Return all notes, in the order of their sections."""
    return [note for section in sections for note in section.notes]


def as_text(sections: Sequence[Section]) -> str:
    """Return lines of text; foreign names are reduced to printable characters."""
    return "".join(f"{line}\n" for line in _lines(sections))


def _lines(sections: Sequence[Section]) -> Iterator[str]:
    facts = [fact for section in sections for fact in section.facts]
    name_width = max((len(fact.name) for fact in facts), default=0)
    value_width = max((len(_value(fact.value)) for fact in facts if fact.source), default=0)
    for section in sections:
        yield section.title
        for fact in section.facts:
            value = _value(fact.value)
            end = f"{value:<{value_width}}  {printable(fact.source)}" if fact.source else value
            yield f"  {printable(fact.name):<{name_width}}  {end}".rstrip()
    problems, notes = problems_of(sections), notes_of(sections)
    yield from (f"note: {short(note)}" for note in notes)
    yield from (f"problem: {short(problem)}" for problem in problems)
    if not problems:
        yield "no problem was found"


def _value(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    return short(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))


def as_json(sections: Sequence[Section]) -> str:
    """Return a JSON object; ``problems`` is empty when all is well."""
    found = {
        section.title: {
            fact.name: {"value": fact.value, "source": fact.source} if fact.source else fact.value
            for fact in section.facts
        }
        for section in sections
    }
    return (
        json.dumps(
            {**found, "notes": notes_of(sections), "problems": problems_of(sections)}, indent=2
        )
        + "\n"
    )
