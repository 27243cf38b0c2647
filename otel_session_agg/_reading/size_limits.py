"""Bounds on what is remembered of scopes and of sets of keys on spans; both are foreign input."""

from __future__ import annotations

from collections.abc import Collection

MAX_SCOPES = 512
"""Scopes remembered; an application has a few dozen."""

MAX_SCOPE_CHARS = 256
"""Characters of a scope's name or version; of longer ones the beginning counts."""

MAX_PLANS = 1024
"""Sets of keys remembered per scope: a few dozen occur.  Flattened chat messages would fill it, so
the next two bounds leave them out."""

MAX_PLAN_KEYS = 48
"""Spans with more keys are flattened messages, whose sets do not repeat: only the keys that have a
meaning are looked at."""

MAX_PLAN_CHARS = 4096
"""The same for all keys of a span together; 48 real ones have half of that."""

_MAX_BYTES = 32_000_000
"""Memory of all sets of keys together; a few hundred are in use, of about 10 kB each."""

_PLAN_BYTES = 4096
_KEY_BYTES = 64
"""Memory of a set and of each of its keys, without the names."""

_CHAR_BYTES = 4
"""Memory of a character, at most."""


class PlanMemory:
    """The memory that remembered sets of keys take, with their plans."""

    def __init__(self) -> None:
        self._used_bytes = 0
        self.is_full = False

    def add(self, keys: Collection[str]) -> None:
        """Count the memory of one more set of keys."""
        self._used_bytes += _PLAN_BYTES + _KEY_BYTES * len(keys) + _CHAR_BYTES * sum(map(len, keys))
        self.is_full = self._used_bytes > _MAX_BYTES
