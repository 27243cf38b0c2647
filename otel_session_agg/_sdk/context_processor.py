"""What an exporter cannot do itself, since it sees spans only when they have ended: a small processor beside it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace.propagation import _SPAN_KEY

from otel_session_agg._api.context import Label, stamped, use
from otel_session_agg._recent import Recent
from otel_session_agg._sdk.aggregator import Aggregator
from otel_session_agg._sdk.baggage import incoming
from otel_session_agg._sdk.parents import is_top
from otel_session_agg._threads.background import Background
from otel_session_agg._threads.locks import weakly

if TYPE_CHECKING:
    from opentelemetry.context import Context

_MAX_LABELS = 2048
"""Blocks that are remembered; one that is forgotten is told of again."""


_LOOK_SECONDS = 0.02
_MAX_LOOKS = 500
"""How often it is looked for a tracer provider after the start: it is there when the application's set-up is done."""


class SessionContextProcessor(SpanProcessor):
    """Puts the session around a span that starts on it, and hears of what does not reach exporters.

    That is ``force_flush``, and spans that are recorded and not sampled.
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
        """At how many starts the signals are still looked at: a server sets its own in a forked process, which drops ours."""
        incoming.watch(self, trusts=trusts_baggage)
        use.hooks.append(weakly(self.attach))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=weakly(self._forked))
        Background("otel-session-agg-joins", self._attach_soon, aggregator.guard).begin()

    def attach(self) -> bool:
        """Go into the application's tracer provider, behind what is there; returns whether there is one."""
        with self._lock:
            if not self._is_attached:
                self._is_attached = (
                    self._aggregator.guard.call("joining the provider", self._joined) or False
                )
            return self._is_attached

    def _forked(self) -> None:
        """The thread that was to attach it stayed behind."""
        self._lock = threading.RLock()
        self._num_looks = _MAX_LOOKS
        self.attach()

    def came_late(self) -> bool:
        """Whether it was not in the provider until now, but is."""
        return not self._is_attached and self.attach()

    def _joined(self) -> bool:
        provider = trace.get_tracer_provider()
        if isinstance(provider, TracerProvider):
            provider.add_span_processor(self)
        return isinstance(provider, TracerProvider)

    def _attach_soon(self) -> bool:
        """An exporter is made before the processor that it is for is in the provider, and that before all know the provider."""
        for _ in range(_MAX_LOOKS):
            time.sleep(_LOOK_SECONDS)
            if self._aggregator.span_worker.is_shut_down or self.attach():
                break
        return True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Stamp a span, and note where its parent will not come."""
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
        # without a lock, as applications start spans in finalizers, too; threads at once may forget what is oldest early
        span_worker.pipeline.reader.began(
            span.context.trace_id, span.context.span_id, label.session_id, label.around
        )
        if self._labels.get(label) is None:
            self._labels.put(label, True)  # noqa: FBT003 -- a value
            span_worker.queue.append((None, label))

    def on_end(self, span: ReadableSpan) -> None:
        """Hand on a span that is recorded and not sampled: no batch processor exports it, so that the exporter does not see it."""
        if span.context is not None and not span.context.trace_flags.sampled:
            self._aggregator.guard.call("counting an unsampled span", self._unsampled, span)

    def stop(self) -> None:
        """What it stands beside was shut down."""
        incoming.leave(self)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Let go of the roots that wait."""
        return self._flush(timeout_millis)


def flush_provider(timeout_millis: int) -> bool:
    """Let the batch processors of the application's provider export what they have."""
    provider = trace.get_tracer_provider()
    return not isinstance(provider, TracerProvider) or provider.force_flush(timeout_millis)
