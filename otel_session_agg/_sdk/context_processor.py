"""What an exporter needs of spans that start: a small processor in the application's provider."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    ReadableSpan,
    Span,
    SpanProcessor,
    TracerProvider,
)
from opentelemetry.trace.propagation import _SPAN_KEY

from otel_session_agg._api.context import Label, stamped, use
from otel_session_agg._collections.recent import Recent
from otel_session_agg._sdk.aggregator import Aggregator
from otel_session_agg._sdk.baggage import incoming
from otel_session_agg._sdk.parents import is_top
from otel_session_agg._threads.background import Background
from otel_session_agg._threads.locks import weakly

if TYPE_CHECKING:
    from opentelemetry.context import Context

_MAX_LABELS = 2048
"""Blocks that are remembered; the label of one that is forgotten is queued again."""

_LOOK_SECONDS = 0.02
_MAX_LOOKS = 500
"""How often to look for a tracer provider after the start: it exists when the application's set-up
is done."""


class SessionContextProcessor(SpanProcessor):
    """Puts the session around a span that starts on it, and passes on what exporters do not get.

    That is ``force_flush``, and spans that are recorded and not sampled.  It attaches itself to
    the global tracer provider, when there is one: at the first ``session()`` block, after a while
    on a thread of its own, in a forked child, or when the exporter asks for it.
    """

    def __init__(
        self,
        aggregator: Aggregator,
        flush: Callable[[int], bool],
        unsampled: Callable[[ReadableSpan], None],
        *,
        trusts_baggage: bool,
    ) -> None:
        self._aggregator = aggregator
        self._flush = flush
        self._unsampled = unsampled
        self._trusts_baggage = trusts_baggage
        self._labels: Recent[Label, bool] = Recent(_MAX_LABELS // 2)
        self._lock = threading.RLock()
        self._is_attached = False
        self._num_looks = 0
        """At how many starts the handler of ``SIGTERM`` is still checked.

        In a forked process a server sets a handler of its own, which replaces that of this library.
        """
        incoming.watch(self, trusts=trusts_baggage)
        use.hooks.append(weakly(self.attach))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=weakly(self._forked))
        Background("otel-session-agg-joins", self._attach_soon, aggregator.guard).begin()

    def attach(self) -> bool:
        """Attach to the application's tracer provider, behind the processors that it has by then.

        Return whether there is such a provider.
        """
        with self._lock:
            if not self._is_attached:
                self._is_attached = (
                    self._aggregator.guard.call("joining the provider", self._joined) or False
                )
            return self._is_attached

    def _forked(self) -> None:
        """Attach in a forked child: the thread that would do it is not there."""
        self._lock = threading.RLock()
        self._num_looks = _MAX_LOOKS
        self.attach()

    def came_late(self) -> bool:
        """Attach if that was not done; return whether it was not, and is now."""
        return not self._is_attached and self.attach()

    def _joined(self) -> bool:
        provider = trace.get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            return False
        if self not in _processors_of(provider):  # a fork in the middle of this is no second time
            provider.add_span_processor(self)
        return True

    def _attach_soon(self) -> bool:
        """Attach when the provider is there.

        An exporter is made before its processor is added to a provider, and that before the
        provider is made the global one.
        """
        for _ in range(_MAX_LOOKS):
            time.sleep(_LOOK_SECONDS)
            if self._aggregator.span_worker.is_shut_down or self.attach():
                break
        return True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Put the session on a span, and note it when its parent will not come."""
        # as the SDK finds it
        above: Any = (get_current() if parent_context is None else parent_context).get(_SPAN_KEY)
        if above is not None and getattr(above, "_span_processor", None) is not getattr(
            span, "_span_processor", None
        ):
            self._aggregator.guard.call("finding a parent", self._note_top, span, parent_context)
        if self._num_looks:
            self._num_looks = 0 if self._aggregator.handle_sigterm() else self._num_looks - 1
        if use.any_label or self._trusts_baggage:
            self._aggregator.guard.call("stamping a span", self._stamp, span, parent_context)

    def _note_top(self, span: Span, parent_context: Context | None) -> None:
        if is_top(span, parent_context):
            self._aggregator.span_worker.pipeline.intake.note_top(span)

    def _stamp(self, span: Span, parent_context: Context | None) -> None:
        label = stamped(span, parent_context, self._trusts_baggage)
        if label is None:
            return
        span_worker = self._aggregator.span_worker
        # without a lock, as applications start spans in finalizers, too; of concurrent threads, one
        # may make the memory forget its oldest entries early
        span_worker.pipeline.intake.reader.began(
            span.context.trace_id, span.context.span_id, label.session_id, label.around
        )
        if self._labels.get(label) is None:
            self._labels.put(label, True)  # noqa: FBT003 -- a value
            span_worker.queue.append((None, label))

    def on_end(self, span: ReadableSpan) -> None:
        """Count a span that is recorded and not sampled: no batch processor exports such a span."""
        if span.context is not None and not span.context.trace_flags.sampled:
            self._aggregator.guard.call("counting an unsampled span", self._unsampled, span)

    def stop(self) -> None:
        """Forget about baggage: the exporter was shut down."""
        incoming.leave(self)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter: roots that wait are released, once all that feeds it is flushed."""
        until = time.monotonic() + timeout_millis / 1000
        is_flushed = True
        for processor in self._not_flushed():
            is_flushed &= processor.force_flush(_millis_until(until))
        return self._flush(_millis_until(until)) and is_flushed

    def _not_flushed(self) -> Sequence[SpanProcessor]:
        """Return the processors that the provider flushes after this one, or at the same time.

        An exporter may join before its batch processor is added, in an application that starts
        slowly.
        """
        provider = trace.get_tracer_provider()
        found = _processors_of(provider)
        active = getattr(provider, "_active_span_processor", None)
        if not isinstance(active, ConcurrentMultiSpanProcessor):
            found = found[found.index(self) + 1 :] if self in found else ()
        return [one for one in found if not isinstance(one, SessionContextProcessor)]


def _processors_of(provider: object) -> Sequence[SpanProcessor]:
    """Return the processors of a tracer provider, in order; none: it does not tell."""
    active = getattr(provider, "_active_span_processor", None)
    found: Sequence[SpanProcessor] = getattr(active, "_span_processors", ())
    return found


def _millis_until(until: float) -> int:
    return max(int((until - time.monotonic()) * 1000), 0)


def flush_provider(timeout_millis: int) -> bool:
    """Flush the application's global tracer provider; return whether that was done in time."""
    provider = trace.get_tracer_provider()
    return not isinstance(provider, TracerProvider) or provider.force_flush(timeout_millis)
