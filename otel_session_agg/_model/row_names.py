"""Names of the rows of breakdowns: a name ``none`` or ``other`` is not the row of what has none."""

from __future__ import annotations

import re
from functools import lru_cache

from otel_session_agg._model.breakdown import NONE, OTHER

_RESERVED = re.compile(rf'\A"*(?:{NONE}|{OTHER})"*\Z')
_RESERVED_NAMES = frozenset({NONE, OTHER})


@lru_cache(maxsize=1024)  # a process has a few dozen
def row_name(name: str) -> str:
    """Return the name of the row for a model, agent, tool or value.

    What is called ``none`` or ``other``, or so in quotes, is in quotes; any other name is as it is.
    """
    return f'"{name}"' if name.strip('"') in _RESERVED_NAMES else name


def name_of_row(name: str) -> str | None:
    """Return what `row_name` makes a name of; ``None``: it is the row of no name, or of others."""
    if name in {NONE, OTHER}:
        return None
    return name[1:-1] if _RESERVED.match(name) else name
