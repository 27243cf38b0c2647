"""Send requests from the journal to the process that counts, not more than it has room for.

After an error that nobody expects, what was taken to be sent may not have been sent: the process is
ended, and the next one gets all that is not counted from the journal again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from otel_session_agg._live.journal import GoneError, Journal
from otel_session_agg._live.process import (
    CountingProcess,
    Finish,
    ProcessEndedError,
    Request,
    ToProcess,
    Written,
)
from otel_session_agg._live.recovering import Place
from otel_session_agg._live.state import JOURNAL, State
from otel_session_agg._live.suspects import Sent

WINDOW_BYTES = 32 * 1024 * 1024
"""Requests that the process has and has not counted: some 100 MB of its memory."""

_WAIT_SECONDS = 1.0
"""How long nothing is looked at when nothing is to be sent, or a request cannot be read."""


class Feeder:
    """What is sent to the process, and in which order; `run` is for a thread of its own."""

    def __init__(self, journal: Journal, state: State) -> None:
        self._journal, self._state = journal, state
        self._process: CountingProcess | None = None
        self._answers: deque[ToProcess] = deque()
        self._places: deque[Place] = deque()
        """Requests that were read from the journal's list, to be sent."""
        self._last = 0
        """The last request that was taken from it."""
        self._sent_bytes = 0
        """Bytes that the process has and has not counted."""
        self._sent = Sent(0, None)
        self._alone_until = 0
        self._has_started = self._has_finished = False
        self._has_begun = False
        """Whether `run` was called before."""
        self.has_failed = False
        """Whether the process was ended because it could not be sent what it was to get."""

    @property
    def sent(self) -> Sent:
        """What the process has got."""
        return self._sent

    def begin(self, process: CountingProcess, done: int, alone_until: int = 0) -> None:
        """Send all requests after this one to a new process; up to another one, one by one."""
        with self._state.changed:
            self._process, self._last, self._sent_bytes = process, done, 0
            self._sent, self._alone_until, self._has_started = Sent(0, None), alone_until, False
            self._answers.clear()
            self._places.clear()
            self._has_finished = self.has_failed = False
            self._state.waits(self._journal.num_bytes)
            self._state.changed.notify_all()

    def started(self) -> None:
        """Note that the process has started: what ends it now is what it gets."""
        with self._state.changed:
            self._has_started = True
            self._state.changed.notify_all()

    def answer(self, *messages: ToProcess) -> None:
        """Send messages before further requests."""
        with self._state.changed:
            self._answers.extend(messages)
            self._state.changed.notify_all()

    def counted(self, num_bytes: int, done: int) -> None:
        """Note that so much, and all requests up to this one, are counted and written."""
        with self._state.changed:
            self._answers.append(Written())
            self._sent_bytes -= num_bytes
            if self._sent.alone is not None and self._sent.alone <= done:
                self._sent = self._sent._replace(alone=None)
            self._state.changed.notify_all()

    def run(self) -> bool:
        """Send what there is to send, until nothing more comes."""
        if self._has_begun:  # an error has ended this
            self._give_up()
        self._has_begun = True
        while True:
            with self._state.changed:
                if self._state.is_finished:
                    return True
                process = self._process
                messages = list(self._next())
                if not messages:
                    self._state.changed.wait(_WAIT_SECONDS)
                    continue
            self._send(process, messages)

    def _give_up(self) -> None:
        """End the process, so that another one begins with what the journal has."""
        with self._state.changed:
            process = self._process
            self.has_failed = process is not None
        if process is not None:
            process.end()

    def _next(self) -> Iterable[ToProcess | Place]:
        """Return what is to be sent now; a request is taken when it was read."""
        if self._answers:
            answers, self._answers = self._answers, deque()
            return answers
        if not self._places:
            self._places.extend(self._journal.after(self._last))
            self._last = self._places[-1].number if self._places else self._last
        if self._places and self._may_send(self._places[0]):
            return (self._places[0],)
        if not self._places and self._state.is_closing and not self._has_finished:
            self._has_finished = True
            return (Finish(),)
        return ()

    def _may_send(self, place: Place) -> bool:
        if self._sent.alone is not None:
            return False
        return self._has_started if self._is_alone(place) else self._sent_bytes < WINDOW_BYTES

    def _is_alone(self, place: Place) -> bool:
        return place.number <= self._alone_until

    def _send(self, process: CountingProcess | None, messages: Iterable[ToProcess | Place]) -> None:
        for message in messages:
            sent = self._taken(process, message) if isinstance(message, Place) else message
            try:
                if process is not None and sent is not None:
                    process.send(sent)
            except ProcessEndedError:
                return  # who receives finds out, and begins anew

    def _taken(self, process: CountingProcess | None, place: Place) -> Request | None:
        """Take the next request; ``None``: it cannot be read, which the state says."""
        content: bytes | None = None
        try:
            content = self._journal.read(place)
        except GoneError:
            self._state.note(
                JOURNAL, "an accepted request is gone: its file was changed or deleted"
            )
        except OSError as error:  # such as too many open files: it is tried again
            self._state.note(JOURNAL, f"accepted requests cannot be read: {error.strerror}")
            with self._state.changed:
                self._state.changed.wait_for(lambda: self._state.is_finished, _WAIT_SECONDS)
            return None
        with self._state.changed:
            if self._process is not process:  # which gets it
                return None
            self._places.popleft()
            if content is None:
                self._state.counted(0, place.size)
                return None
            is_alone = self._is_alone(place)
            self._sent_bytes += place.size
            self._sent = Sent(place.number, place.number if is_alone else None)
            return Request(place.number, content, is_alone)
