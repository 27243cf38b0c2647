"""Small parts of threads: a lock with a time limit, and hooks that do nothing."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from opentelemetry.sdk.trace import SpanProcessor

T = TypeVar("T")


class within(AbstractContextManager[bool]):  # noqa: N801 -- reads as a statement
    """A lock held, if it could be had before a time."""

    def __init__(self, lock: threading.Lock, until: float) -> None:
        self._lock = lock
        self._until = until
        self._mine = False

    def __enter__(self) -> bool:
        self._mine = self._lock.acquire(timeout=max(0.0, self._until - time.monotonic()))
        return self._mine

    def __exit__(self, *_: object) -> None:
        if self._mine:
            self._lock.release()


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


def always() -> bool:
    """Go on."""
    return True


def nothing() -> None:
    """A hook that is not there, or an object that is gone."""
