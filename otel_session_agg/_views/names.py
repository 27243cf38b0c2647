"""Which names a condition may have, and what can be grouped by."""

from __future__ import annotations

import re
from typing import NamedTuple

from otel_session_agg._history.columns import quoted
from otel_session_agg._history.rollup_tables import SESSIONS
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._source import BREAKDOWNS, USER_ID
from otel_session_agg.attributes import METADATA_PREFIX

__all__ = ["Names", "in_conditions", "names_of"]

_MAX_NAMES = 60
_RECENT = 20_000
"""Sessions that are looked at: names of dimensions are the same in all of them."""
_DIMENSIONS = """
SELECT DISTINCT unnest(json_keys(dimensions)) AS name
FROM (SELECT dimensions FROM sessions WHERE dimensions IS NOT NULL LIMIT ?) ORDER BY name LIMIT ?
"""
_METADATA = _DIMENSIONS.replace("dimensions", "metadata")
_PLAIN = re.compile(r"[a-z_][a-z0-9_.]*")
"""What needs no quotes in a condition."""


class Names(NamedTuple):
    """The names of a history."""

    columns: tuple[str, ...]
    """What a condition may name, as it is written there."""
    groups: tuple[str, ...]
    """What sessions can be grouped by."""


def names_of(history: Reads) -> Names:
    """Return the names that there are, those of the last sessions among them."""
    dimensions = [name for (name,) in history.rows(_DIMENSIONS, [_RECENT, _MAX_NAMES])]
    metadata = [
        METADATA_PREFIX + name for (name,) in history.rows(_METADATA, [_RECENT, _MAX_NAMES])
    ]
    labels = [in_conditions(name) for name in (*dimensions, *metadata)]
    groups = [*BREAKDOWNS, "user", *(name for name in dimensions if name != USER_ID), *metadata]
    columns = (column.name for column in SESSIONS.columns)
    return Names(tuple(dict.fromkeys([*columns, *labels])), tuple(dict.fromkeys(groups)))


def in_conditions(name: str) -> str:
    """Return the name of a dimension or of metadata as a condition has it."""
    return name if _PLAIN.fullmatch(name) else quoted(name)
