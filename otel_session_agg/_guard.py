"""The boundary to the host application: catch, count and log faults.

No fault of this library is ever raised into the application, and no fault of the application ends a
thread of this library.

Rules
-----
* Only ``Guard.call`` and ``Guard.part`` catch exceptions.  Faults are counted, and logged once per
  place and type, because a fault on a span's path recurs thousands of times a second.
* On the application's threads ``Exception`` is caught.  Exceptions that end a program
  (``KeyboardInterrupt``, ``SystemExit``) are raised on, and so is any that a signal handler raised:
  Celery's ``SoftTimeLimitExceeded`` is an ``Exception`` and meant for the application.
* On threads of this library everything is caught: no other code would handle it, and the thread has
  to go on.
* A thread that logs may hold a lock, and handlers and filters belong to the application: they may
  ask for totals, hang or raise.  So messages are put into ``pending_messages``, and logged where no
  lock is held (``_threads/messages.py``).
"""

from __future__ import annotations

from _thread import get_ident
from collections import Counter, deque
from collections.abc import Callable
from logging import Logger
from types import FrameType, TracebackType
from typing import NamedTuple, TypeVar

from otel_session_agg._untrusted.formatting import short
from otel_session_agg._untrusted.masked import masked

T = TypeVar("T")

_MAX_KINDS = 256
"""Different faults that are logged, by place and type; there are a few dozen at most."""

_MAX_PENDING = 1024
"""Messages that wait to be logged: a handler that hangs must not use up the memory."""

_OF_SPANS = frozenset(
    {
        "a late span", "counting an unsampled span", "ending a trace", "ending traces",
        "finding a parent", "folding", "folding on the application thread", "forwarding",
        "reading a span", "reading totals", "releasing", "sending a notification", "sessions",
        "stamping a span", "telling which sessions changed", "writing a root",
        "writing a session record", "writing on an open root",
    }
)  # fmt: skip
"""Places that handle contents of spans, or secrets of addresses.

Error texts quote these, so only the type of an error is logged, and where it was raised.
"""

own_threads: set[int] = set()
"""Identifiers of threads of this library."""


class Message(NamedTuple):
    """A warning to be logged."""

    logger: Logger
    text: str
    args: tuple[object, ...]
    error: BaseException | None = None


class PendingMessages:
    """Messages that wait to be logged.

    ``notify`` is called when there is one, and logs at once unless it is replaced.
    """

    def __init__(self) -> None:
        self._messages: deque[Message] = deque(maxlen=_MAX_PENDING)
        self.notify: Callable[[], object] = self.log

    def put(self, message: Message) -> None:
        """Log a message soon."""
        self._messages.append(message)
        self.notify()

    def log(self) -> bool:
        """Log what waits; catch what handlers and filters raise."""
        while self._messages:
            try:
                _log(self._messages.popleft())
            except BaseException as error:  # noqa: PERF203 -- of the application's handlers
                if not _stays(error, is_part=True):
                    raise
        return True


pending_messages = PendingMessages()
"""The messages of this process."""


class Guard:
    """Runs functions and catches their faults; the rules are at the head of the module."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._logged: set[tuple[str, str]] = set()
        self.faults: Counter[str] = Counter()
        """Number of faults by place."""

    def call(self, place: str, function: Callable[..., T], *args: object) -> T | None:
        """Return the result of ``function(*args)``, or ``None`` when it raised."""
        try:
            return function(*args)
        except BaseException as error:
            if not _stays(error):
                raise
            self.fault(place, error)
            return None

    def part(self, place: str, function: Callable[..., T], *args: object) -> T | None:
        """Do the same for a part that the application passed in, such as an exporter or a store.

        Such parts raise for their own reasons, so only what a signal handler raised is raised on.
        """
        try:
            return function(*args)
        except BaseException as error:
            if not _stays(error, is_part=True):
                raise
            self.fault(place, error)
            return None

    def fault(self, place: str, error: BaseException) -> None:
        """Count a fault, and log the first of its type."""
        self.faults[place] += 1
        kind = type(error).__name__
        if place in _OF_SPANS:
            self.once(place, kind, "%s failed: %s", place, kind, exc_info=error)
        else:
            self.once(place, kind, "%s failed: %s: %s", place, kind, error, exc_info=error)

    def once(
        self,
        place: str,
        what: str,
        message: str,
        *args: object,
        exc_info: BaseException | None = None,
    ) -> None:
        """Log a warning, the first time for this place and subject."""
        if (place, what) not in self._logged and len(self._logged) < _MAX_KINDS:
            self._logged.add((place, what))
            pending_messages.put(Message(self._logger, message, args, exc_info))


def warn(logger: Logger, text: str, *args: object) -> None:
    """Log a warning every time."""
    pending_messages.put(Message(logger, text, args))


def _log(message: Message) -> None:
    """Log a message, with the traceback of its error but without the error's text."""
    fault = (
        None
        if message.error is None
        else _Fault(type(message.error).__name__).with_traceback(message.error.__traceback__)
    )
    message.logger.warning(message.text, *map(shown, message.args), exc_info=fault)


class _Fault(Exception):  # noqa: N818 -- stands for an error of another type
    """Logged in place of an error, with its traceback.

    The error's own text, and those of its causes, may quote anything.
    """


def shown(value: object) -> object:
    """Return what is logged of a foreign value: printable, without passwords, and short."""
    if value is None or type(value) in _PLAIN:
        return value
    try:
        text = str(value)
    except Exception as error:
        if not _stays(error, is_part=True):
            raise
        text = f"<{type(value).__name__}>"
    return short(masked(text[:_MAX_CHARS]) if "://" in text[:_MAX_CHARS] else text)


_PLAIN = frozenset({bool, int, float})
_MAX_CHARS = 2000
"""Characters of a text that are searched for passwords."""


def _stays(error: BaseException, *, is_part: bool = False) -> bool:
    """Return whether an error is to be kept from the application."""
    if get_ident() in own_threads:
        return True
    return (is_part or isinstance(error, Exception)) and not (
        isinstance(error, KeyboardInterrupt) or is_of_signal(error)
    )


def is_of_signal(error: BaseException) -> bool:
    """Return whether a signal handler raised an error, in the middle of something else.

    A handler is given the frame that it interrupted, which is the one that "called" it.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_back is not None and _is_given(trace.tb_frame, trace.tb_frame.f_back):
            return True
        trace = trace.tb_next
    return False


def _is_given(frame: FrameType, interrupted: FrameType) -> bool:
    """Return whether an argument of a function, however declared, is the frame below it."""
    code, values = frame.f_code, frame.f_locals
    # ``*args`` follows keyword-only ones
    names = code.co_varnames[: code.co_argcount + bool(code.co_flags & _HAS_VARARGS)]
    if code.co_flags & _HAS_VARARGS:
        names = (*names[:-1], code.co_varnames[code.co_argcount + code.co_kwonlyargcount])
    given = [values.get(name) for name in names]
    return any(
        value is interrupted or (type(value) is tuple and any(one is interrupted for one in value))
        for value in given
    )


_HAS_VARARGS = 0x04
"""``inspect.CO_VARARGS``."""
