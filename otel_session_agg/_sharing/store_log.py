"""Log what is wrong with a store beside its errors: entries left out, and data it may have lost."""

from __future__ import annotations

from collections.abc import Iterable

from otel_session_agg._guard import Guard
from otel_session_agg._untrusted.formatting import short

_MAX_NAMED = 16
"""Entries that are named: a store full of foreign entries must not fill a log."""

_MAX_CHARS = 160


class StoreLog:
    """Logs warnings, each once."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._named: set[str] = set()

    def left_out(self, names: Iterable[str]) -> None:
        """Log the names of entries of the store that cannot be read."""
        for name in names:
            if name not in self._named and len(self._named) < _MAX_NAMED:
                self._named.add(name)
                self._guard.once(
                    "store entry",
                    name,
                    "an entry of the store is left out, as it cannot be read: %s",
                    short(name, _MAX_CHARS),
                )

    def lost(self, keys: Iterable[str] | None) -> None:
        """Log that what was written is gone: these keys, or, for ``None``, perhaps all of them."""
        if keys is not None:
            self._guard.once(
                "store",
                "evicted",
                "the store has lost sessions before their time (keys were evicted or deleted): what"
                " this process knows of them is written again, and their records say that something"
                " may be missing",
            )
            return
        self._guard.once(
            "store",
            "lost",
            "the store may have lost what it had (its file was deleted or replaced, or its server"
            " started again): what this process knows of it is written again, records may miss what"
            " others had written",
        )
