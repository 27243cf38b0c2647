"""Small parts of threads: a lock with a time limit, and hooks that do nothing."""

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
    """The result of a function that is called with a lock held; ``None`` when the lock could not be had in time.

    Taking the lock and noting that it is taken is one step: no exception of a signal handler can come in between.
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
    """Whether the calling thread holds a lock."""
    return lock._is_owned()  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001 -- as ``Condition`` asks, exact at any moment


def all_of(members: WeakSet[T]) -> list[T]:
    """What is in a set that other threads may change meanwhile, or the garbage collection."""
    references: set[weakref.ref[T]] = members.data  # type: ignore[attr-defined]  # copied in one step; the set's own way is a loop
    return [found for reference in references.copy() if (found := reference()) is not None]


_EMPTY = {SpanProcessor.on_start.__code__.co_code, (lambda: None).__code__.co_code}
"""A body that does nothing, with a docstring and without."""


def is_empty(processor: SpanProcessor, hook: str) -> bool:
    """Whether a hook does nothing, as the batch processor's, and need not be called."""
    code = getattr(getattr(processor, hook, nothing), "__code__", None)
    return code is not None and code.co_code in _EMPTY


def weakly(method: Callable[..., T]) -> Callable[..., T | None]:
    """A method as a function that does not keep its object alive, and does nothing when that is gone."""
    found = weakref.WeakMethod(method)

    def call(*args: object) -> T | None:
        bound = found()
        return bound(*args) if bound is not None else None

    return call


def nothing() -> None:
    """A hook that is not there, or an object that is gone."""
