"""Answers that charts and views share: asked once, as long as nothing is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

__all__ = ["Memo"]

_T = TypeVar("_T")
_SECONDS = 1.0
"""How long an answer is good whatever is written: the parts of a view ask one after another."""
_STILL_SECONDS = 30.0
"""How long it is good when nothing is written: the time that is shown may end now."""
_MAX_ANSWERS = 128


class _Answer:
    """One answer, while it is worked out and afterwards."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.value: Any = None
        self.revision: int | None = None
        self.since = float("-inf")


class Memo:
    """The last answers; whoever asks for one that is being worked out waits for it."""

    def __init__(self, seconds: float = _SECONDS, still_seconds: float = _STILL_SECONDS) -> None:
        self._seconds, self._still_seconds, self._lock = seconds, still_seconds, Lock()
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()

    def get(self, key: Hashable, revision: int, work_out: Callable[[], _T]) -> _T:
        """Return the answer to a question; what it raises is raised, and not kept.

        ``revision``: that of the history that is asked.
        """
        with self._lock:
            answer = self._answers.setdefault(key, _Answer())
            self._answers.move_to_end(key)
            while len(self._answers) > _MAX_ANSWERS:
                self._answers.popitem(last=False)
        with answer.lock:
            seconds = self._seconds
            if answer.revision == revision:
                seconds = max(seconds, self._still_seconds)
            if monotonic() >= answer.since + seconds:
                answer.value = work_out()
                answer.revision, answer.since = revision, monotonic()
            value: _T = answer.value
            return value
