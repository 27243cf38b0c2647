"""A bounded map of what was put in last."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The last values by key: at least ``generation`` of them, at most twice as many.

    When the young generation is full it becomes the old one, and the old one is dropped, so that
    forgetting costs nothing.  Reading a value does not keep it: it has to be put in again for that.
    """

    __slots__ = ("_old", "generation", "young")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.young: dict[K, V] = {}
        """The values put in last."""
        self._old: dict[K, V] = {}

    def put(self, key: K, value: V) -> None:
        """Remember a value."""
        if len(self.young) >= self.generation:
            self.grow_old()
        self.young[key] = value

    def grow_old(self) -> None:
        """Make the full young generation the old one."""
        self._old, self.young = self.young, {}

    def get(self, key: K) -> V | None:
        """Return the value of a key, if it is remembered."""
        value = self.young.get(key)
        return self._old.get(key) if value is None else value

    def replace(self, key: K, value: V) -> None:
        """Replace the value of a key, if it is remembered; this does not prolong that."""
        if key in self.young:
            self.young[key] = value
        elif key in self._old:
            self._old[key] = value

    def pop(self, key: K) -> V | None:
        """Remove a key, and return its value, if it is remembered."""
        value = self.young.pop(key, None)
        return self._old.pop(key, None) if value is None else value

    def setdefault(self, key: K, value: V) -> V:
        """Return the value of a key; put ``value`` in if none is remembered.

        Of threads that call this at once, one puts in its own.
        """
        if len(self.young) >= self.generation:
            self.grow_old()
        old = self._old.get(key)
        return self.young.setdefault(key, value) if old is None else old
