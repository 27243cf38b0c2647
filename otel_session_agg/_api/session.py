"""``session()``: the block in which everything belongs to one session."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar
from uuid import uuid4

from opentelemetry.context import attach

from otel_session_agg import attributes as n
from otel_session_agg._api import registry
from otel_session_agg._api.budget import Budget
from otel_session_agg._api.context import (
    Given,
    Label,
    carried_texts,
    current_label,
    given_id,
    given_value,
    labels_around,
    leave,
    with_label,
)
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import MAX_LABELS
from otel_session_agg._reasons import END_ON_EXIT, END_SESSION
from otel_session_agg._untrusted.values import MAX_TEXT_CHARS, MAX_WHOLE, encodable, plain

__all__ = ["end_session", "session"]

F = TypeVar("F", bound=Callable[..., Any])


class session:  # noqa: N801 -- used like a function: ``with session("chat-42"):``, ``@session()``
    """Everything inside belongs to a session: a context manager (also async) and a decorator.

    Spans that start inside carry ``session.id``, ``user.id`` and the metadata; threads and tasks
    belong to it as far as the OpenTelemetry context reaches them.  Blocks nest: inside the inner
    one, the inner session holds.

    Args:
        session_id: The session; what is no text (an integer, a ``UUID``) is converted to text.
            ``None`` or blank: the session around this block, else a new id.
        user_id: Who uses it.
        metadata: What else to put on its spans and in its record, as ``metadata.<name>``.  Values
            are text, numbers or flags; dates, UUIDs, enumerations and scalars of NumPy are
            converted, and what is ``None`` is left out.  Names that this library writes itself are
            refused.
        budget: What the session may use.
        propagate: Whether the id travels to other services in W3C baggage.  There it is believed
            only with the setting ``trust_baggage``.
        end_on_exit: Whether the session ends when the outermost block with its id is left.

    Raises:
        ValueError: a name of the metadata is reserved, a value is of another type, or a text or an
            id is longer than 1024 characters.

    """

    def __init__(  # noqa: PLR0913 -- all that a session has
        self,
        session_id: object = None,
        *,
        user_id: object = None,
        metadata: Mapping[str, Given] | None = None,
        budget: Budget | None = None,
        propagate: bool = False,
        end_on_exit: bool = False,
    ) -> None:
        self._wanted = given_id(session_id)
        self._user_id = given_id(user_id)
        self._metadata = _checked(metadata or {})
        self._budget = budget
        self._propagate = propagate
        self._end_on_exit = end_on_exit
        self._entered: dict[Label | None, object] = {}
        """Tokens by label of the blocks that are entered.

        Threads and tasks may enter one object at once.
        """
        self._last: str | None = self._wanted
        self._last_label: Label | None = None

    @property
    def session_id(self) -> str:
        """The session's id.

        Raises:
            RuntimeError: it is chosen when the block is entered, and it was not entered yet.

        """
        if self._last is None:
            message = "the session has no id before its block is entered"
            raise RuntimeError(message)
        return self._last

    def rollup(self, *, wait_seconds: float = 0.0) -> Rollup:
        """Return the session's totals at this moment, exact for this process.

        What other processes have is in them as far as it is known here: for sessions with a budget,
        a moment late.  With ``wait_seconds`` the store is read until nothing of the session is open
        in other processes, at most so long.  Only this and ``check`` ever wait for I/O, and only
        with ``wait_seconds``.
        """
        return registry.session_rollup(self.session_id, wait_seconds) or Rollup()

    def check(self, wait_seconds: float = 0.0) -> None:
        """Raise when the session has used more than its budget.

        Args:
            wait_seconds: With a store that is shared, how long to wait at most for what other
                processes are known to have open in the session; 0 looks at what is known
                here already and never waits.

        Raises:
            BudgetExceeded: it has; the error has the totals.
            BudgetUnknown: the budget is ``strict``, and it is not known; the error has the reason.

        """
        if self._budget is not None:
            around = (label for label in labels_around() if label in self._entered)
            self._budget.check_session(
                self.session_id, wait_seconds, next(around, self._last_label)
            )

    def end(self) -> None:
        """End the session as soon as nothing of it is open."""
        end_session(self.session_id)

    def __enter__(self) -> session:  # noqa: PYI034 -- final in effect
        outer = current_label()
        session_id = self._wanted or (outer.session_id if outer is not None else uuid4().hex)
        same = outer is not None and outer.session_id == session_id
        label = Label(
            session_id,
            self._user_id or (outer.user_id if same and outer is not None else None),
            {**(outer.metadata if same and outer is not None else {}), **self._metadata},
            self._budget,
            self._propagate or (same and outer is not None and outer.propagate),
            outer,
            carried_texts(),
        )
        if self._budget is not None:
            self._budget.bind(session_id, label)
        self._last, self._last_label = session_id, label
        self._entered[label] = attach(with_label(label))
        for aggregator in registry.aggregators():
            aggregator.block(label, is_entered=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        label = current_label()
        # other code left another context behind, or this one was left before
        if label not in self._entered:
            label = next(reversed(self._entered), None)
        token = self._entered.pop(label, None)
        if label is None or token is None:
            return
        leave(token, label)
        for aggregator in registry.aggregators():
            aggregator.block(label, is_entered=False)
        if self._end_on_exit and not _is_inside(label):
            for aggregator in registry.aggregators():
                aggregator.end_session(label.session_id, END_ON_EXIT)

    async def __aenter__(self) -> session:  # noqa: PYI034
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        """Wrap a function or coroutine function: each call runs inside a block of its own.

        Raises:
            TypeError: a generator function; it gives control away in the middle, so use a block
                inside it.

        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            message = "session() cannot decorate a generator function: use a with block inside it"
            raise TypeError(message)
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def inside_async(*args: Any, **kwargs: Any) -> Any:
                with self._another():
                    return await function(*args, **kwargs)

            return inside_async  # type: ignore[return-value]  # the same signature

        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self._another():
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]  # the same signature

    def _another(self) -> session:
        return session(
            self._wanted,
            user_id=self._user_id,
            metadata=self._metadata,
            budget=self._budget,
            propagate=self._propagate,
            end_on_exit=self._end_on_exit,
        )


