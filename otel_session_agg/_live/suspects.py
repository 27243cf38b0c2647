"""Find the request that ends the process which counts, so that all others are counted.

Rules
-----
* When the process has ended a few times and nothing new was counted in between, requests are sent
  one by one, up to the last one that a process had: each alone, after the one before is counted.
* A request that was alone in a process that had started, and did not survive it twice, is set
  aside: the two are not a coincidence, as an end by something else may be.
* A process that ends before it has started says nothing about a request.

No clock, thread or file.
"""

from __future__ import annotations

from typing import NamedTuple

TRIES = 3
"""Ends without anything new being counted, after which requests are sent one by one."""

TRIES_ALONE = 2
"""Ends with a request alone, after which it is set aside."""


class Sent(NamedTuple):
    """What a process had."""

    last: int
    """The last request that was sent to it; 0: none was."""
    alone: int | None
    """The one that was sent alone and is not counted; ``None``: there is none."""


class Suspects:
    """What is known of the ends of processes."""

    def __init__(self) -> None:
        self.num_ends = 0
        """Ends of processes since something new was counted."""
        self.alone_until = 0
        """Requests up to this one are to be sent one by one."""
        self._done = 0
        self._suspect, self._times = 0, 0

    def counted(self, done: int) -> None:
        """Note that all requests up to this one are counted."""
        if done > self._done:
            self._done, self.num_ends = done, 0

    def ended(self, sent: Sent) -> int | None:
        """Note that a process has ended; return the request that is to be set aside, if any is."""
        self.num_ends += 1
        if sent.alone is None:
            if self.num_ends >= TRIES:
                self.alone_until = max(self.alone_until, sent.last)
            return None
        self._times = self._times + 1 if sent.alone == self._suspect else 1
        self._suspect = sent.alone
        if self._times < TRIES_ALONE:
            return None
        self.num_ends = 0
        return sent.alone
