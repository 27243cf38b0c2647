"""The session around a call in the OpenTelemetry context: a label of ``session()``, or baggage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import Enum
from functools import cached_property, lru_cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from opentelemetry import baggage
from opentelemetry.context import (
    Context,
    attach,
    create_key,
    detach,
    get_current,
    get_value,
    set_value,
)

from otel_session_agg import attributes as n
from otel_session_agg._spans.received import is_copied_session, set_at_start, starting_attributes
from otel_session_agg._untrusted.values import MAX_TEXT_CHARS, encodable, plain, text

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

Given: TypeAlias = str | bool | int | float | Decimal | date | time | UUID | Enum | None
"""Values of metadata that applications may give, beside the scalars of NumPy."""

LABEL_KEY = create_key("otel_session_agg.session")
"""Where a context has its ``Label``."""

BAGGAGE_KEYS = (n.SESSION_ID, "session_id", "gen_ai.conversation.id", "langfuse_session_id")
"""Names under which a session id travels in W3C baggage, in order of trust: that of this library
and OpenInference, HoneyHive's, pydantic-ai's, Langfuse's."""


@dataclass(frozen=True, eq=False)
class Label:
    """The session of one ``session()`` block; spans that start inside carry ``stamps``."""

    session_id: str
    user_id: str | None = None
    metadata: Mapping[str, str | bool | int | float] = field(default_factory=dict)
    budget: object = None
    propagate: bool = False
    outer: Label | None = None
    """The block around this one."""
    around: frozenset[str] = frozenset()
    """Texts that other libraries carry in the context around this block, such as session ids.

    The block is nearer than those, so it wins over a session id that is one of them.
    """

    @cached_property
    def stamps(self) -> Mapping[str, str | bool | int | float]:
        """The attributes of spans that start inside."""
        stamps: dict[str, str | bool | int | float] = {
            n.METADATA_PREFIX + name: value for name, value in self.metadata.items()
        }
        stamps[n.SESSION_ID] = self.session_id
        if self.user_id is not None:
            stamps[n.USER_ID] = self.user_id
        return stamps


class _Use:
    """Whether there was ever a label; until then the start of a span costs nothing more."""

    def __init__(self) -> None:
        self.any_label = False
        self.any_budget = False
        self.hooks: list[Callable[[], object]] = []
        """Functions that ``with_label`` calls once, before it sets a label."""


use = _Use()


def given_id(value: object) -> str | None:
    """Return an id of the application as spans can carry it; ``None`` for a blank one.

    Raises:
        ValueError: it is longer than what is read from spans.

    """
    if value is None:
        return None
    if isinstance(value, bytes):  # of a header, or a key of Redis
        value = value.decode(errors="replace")
    shown = encodable(plain(value if isinstance(value, str) else str(value)))
    if len(shown) > MAX_TEXT_CHARS:
        message = f"an id of {len(shown)} characters is not allowed: use at most {MAX_TEXT_CHARS}"
        raise ValueError(message)
    return text(shown)


def given_value(value: object) -> str | bool | int | float | None:
    """Return a value of the application's metadata as attributes carry it; ``None`` for others.

    Scalars of NumPy, enumerations and decimals become what they hold, dates and UUIDs text.
    """
    if isinstance(value, Enum):
        value = value.value
    elif getattr(value, "shape", None) == ():  # a scalar of NumPy, whose flags are no ``bool``
        value = value.item()  # type: ignore[attr-defined]
    if isinstance(value, str):
        return encodable(plain(value))
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, Integral)):
        return int(value)
    if isinstance(value, (float, Real, Decimal)):
        return float(value)
    return str(value) if isinstance(value, (date, time, UUID)) else None


def current_label(context: Context | None = None) -> Label | None:
    """Return the label of the innermost ``session()`` block around."""
    label = get_value(LABEL_KEY, context)
    return label if isinstance(label, Label) else None


def carried_texts() -> frozenset[str]:
    """Return every text in the current context and its baggage."""
    context = get_current()
    carried = [
        value
        for value in (*context.values(), *baggage.get_all(context).values())
        if isinstance(value, str)
    ]
    return frozenset((*carried, *filter(None, map(text, carried))))


def labels_around() -> list[Label]:
    """Return the labels of all blocks around, the innermost first."""
    found, label = [], current_label()
    while label is not None:
        found.append(label)
        label = label.outer
    return found


def trusted_label(context: Context | None = None) -> Label | None:
    """Return a label for the session in baggage; ``None``: there is none."""
    entries = baggage.get_all(get_current() if context is None else context)
    if not entries:
        return None
    session_id = next(filter(None, (text(entries.get(key)) for key in BAGGAGE_KEYS)), None)
    return _of_baggage(session_id) if session_id is not None else None


@lru_cache(maxsize=1024)
def _of_baggage(session_id: str) -> Label:
    """Return the label for a session id, the same object each time, as for a block."""
    return Label(session_id)


def with_label(label: Label) -> Context:
    """Return the current context with a label, and the id in baggage if it propagates."""
    use.any_label = True
    use.any_budget = use.any_budget or label.budget is not None
    while use.hooks:
        use.hooks.pop()()
    context = set_value(LABEL_KEY, label)
    around = baggage.get_all(context)
    for key in BAGGAGE_KEYS if around else ():
        if around.get(key) not in (None, label.session_id):
            # a callee must not join the session around this one
            context = baggage.remove_baggage(key, context)
    return (
        baggage.set_baggage(n.SESSION_ID, label.session_id, context) if label.propagate else context
    )


def leave(token: object, label: Label) -> None:
    """Undo ``attach(with_label(label))``; ``token`` is what that returned.

    In another ``contextvars`` context than that of the block's beginning nothing can be undone: the
    rest of a streaming generator runs in another task, thread or copy of a context.  There only
    the label is removed, if it came along, so that what follows is not in the session.
    """
    try:
        if isinstance(token, Token):
            token.var.reset(token)  # ``detach`` logs a traceback where it cannot
        else:
            detach(token)  # type: ignore[arg-type]  # of another runtime context
    except (ValueError, RuntimeError):
        if current_label() is label:
            attach(_without(label))


def _without(label: Label) -> Context:
    """Return the current context with the label around this one, or without any."""
    if label.outer is not None:
        return with_label(label.outer)
    context = set_value(LABEL_KEY, None)
    return baggage.remove_baggage(n.SESSION_ID, context) if label.propagate else context


def stamped(
    span: Span,
    context: Context | None,
    trusts_baggage: bool,  # noqa: FBT001 -- called by a guard
) -> Label | None:
    """Put the session around a starting span on it; return the label.

    Return ``None`` without a session, and when the application names another one on the span.
    """
    label = current_label(context)
    if label is None and trusts_baggage:
        label = trusted_label(context)
    return label if label is not None and stamp(span, label) else None


def stamp(span: Span, label: Label) -> bool:
    """Put a session on a starting span; return ``False`` where the span names another one itself.

    What the span states itself is kept, but for an id that other libraries carry around the block.
    """
    own, session_id = starting_attributes(span), label.session_id
    named = own.get(n.SESSION_ID, session_id)
    if named is not session_id and text(named) != session_id:
        if not ((isinstance(named, str) and named in label.around) or is_copied_session(span, own)):
            return False
        own = {name: value for name, value in own.items() if name != n.SESSION_ID}
    stamps = label.stamps
    if len(stamps) > 1:
        span.set_attributes({name: value for name, value in stamps.items() if name not in own})
    elif n.SESSION_ID not in own:
        set_at_start(span, n.SESSION_ID, session_id)
    return True
