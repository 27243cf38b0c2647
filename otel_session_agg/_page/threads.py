"""Run what reads the history on worker threads: the event loop takes spans in meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

__all__ = ["on_thread"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MAX_AT_ONCE = 4
"""Questions that are answered at once, over all pages: the others wait, and ingestion does not."""
_limiters: list[CapacityLimiter] = []


def on_thread(function: Callable[_P, _T]) -> Callable[_P, Awaitable[_T]]:
    """Return a coroutine function that calls one on a worker thread, a few at once."""

    @wraps(function)
    async def called(*args: Any, **kwargs: Any) -> _T:
        if not _limiters:
            _limiters.append(CapacityLimiter(_MAX_AT_ONCE))
        return await to_thread.run_sync(
            lambda: function(*args, **kwargs), limiter=_limiters[0], abandon_on_cancel=True
        )

    return called
