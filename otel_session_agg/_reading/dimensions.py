"""Find the dimensions of a session: on a root, on its resource, and in what ``session()`` states.

Rules
-----
* At one root, what the application states in ``session()`` beats the root's own attribute, and that
  beats the resource.
* An older name of an attribute is read where the newer one is not there.
* ``unknown_service``, which SDKs write when a service has no name, is no name.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

from otel_session_agg import attributes as n
from otel_session_agg._model.dimensions import DimensionValue, dimension_value

Values = Mapping[str, DimensionValue]
"""Values of dimensions by name."""

NONE: Values = MappingProxyType({})

_OLDER_NAMES: Mapping[str, tuple[str, ...]] = {
    # OpenTelemetry's semantic conventions renamed it in 1.27
    "deployment.environment.name": ("deployment.environment",),
}
_SERVICE = "service.name"
_NO_SERVICE = "unknown_service"
"""How the name of a service without one begins; the name of the program follows."""

_MAX_RESOURCES = 64
"""Resources that are remembered; an application has one for each tracer provider."""


class RootDimensions(NamedTuple):
    """The dimensions of one root."""

    of_root: Values = NONE
    """What its attributes state; they are those of its own session."""
    of_resource: Values = NONE
    """What its resource states, of each session of its trace."""


NO_ROOT = RootDimensions()


class DimensionReader:
    """Reads the dimensions that the settings name."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._keys = {name: (name, *_OLDER_NAMES.get(name, ())) for name in names}
        # ``session()`` writes its metadata on the spans that begin in it
        self._keys_of_roots = {
            name: (n.METADATA_PREFIX + name, *keys) for name, keys in self._keys.items()
        }
        self._all = frozenset(chain.from_iterable(self._keys_of_roots.values()))
        self._resources: dict[int, tuple[object, Values, RootDimensions]] = {}
        """By identity: to compare two resources takes longer than to read one."""

    @property
    def resource_keys(self) -> frozenset[str]:
        """The attributes of resources that are read."""
        return frozenset(chain.from_iterable(self._keys.values()))

    @property
    def root_keys(self) -> frozenset[str]:
        """The attributes of roots that are read."""
        return self._all

    def of_root(self, attributes: Mapping[str, Any], resource: object) -> RootDimensions:
        """Return what a root's attributes and its resource state."""
        if not self.names:
            return NO_ROOT
        known = self._resources.get(id(resource)) or self._add(resource)
        if self._all.isdisjoint(attributes):  # as nearly always
            return known[2]
        return RootDimensions(_found(self._keys_of_roots, attributes), known[1])

    def of_block(self, metadata: Mapping[str, Any], user_id: str | None) -> Values:
        """Return what a ``session()`` block states."""
        stated = metadata if user_id is None else {**metadata, n.USER_ID: user_id}
        if not stated or not self.names:
            return NONE
        return _found(self._keys, stated)

    def _add(self, resource: object) -> tuple[object, Values, RootDimensions]:
        if len(self._resources) >= _MAX_RESOURCES:
            self._resources.clear()
        attributes = getattr(resource, "attributes", None)
        found = _found(self._keys, attributes) if isinstance(attributes, Mapping) else NONE
        # the resource itself, too: then no other object gets its identity
        whole = RootDimensions(NONE, found) if found else NO_ROOT
        row = self._resources[id(resource)] = resource, found, whole
        return row


def _found(keys: Mapping[str, tuple[str, ...]], attributes: Mapping[str, Any]) -> Values:
    found: dict[str, DimensionValue] = {}
    for name, spellings in keys.items():
        for key in spellings:
            stated = attributes.get(key)
            value = dimension_value(stated) if stated is not None else None
            if value is not None and not (name == _SERVICE and str(value).startswith(_NO_SERVICE)):
                found[name] = value
                break
    return found
