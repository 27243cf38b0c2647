"""How much may be remembered of scopes and of the sets of keys on their spans: both come from whoever makes spans."""

from __future__ import annotations

from collections.abc import Collection

MAX_SCOPES = 512
"""Scopes remembered; an application has a few dozen."""

MAX_SCOPE_CHARS = 256
"""Of a scope's name or version; of longer ones the beginning counts."""

MAX_PLANS = 1024
"""Sets of keys remembered per scope: a few dozen occur; flattened chat messages are left out below."""

MAX_PLAN_KEYS = 48
"""Spans with more keys are flattened messages, whose sets do not repeat: only the keys that say something are looked at."""

MAX_PLAN_CHARS = 4096
"""The same for keys that are so long together; 48 real ones have half of that."""

_MAX_BYTES = 32_000_000
"""Of all sets of keys together; a few hundred are in use, of about 10 kB each."""

_PLAN_BYTES = 4096
_KEY_BYTES = 64
"""What is remembered of a set and of each of its keys, beside their names."""

_CHAR_BYTES = 4
"""Of a character, at most."""


class Room:
    """How much all sets of keys take that are remembered."""

    def __init__(self) -> None:
        self._used_bytes = 0
        self.is_full = False

    def take(self, keys: Collection[str]) -> None:
        """A set of keys is remembered."""
        self._used_bytes += _PLAN_BYTES + _KEY_BYTES * len(keys) + _CHAR_BYTES * sum(map(len, keys))
        self.is_full = self._used_bytes > _MAX_BYTES
