"""Where the processes of an application meet: stores of sessions, by URL."""

from __future__ import annotations

from otel_session_agg.stores._open import open_store
from otel_session_agg.stores.base import SessionStore, Slot, Stored
from otel_session_agg.stores.memory import MemoryStore
from otel_session_agg.stores.redis import RedisStore
from otel_session_agg.stores.sqlite import SqliteStore

__all__ = [
    "MemoryStore",
    "RedisStore",
    "SessionStore",
    "Slot",
    "SqliteStore",
    "Stored",
    "open_store",
]
