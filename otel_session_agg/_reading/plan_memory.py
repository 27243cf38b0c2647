"""Bound the memory of remembered sets of keys; they are foreign input."""

from __future__ import annotations

from collections.abc import Callable, Collection

_MAX_BYTES = 32_000_000
"""Memory of all sets of keys together; a few hundred are in use, of about 10 kB each."""

_PLAN_BYTES = 4096
_KEY_BYTES = 64
"""Memory of a set and of each of its keys, without the names."""

_CHAR_BYTES = 4
"""Memory of a character, at most."""


class PlanMemory:
    """The memory that remembered sets of keys take, with their plans."""

    def __init__(self, forget: Callable[[], object]) -> None:
        """``forget`` drops all of them; it is called when there are too many."""
        self._forget = forget
        self._used_bytes = 0

    def add(self, keys: Collection[str]) -> None:
        """Count the memory of one more set of keys."""
        self._used_bytes += _PLAN_BYTES + _KEY_BYTES * len(keys) + _CHAR_BYTES * sum(map(len, keys))
        if self._used_bytes > _MAX_BYTES:
            self._used_bytes = 0
            self._forget()
