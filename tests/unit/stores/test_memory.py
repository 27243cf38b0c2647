"""The store in memory."""

from __future__ import annotations

import os

import pytest

from otel_session_agg.stores import (
    MemoryStore,
)
from otel_session_agg.testing import FakeClock
from tests.support.stores import LONG, put


class TestMemory:
    """What only the store in memory has."""

    def test_bound(self) -> None:
        """Beyond its bound the keys put the longest ago go, and are counted."""
        store = MemoryStore(max_keys=2)
        put(store, ("a", "w", 1, b""), ("b", "w", 1, b""))
        put(store, ("a", "w", 2, b""), ("c", "w", 1, b""))
        assert ["a", "c"] == list(store.keys())
        assert 1 == store.dropped_keys

    def test_expired_go_first(self) -> None:
        """Keys whose time is over take no room and are not counted."""
        clock = FakeClock()
        store = MemoryStore(max_keys=2, clock=clock)
        put(store, ("a", "w", 1, b""), ("b", "w", 1, b""), ttl=1)
        clock.tick(1)
        put(store, ("c", "w", 1, b""), ("d", "w", 1, b""))
        assert (["c", "d"], 0) == (list(store.keys()), store.dropped_keys)

    def test_claims_are_bounded(self) -> None:
        """So are claims; the oldest goes first."""
        store = MemoryStore(max_keys=1)
        store.claim("a", "one", LONG)
        store.claim("b", "one", LONG)
        assert store.claim("a", "other", LONG)

    def test_expired_claims(self) -> None:
        """A claim of which nobody asks any more is given back all the same."""
        store = MemoryStore()
        store.claim("a", "one", LONG)
        store.unclaim("a", "one")
        store.unclaim("a", "one")
        assert store.claim("a", "other", LONG)

    def test_fork(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A child starts empty: what was put belongs to the parent."""
        store = MemoryStore()
        put(store, ("k", "w", 1, b""))
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            assert [] == list(store.keys())
