"""Dimensions of a session: what it is grouped and filtered by, such as user, service and tenant.

Of each the value with the earliest time counts, whatever the order of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from otel_session_agg._model.rollup import At
from otel_session_agg._setting_rules import MAX_DIMENSIONS
from otel_session_agg._untrusted.values import MAX_WHOLE, encodable, plain, text

DimensionValue = str | bool | int | float

MAX_VALUE_CHARS = 128
"""Characters of a value that are kept: names of users, tenants, versions are shorter."""


class Dimension(NamedTuple):
    """The value of a dimension, with the time and the span id of the root that it is of."""

    time_ns: int
    span_id: int
    value: DimensionValue


def dimension_value(value: object) -> DimensionValue | None:
    """Return the value of an attribute as that of a dimension; ``None``: it is none.

    Blanks around a text are not part of it; of a long one the beginning is kept.
    """
    if isinstance(value, str):
        stated = text(plain(value)[:MAX_VALUE_CHARS])
        return encodable(stated) if stated is not None else None
    if type(value) is bool:
        return value
    if type(value) is int:
        return value if abs(value) <= MAX_WHOLE else None
    return value if type(value) is float and isfinite(value) else None


def dimension_of(user: At) -> Dimension | None:
    """Return the user as a dimension; ``None``: no user can be called so."""
    value = dimension_value(user.value)
    return Dimension(user.time_ns, user.span_id, value) if value is not None else None


def values_of(dimensions: Mapping[str, Dimension]) -> dict[str, DimensionValue]:
    """Return the values by name."""
    return {name: one.value for name, one in dimensions.items()}


def is_same(a: DimensionValue, b: DimensionValue) -> bool:
    """Return whether two values are the same; ``True`` is not 1, and 1 is not 1.0."""
    return a == b and type(a) is type(b)


def merged_dimensions(
    a: Mapping[str, Dimension], b: Mapping[str, Dimension]
) -> Mapping[str, Dimension]:
    """Merge dimensions; of names beyond ``MAX_DIMENSIONS`` those that sort first are kept.

    Return ``a`` itself when there is nothing new in ``b``.
    """
    if not a or not b:
        return b or a
    new = {name: one for name, one in b.items() if name not in a or _is_before(one, a[name])}
    if not new:
        return a
    both = {**a, **new}
    if len(both) <= MAX_DIMENSIONS:
        return both
    return {name: both[name] for name in sorted(both)[:MAX_DIMENSIONS]}


def _is_before(one: Dimension, other: Dimension) -> bool:
    if one.time_ns != other.time_ns:
        return one.time_ns < other.time_ns
    return _rank(one) < _rank(other)


def _rank(one: Dimension) -> tuple[int, int, str, str]:
    """Return what dimensions sort by; types of values decide last, as they cannot be compared."""
    return one.time_ns, one.span_id, type(one.value).__name__, repr(one.value)
