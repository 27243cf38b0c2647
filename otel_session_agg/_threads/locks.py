"""Locks with a time limit, hooks that do nothing, and methods that keep no object alive."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakSet

from opentelemetry.sdk.trace import SpanProcessor

T = TypeVar("T")


def locked(
    lock: threading.Lock | threading.RLock, until: float, function: Callable[[], T]
) -> T | None:
    """Return the result of ``function``, called with a lock held; ``None``: no lock in time.

    Taking the lock and noting that it is taken is one step: no exception of a signal handler can
    come in between.
    """
    mine: list[bool] = []
    try:
        mine.extend(
            map(
                lock.acquire,
                (True,),
                (max(0.0, min(until - time.monotonic(), threading.TIMEOUT_MAX)),),
            )
        )
        return function() if mine[0] else None
    finally:
        if mine and mine[0]:
            lock.release()


def is_mine(lock: threading.RLock) -> bool:
    """Return whether the calling thread holds a lock, exactly at any moment."""
    # as ``Condition`` does it
    return lock._is_owned()  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001


def all_of(objects: WeakSet[T]) -> list[T]:
    """Return the objects in a set that other threads or the garbage collection may change."""
    # copied in one step; the set's own way is a loop
    references: set[weakref.ref[T]] = objects.data  # type: ignore[attr-defined]
    return [found for reference in references.copy() if (found := reference()) is not None]


_EMPTY = {SpanProcessor.on_start.__code__.co_code, (lambda: None).__code__.co_code}
"""Bytecode of a body that does nothing, with a docstring and without."""


def is_empty(processor: SpanProcessor, hook: str) -> bool:
    """Return whether a hook does nothing, as the batch processor's, and need not be called."""
    code = getattr(getattr(processor, hook, nothing), "__code__", None)
    return code is not None and code.co_code in _EMPTY


def weakly(method: Callable[..., T]) -> Callable[..., T | None]:
    """Return a method as a function that does not keep its object alive.

    When the object is gone, it does nothing.
    """
    found = weakref.WeakMethod(method)

    def call(*args: object) -> T | None:
        bound = found()
        return bound(*args) if bound is not None else None

    return call


def nothing() -> None:
    """Do nothing, in the place of a hook that does not exist."""
