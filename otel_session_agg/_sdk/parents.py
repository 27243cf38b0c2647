"""Find out, from the context in which a span starts, whether its parent will ever be seen here.

A span whose parent is in another process is a session root.  So is one whose parent is in this
process but never comes:

* the parent is made up: an application chose a trace id (Langfuse's ``trace_context``, an id out of
  a message queue) and put a span around that records nothing;
* a sampler dropped the parent, so that it records nothing;
* the parent belongs to another ``TracerProvider``, so it goes to other processors;
* the parent had ended before this processor was added.

A parent of the same provider that is still open does come, also when the processor was added while
it was open: what is below it waits for it.  A context that is not that of the parent (a span that
was handed in by hand) proves nothing: that waits, too.  And what the engine knows counts for more:
a span below one that it has seen, or in a trace whose beginning it has seen, is no root.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry import context as _api
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NonRecordingSpan, TraceFlags, get_current_span

if TYPE_CHECKING:
    from opentelemetry.context import Context


class Top(tuple[Any, ...]):
    """The queued tuple of a span that started below a parent that will not come.

    Its elements are those of any started span.
    """

    __slots__ = ()


def _current_context() -> Callable[[], Context]:
    """Return what gets the current context: the variable's own ``get`` where that is enough."""
    runtime = getattr(_api, "_RUNTIME_CONTEXT", None)
    variable = (
        getattr(runtime, "_current_context", None)
        if type(runtime) is ContextVarsRuntimeContext
        else None
    )
    return variable.get if isinstance(variable, ContextVar) else _api.get_current


current_context = _current_context()
"""``get_current`` without its two calls, which each span would pay on the application's thread."""


def is_top(span: ReadableSpan, context: Context | None) -> bool:
    """Return whether a span that starts has a parent in this process that will not come."""
    parent = span.parent
    if parent is None or parent.is_remote:
        return False
    above = get_current_span(context)
    found = above.get_span_context()
    if found.span_id != parent.span_id or found.trace_id != parent.trace_id:
        return False
    # nothing else distinguishes the spans of one provider from those of another
    provider = getattr(above, "_span_processor", None)
    if provider is None:
        return isinstance(above, NonRecordingSpan)
    return (
        provider is not getattr(span, "_span_processor", None)
        or getattr(above, "_end_time", None) is not None
    )


def is_unsampled(span: ReadableSpan) -> bool:
    """Return whether the parent of an ended span is in this process and is not exported."""
    parent = span.parent
    return (
        parent is not None and not parent.is_remote and not parent.trace_flags & TraceFlags.SAMPLED
    )
