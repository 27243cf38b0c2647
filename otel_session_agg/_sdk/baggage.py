"""Session ids that callers send in W3C baggage: where nobody trusts them they go no further.

What is in the context's baggage is sent to every service that is called.  A service that does not trust its callers would hand their ids on
to services that trust *it*, inside whatever ``session()`` block and on traces that are not sampled, of which no processor hears.  In the
context nothing tells what arrived from what the application put there, so it is left out where it is read from the headers.  In a process
that has processors of both kinds it is noted there, and left out where it would be sent below a span that no trusting one hears of.
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
    """Who in this process trusts what arrives, and who does not."""

    def __init__(self) -> None:
        self._trusting: WeakSet[object] = WeakSet()
        self._others: WeakSet[object] = WeakSet()
        self._is_installed = False

    def watch(self, processor: object, *, trusts: bool) -> None:
        """A processor is there."""
        (self._trusting if trusts else self._others).add(processor)
        if not self._is_installed:
            self._is_installed = (
                True  # on the class: propagators are there already, and others come later
            )
            W3CBaggagePropagator.extract = self._extracting(W3CBaggagePropagator.extract)  # type: ignore[method-assign]
            W3CBaggagePropagator.inject = self._injecting(W3CBaggagePropagator.inject)  # type: ignore[method-assign]

    def leave(self, processor: object) -> None:
        """It was shut down."""
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
        """Whether a trusting processor hears of the span that is open."""
        hears: Iterable[object] = getattr(
            getattr(trace.get_current_span(context), "_span_processor", None),
            "_span_processors",
            (),
        )
        return any(processor in self._trusting for processor in hears)


incoming = _Incoming()
"""Of this process."""


def _arrived(found: Context, before: Context) -> Mapping[str, tuple[object, object]]:
    """The session ids that were not there before, each with what was."""
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
    """The context with what was there before in the place of what arrived; what was put there since stays."""
    for key, (value, own) in arrived.items():
        if baggage.get_baggage(key, context) == value:
            context = (
                baggage.remove_baggage(key, context)
                if own is None
                else baggage.set_baggage(key, own, context)
            )
    return context
