"""Open stores by their URLs, and find out which stores are the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from weakref import WeakKeyDictionary

from otel_session_agg._exceptions import StoreError
from otel_session_agg._untrusted.masked import masked
from otel_session_agg.stores._redis_names import SCHEMES
from otel_session_agg.stores.base import SessionStore
from otel_session_agg.stores.memory import MemoryStore
from otel_session_agg.stores.redis import RedisStore
from otel_session_agg.stores.sqlite import SqliteStore


def open_store(url: str) -> SessionStore:
    """Return the store that a URL names.  Nothing is opened or connected before it is used.

    Args:
        url: ``memory://``; ``sqlite:///file.db`` for a path from the working directory,
            ``sqlite:////var/file.db`` for one from the root; ``redis://host:6379`` and the other
            forms of :class:`RedisStore`.

    Raises:
        StoreError: It is none of these, or an extra is missing that it needs.

    """
    scheme, colon, _ = url.partition("://")
    opener = _OPENERS.get(scheme.lower())
    if not colon or opener is None:
        known = ", ".join(f"{name}://" for name in _OPENERS)
        message = f"no store is named {masked(url)!r}: {known} are known"
        raise StoreError(message)
    return opener(url)


def _memory(url: str) -> SessionStore:
    if url.partition("://")[2]:
        message = f"{masked(url)!r}: nothing may follow memory://"
        raise StoreError(message)
    return MemoryStore()


def _sqlite(url: str) -> SessionStore:
    host, slash, path = url.partition("://")[2].partition("/")
    if host or not slash or not path or "?" in path or path == ":memory:":
        message = (
            f"{masked(url)!r} names no file: sqlite:///file.db or sqlite:////var/file.db,"
            " or memory:// for none"
        )
        raise StoreError(message)
    return SqliteStore(path)


_OPENERS: dict[str, Callable[[str], SessionStore]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    **dict.fromkeys(SCHEMES, RedisStore),
}


_tokens: WeakKeyDictionary[SessionStore, object] = WeakKeyDictionary()
"""Identities of stores without a name; an ``id`` would be used again."""


def name_of(store: SessionStore | None) -> Hashable:
    """Return what identifies a store in this process: two objects may stand for one."""
    if store is None:
        return None
    return getattr(store, "name", None) or _tokens.setdefault(store, object())


def shared_store(store: SessionStore | str) -> SessionStore | None:
    """Return the store that processes share; ``None`` for a URL of this process alone."""
    if not isinstance(store, str):
        return store
    return None if store.lower().startswith("memory:") else open_store(store)
