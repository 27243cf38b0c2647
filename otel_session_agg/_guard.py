"""The boundary to the host application: nothing of ours is ever raised into it, and nothing of the host's ends our threads.

``Guard.call`` is the only place that catches what is raised.  What was caught is counted, and logged once per place and type,
because a fault on a span's path comes back thousands of times a second.

* On the application's threads ``Exception`` is caught; what ends a program (``KeyboardInterrupt``, ``SystemExit``) goes on, and so does
  whatever a signal handler raised: Celery's ``SoftTimeLimitExceeded`` is an ``Exception`` and meant for the application.
* On threads of this library everything is caught: nobody else would hear of it, and the thread has to go on.
* Whoever has something to log may hold a lock, and what handlers and filters do is up to the application: they may ask for totals, hang
  or raise.  So messages are left in ``said``, and logged where no lock is held (``_messages``).
"""

from __future__ import annotations

from _thread import get_ident
from collections import Counter, deque
from collections.abc import Callable
from logging import Logger
from types import FrameType, TracebackType
from typing import NamedTuple, TypeVar

from otel_session_agg._formatting import short
from otel_session_agg._masked import masked

T = TypeVar("T")

_MAX_KINDS = 256
"""Different faults that are logged; a place and a type make one, so there are a few dozen at most."""

_MAX_SAID = 1024
"""Messages that wait for being logged; a handler that hangs is not what memory is for."""

_OF_SPANS = frozenset(
    {
        "a late span", "counting an unsampled span", "ending a trace", "ending traces", "finding a parent", "folding",
        "folding on the application thread", "forwarding", "reading a span", "reading totals", "releasing", "sessions", "stamping a span",
        "writing a root", "writing a session record", "writing on an open root",
    }
)  # fmt: skip
"""Places that handle what stands on spans: texts of errors quote it, so only the type is logged, and where it was raised."""

own_threads: set[int] = set()
"""Identifiers of threads of this library."""


class Message(NamedTuple):
    """A warning to be logged."""

    logger: Logger
    text: str
    args: tuple[object, ...]
    error: BaseException | None = None


class Said:
    """Messages that wait for being logged; ``tell`` is called when there is one, and logs at once unless it is replaced."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque(maxlen=_MAX_SAID)
        self.tell: Callable[[], object] = self.log

    def put(self, message: Message) -> None:
        """Log a message soon."""
        self._messages.append(message)
        self.tell()

    def log(self) -> bool:
        """Log what waits; whatever handlers and filters do stays here."""
        while self._messages:
            try:
                _log(self._messages.popleft())
            except BaseException as error:  # noqa: PERF203 -- of the application's logging; ours is not worth its thread
                if not _stays(error, is_part=True):
                    raise
        return True


said = Said()
"""Of this process."""


class Guard:
    """Runs calls whose faults stay here."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._logged: set[tuple[str, str]] = set()
        self.faults: Counter[str] = Counter()
        """Faults by place."""

    def call(self, place: str, function: Callable[..., T], *args: object) -> T | None:
        """The result of ``function(*args)``, or ``None`` when it raised."""
        try:
            return function(*args)
        except BaseException as error:
            if not _stays(error):
                raise
            self.fault(place, error)
            return None

    def part(self, place: str, function: Callable[..., T], *args: object) -> T | None:
        """The same for a part that the application handed in and that has its own reasons: only what a signal raised goes on."""
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
        """Log a warning, the first time for this place and thing."""
        if (place, what) not in self._logged and len(self._logged) < _MAX_KINDS:
            self._logged.add((place, what))
            said.put(Message(self._logger, message, args, exc_info))


def warn(logger: Logger, text: str, *args: object) -> None:
    """Log a warning, each time."""
    said.put(Message(logger, text, args))


def _log(message: Message) -> None:
    fault = (
        None
        if message.error is None
        else _Fault(type(message.error).__name__).with_traceback(message.error.__traceback__)
    )
    message.logger.warning(message.text, *map(shown, message.args), exc_info=fault)


class _Fault(Exception):  # noqa: N818 -- stands for an error of another type
    """What is logged in the place of an error, with its traceback: its own text, and those it came from, may quote anything."""


def shown(value: object) -> object:
    """What is logged of a name, a text or an error that may come from outside: printable characters only, without passwords, and short."""
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
"""Of a text, before passwords are looked for."""


def _stays(error: BaseException, *, is_part: bool = False) -> bool:
    """Whether an error is of no concern to the application."""
    if get_ident() in own_threads:
        return True
    return (is_part or isinstance(error, Exception)) and not (
        isinstance(error, KeyboardInterrupt) or is_of_signal(error)
    )


def is_of_signal(error: BaseException) -> bool:
    """Whether a signal handler raised an error, in the middle of something else.

    A handler is given the frame that it interrupted, which is the one that "called" it.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_back is not None and _is_given(trace.tb_frame, trace.tb_frame.f_back):
            return True
        trace = trace.tb_next
    return False


def _is_given(frame: FrameType, interrupted: FrameType) -> bool:
    """Whether the second of a function's arguments, however it is declared, is the frame below it."""
    code, values = frame.f_code, frame.f_locals
    names = code.co_varnames[
        : code.co_argcount + bool(code.co_flags & _HAS_VARARGS)
    ]  # ``*args`` follows keyword-only ones
    if code.co_flags & _HAS_VARARGS:
        names = (*names[:-1], code.co_varnames[code.co_argcount + code.co_kwonlyargcount])
    given = [values.get(name) for name in names]
    return any(
        value is interrupted or (type(value) is tuple and any(one is interrupted for one in value))
        for value in given
    )


_HAS_VARARGS = 0x04
"""``inspect.CO_VARARGS``."""
