"""The rules by which fields of totals are merged.

Totals are dataclasses.  Each field declares its rule by ``merged``, and all that depends on the
fields derives from that: how two totals are added, and what one has more than the other.  A merge
depends neither on the order nor on the grouping, and the default of a field changes nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import MISSING, field, fields
from operator import add, attrgetter, or_, sub
from typing import Any, NamedTuple

MAX_MODELS = 32
"""Models named on a root.

Real sessions use a handful; the names come from user input and need a bound.
"""

FEW = 4
"""Items up to which a tuple of times takes no more memory than an array."""


def _now(now: Any, _: Any) -> Any:
    """Return the value now: merging it again changes nothing."""
    return now


class Rule(NamedTuple):
    """How two values of a field become one."""

    name: str
    merge: Callable[[Any, Any], Any]
    """Return the merged value."""
    less: Callable[[Any, Any], Any] = _now
    """Return from the values now and before what to merge with the one before to get that now."""


def _maybe(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _maybe_less(now: int | None, before: int | None) -> int | None:
    return now if before is None else (now or 0) - before


def _min(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _max(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def _union(a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    both = a | b
    return both if len(both) <= MAX_MODELS else frozenset(sorted(both)[:MAX_MODELS])


SUM = Rule("sum", add, sub)
"""Whole numbers are added; money is whole picodollars, so no float is ever added."""
MAYBE = Rule("maybe", _maybe, _maybe_less)
"""Sum of what is stated; ``None`` (not stated) changes nothing."""
MIN = Rule("min", _min)
"""The smaller, ``None`` changes nothing."""
MAX = Rule("max", _max)
"""The larger, ``None`` changes nothing."""
ANY = Rule("any", or_)
"""True when either is."""
UNION = Rule("union", _union)
"""The ``MAX_MODELS`` names that sort first of both."""
LATEST = Rule("latest", _max)
"""The value with the later time; of equals that with the larger span id, then value."""
FIRST = Rule("first", _min)
"""The value with the earlier time; of equals that with the smaller span id, then value."""


def merged(
    rule: Rule, default: object = None, *, factory: Callable[[], object] | None = None
) -> Any:
    """Declare a field with its rule and its default."""
    metadata = {"merge": rule}
    if factory is not None:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


def rules_of(totals: type) -> dict[str, Rule]:
    """Return the rules of the fields of totals by name.

    Raises:
        TypeError: a field declares none.

    """
    names = [one.name for one in fields(totals) if "merge" not in one.metadata]
    if names:
        message = f"{totals.__name__}: no rule for {', '.join(names)}"
        raise TypeError(message)
    return {one.name: one.metadata["merge"] for one in fields(totals)}


def packed(times_ns: Sequence[int]) -> Sequence[int]:
    """Return many times as what takes least memory, for ``by_slots``."""
    try:
        return array("q", times_ns)
    except OverflowError:  # no clock shows such a time
        return tuple(times_ns)


def joined(parts: Sequence[Sequence[int]]) -> Sequence[int]:
    """Return the times of all parts, one after the other."""
    times_ns = array("q")
    try:
        for part in parts:
            times_ns.extend(part)
    except OverflowError:
        return [time_ns for part in parts for time_ns in part]
    return times_ns


def by_slots(totals: type, **many: Callable[[Any], Any]) -> Callable[..., None]:
    """Return an ``__init__`` for frozen totals that takes a third of the time of the usual one.

    ``many``: for sequences a function that returns what is kept of more than ``FEW`` items; fewer
    are kept as a tuple.

    Fields of a frozen data class can only be set by a call for each.  So while they are set, the
    new object is of a class with the same slots that is not frozen.
    """
    names = [one.name for one in fields(totals)]
    makes = {
        one.name: one.default_factory
        for one in fields(totals)
        if one.default_factory is not MISSING
    }
    known: dict[str, Any] = {f"default_{one.name}": one.default for one in fields(totals)}
    known["Unfrozen"] = type(totals.__name__, totals.__bases__, {"__slots__": names})
    known["Totals"], known["become"] = totals, object.__dict__["__class__"].__set__
    known.update({f"many_{name}": function for name, function in many.items()})
    known.update({f"make_{name}": function for name, function in makes.items()})
    head = ", ".join(f"{name}=default_{name}" for name in names)
    lines = [
        "become(self, Unfrozen)",
        *(f"self.{name} = {name}" for name in names if name not in (*many, *makes)),
        *(f"self.{name} = make_{name}() if {name} is default_{name} else {name}" for name in makes),
        *(
            f"self.{name} = many_{name}({name}) if len({name}) > {FEW} else tuple({name})"
            for name in many
        ),
    ]
    body = "\n    ".join([*lines, "self.__class__ = Totals"])
    text = f"def __init__(self, {head}):\n    {body}"
    exec(text, known)  # noqa: S102 -- as ``dataclass`` does it
    made: Callable[..., None] = known["__init__"]
    made.__qualname__, made.__module__ = f"{totals.__qualname__}.__init__", totals.__module__
    made.__annotations__ = {one.name: one.type for one in fields(totals)}
    return made


_SYMBOLS = {add: "+", or_: "|"}
_OF_TWO: dict[Callable[[Any, Any], Any], Callable[[Any, Any], Any]] = {
    _maybe: add,
    _min: min,
    _max: max,
}
"""What merges two values that are both stated."""
_SAME = frozenset({_union, _min, _max})
"""Merges of two equal values that are the same value."""


def added_by(rules: dict[str, Rule]) -> Callable[[Any, Any], tuple[Any, ...]]:
    """Return a function that merges all fields of two totals in one step, in the same order.

    Nearly all fields are whole numbers or not stated; for these no function is called.
    """
    known = {f"merge_{name}": _OF_TWO.get(rule.merge, rule.merge) for name, rule in rules.items()}
    rows = [
        f"a.{name} {_SYMBOLS[rule.merge]} b.{name}"
        if rule.merge in _SYMBOLS
        else f"a.{name} if b.{name} is None else b.{name} if a.{name} is None"
        f" else a.{name} if a.{name} == b.{name} else merge_{name}(a.{name}, b.{name})"
        if rule.merge in _SAME
        else f"a.{name} if b.{name} is None else b.{name} if a.{name} is None"
        f" else merge_{name}(a.{name}, b.{name})"
        for name, rule in rules.items()
    ]
    made: Callable[[Any, Any], tuple[Any, ...]] = eval(  # noqa: S307 -- as ``dataclass`` does it
        f"lambda a, b: ({', '.join(rows)},)", known
    )
    return made


def values_of(totals: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that reads all fields in one step, in the order of their declaration."""
    return attrgetter(*(one.name for one in fields(totals)))
