"""Import modules on threads of this library without being interrupted by a fork.

A module that another thread imports is locked in the child for good, since that thread is not
there: the child would hang when it needs it.  So a fork waits until the import is done.
"""

from __future__ import annotations

from _thread import RLock, get_ident
from types import TracebackType

WAIT_SECONDS = 10.0
"""How long a fork waits: the imports take half a second on a machine that is not busy, but may
themselves wait for a module that the forking thread imports."""


class Imports:
    """``with imports:`` around each import that may be on a thread of its own.

    Raises:
        ImportError: at the beginning, in the child of a fork that came in the middle all the same.

    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._forking: set[int] = set()
        """Threads that hold the lock for a fork."""
        self._is_torn = False
        """Whether this process was forked in the middle of an import."""

    def __enter__(self) -> None:
        if self._is_torn:
            message = "the process was forked in the middle of an import"
            raise ImportError(message)
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def before_fork(self) -> None:
        """Wait until no thread imports."""
        if self._lock.acquire(timeout=WAIT_SECONDS):
            self._forking.add(get_ident())

    def after_fork(self) -> None:
        """Let threads import again."""
        if get_ident() in self._forking:
            self._forking.discard(get_ident())
            self._lock.release()

    def in_child(self) -> None:
        """Start anew, in the child."""
        self._is_torn = get_ident() not in self._forking
        self._forking, self._lock = set(), RLock()


imports = Imports()
"""The imports of this process; ``_sdk/aggregator.py`` registers its hooks for forks."""
