"""Totals inside a root's own ``metadata``: OpenInference's attribute, an object as JSON.

Phoenix and Arize make a tree of dotted names, and an attribute named ``metadata`` is the whole
branch: beside it, ``metadata.cost`` is not below ``metadata`` any more, so that
``metadata["cost"]`` finds nothing.  There the totals have to be in the object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from otel_session_agg import attributes as n
from otel_session_agg._spans.own_metadata import object_of
from otel_session_agg._writing.rollup_attributes import AttributeValue

_PREFIX = len(n.METADATA_PREFIX)
_COST = n.COST[_PREFIX:]


def with_totals(
    own: object, written: Mapping[str, AttributeValue]
) -> str | Mapping[str, Any] | None:
    """Return the metadata of a root with what is written below ``metadata.`` in it.

    ``None`` when it is no object, or nothing is written there.  Totals replace values of their
    names; the session's own metadata does not.  When the cost is not known, a cost in ``own`` is
    removed: it would be taken for the total.
    """
    if not any(name.startswith(n.METADATA_PREFIX) for name in written):
        return None
    if isinstance(own, str):
        found = object_of(own)
        # in ASCII: halves of pairs could not be sent
        return None if found is None else json.dumps(_merged(found, written))
    return _merged(own, written) if isinstance(own, Mapping) else None


def _merged(own: Mapping[str, Any], written: Mapping[str, AttributeValue]) -> dict[str, Any]:
    new = {name: value for name, value in written.items() if name.startswith(n.METADATA_PREFIX)}
    return {
        **{name[_PREFIX:]: value for name, value in new.items() if name not in n.RESERVED},
        **{name: value for name, value in own.items() if name != _COST},
        **{name[_PREFIX:]: value for name, value in new.items() if name in n.RESERVED},
    }
