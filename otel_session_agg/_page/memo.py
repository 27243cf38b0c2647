"""Answers that several charts of a view share: asked once, for a short time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

__all__ = ["Memo"]

_T = TypeVar("_T")
_SECONDS = 1.0
_MAX_ANSWERS = 64


class _Answer:
    """One answer, while it is worked out and afterwards."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.value: Any = None
        self.until = float("-inf")


class Memo:
    """The last answers; whoever asks for one that is being worked out waits for it."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds, self._lock = seconds, Lock()
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()

    def get(self, key: Hashable, work_out: Callable[[], _T]) -> _T:
        """Return the answer to a question; what it raises is raised, and not kept."""
        with self._lock:
            answer = self._answers.setdefault(key, _Answer())
            self._answers.move_to_end(key)
            while len(self._answers) > _MAX_ANSWERS:
                self._answers.popitem(last=False)
        with answer.lock:
            if monotonic() >= answer.until:
                answer.value = work_out()
                answer.until = monotonic() + self._seconds
            value: _T = answer.value
            return value
