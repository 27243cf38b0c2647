"""Names of the rows of breakdowns: a name ``none`` or ``other`` is not the row of what has none."""

from __future__ import annotations

import re
from functools import partial

from otel_session_agg._model.breakdown import NONE, OTHER

_RESERVED = re.compile(rf'\A"*(?:{NONE}|{OTHER})"*\Z')

row_name = partial(_RESERVED.sub, r'"\g<0>"')
"""Returns the name of the row for a model, agent, tool or value: what is called ``none`` or
``other``, or so in quotes, is in quotes; any other name is as it is."""


def name_of_row(name: str) -> str | None:
    """Return what `row_name` makes a name of; ``None``: it is the row of no name, or of others."""
    if name in {NONE, OTHER}:
        return None
    return name[1:-1] if _RESERVED.match(name) else name