def end_session(session_id: object) -> None:
    """End a session as soon as nothing of it is open.

    Its record is written, once over all processes.  Works from any process with the same store.  A
    session that comes back goes on, and gets a record with a higher revision.
    """
    wanted = given_id(session_id)
    if wanted is not None:
        for aggregator in registry.aggregators():
            aggregator.end_session(wanted, END_SESSION)


def _checked(metadata: Mapping[str, Given]) -> dict[str, str | bool | int | float]:
    """Return the metadata as spans carry it, without names whose value is ``None``."""
    checked: dict[str, str | bool | int | float] = {}
    for name, given in metadata.items():
        if not isinstance(name, str) or not name or n.METADATA_PREFIX + name in n.RESERVED:
            message = (
                f"metadata name {name!r} is not allowed:"
                f" {n.METADATA_PREFIX}{name} is written by this library"
            )
            raise ValueError(message)
        if given is None:
            continue
        value = given_value(given)
        if value is None:
            message = f"metadata {name}={given!r:.60} is not allowed: use text, a number or a flag"
            raise ValueError(message)
        if isinstance(value, int) and abs(value) > MAX_WHOLE:
            message = (
                f"metadata {name:.60} is not allowed:"
                " whole numbers have at most 63 bits, as OTLP carries them"
            )
            raise ValueError(message)
        if max(len(name), len(value) if isinstance(value, str) else 0) > MAX_TEXT_CHARS:
            message = (
                f"metadata {name:.60} is not allowed:"
                f" names and texts have at most {MAX_TEXT_CHARS} characters"
            )
            raise ValueError(message)
        checked[encodable(plain(name))] = value
    if len(metadata) > MAX_LABELS:
        message = f"{len(metadata)} names of metadata are not allowed: use at most {MAX_LABELS}"
        raise ValueError(message)
    return checked


def _is_inside(label: Label) -> bool:
    """Return whether a block with the same id is around one that was left."""
    outer = label.outer
    while outer is not None:
        if outer.session_id == label.session_id:
            return True
        outer = outer.outer
    return False
