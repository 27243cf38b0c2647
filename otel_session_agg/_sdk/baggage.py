"""Keep session ids that callers send in W3C baggage from going further where they are not trusted.

What is in the context's baggage is sent to every service that is called.  A service that does not
trust its callers would hand their ids on to services that trust *it*, inside any ``session()``
block and on traces that are not sampled, which no processor sees.  In the context nothing
distinguishes what arrived from what the application put there, so it is left out where it is read
from the headers.  In a process that has processors of both kinds it is noted there, and left out
where it would be sent below a span that no trusting processor sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any
from weakref import WeakSet

from opentelemetry import baggage, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, create_key, get_current, set_value

from otel_session_agg._api.context import BAGGAGE_KEYS

_ARRIVED = create_key("otel_session_agg.arrived")


class _Incoming:
    """Which processors of this process trust what arrives, and which do not."""

    def __init__(self) -> None:
        self._trusting: WeakSet[object] = WeakSet()
        self._others: WeakSet[object] = WeakSet()
        self._is_installed = False

    def watch(self, processor: object, *, trusts: bool) -> None:
        """Add a processor; with the first one, wrap the methods of the W3C propagator."""
        (self._trusting if trusts else self._others).add(processor)
        if not self._is_installed:
            self._is_installed = True
            # on the class: propagators exist already, and more are made later
            wrapped: Any = W3CBaggagePropagator
            wrapped.extract = self._extracting(wrapped.extract)
            wrapped.inject = self._injecting(wrapped.inject)

    def leave(self, processor: object) -> None:
        """Remove a processor that was shut down."""
        self._trusting.discard(processor)
        self._others.discard(processor)

    def _extracting(self, extract: Callable[..., Context]) -> Callable[..., Context]:
        @wraps(extract)
        def watched(
            propagator: Any, payload: Any, context: Context | None = None, *args: Any, **kwargs: Any
        ) -> Context:
            found = extract(propagator, payload, context, *args, **kwargs)
            if not self._others:
                return found
            arrived = _arrived(found, get_current() if context is None else context)
            if not arrived:
                return found
            return (
                set_value(_ARRIVED, arrived, found) if self._trusting else _without(arrived, found)
            )

        return watched

    def _injecting(self, inject: Callable[..., None]) -> Callable[..., None]:
        @wraps(inject)
        def watched(
            propagator: Any, payload: Any, context: Context | None = None, *args: Any, **kwargs: Any
        ) -> None:
            around = get_current() if context is None else context
            arrived = around.get(_ARRIVED)
            if isinstance(arrived, Mapping) and self._others and not self._is_trusted(around):
                around = _without(arrived, around)
            inject(propagator, payload, around, *args, **kwargs)

        return watched

    def _is_trusted(self, context: Context) -> bool:
        """Return whether a trusting processor sees the span that is open."""
        seeing: Iterable[object] = getattr(
            getattr(trace.get_current_span(context), "_span_processor", None),
            "_span_processors",
            (),
        )
        return any(processor in self._trusting for processor in seeing)


incoming = _Incoming()
"""Of this process."""


def _arrived(found: Context, before: Context) -> Mapping[str, tuple[object, object]]:
    """Return the session ids that arrived, by key, each with the value before (``None``: none)."""
    entries = baggage.get_all(found)
    if not entries:
        return {}
    own = baggage.get_all(before)
    return {
        key: (entries[key], own.get(key))
        for key in BAGGAGE_KEYS
        if key in entries and entries[key] != own.get(key)
    }


def _without(arrived: Mapping[str, tuple[object, object]], context: Context) -> Context:
    """Return the context with the values before in the place of those that arrived.

    Values that were put there since stay.
    """
    for key, (value, own) in arrived.items():
        if baggage.get_baggage(key, context) == value:
            context = (
                baggage.remove_baggage(key, context)
                if own is None
                else baggage.set_baggage(key, own, context)
            )
    return context
