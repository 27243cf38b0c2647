"""Functions for code inside a session: its totals so far, and feedback on it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from functools import lru_cache

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext

from otel_session_agg import attributes as n
from otel_session_agg._api.context import current_label, given_id
from otel_session_agg._api.registry import aggregators, fullest, session_rollup
from otel_session_agg._guard import Guard
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._spans.made import made_span
from otel_session_agg._spans.scope import SCHEMA_URL, version
from otel_session_agg._untrusted.values import plain

__all__ = ["current_rollup", "record_feedback"]

_guard = Guard(logging.getLogger("otel_session_agg"))
_IDS = RandomIdGenerator()
_FEEDBACK = "feedback"
"""Value of ``gen_ai.evaluation.name`` for feedback of people."""


def current_rollup() -> Rollup | None:
    """Return the totals of the active session so far, or of the active trace without a session.

    They are exact for this process: everything that has ended is in them, also what ended on other
    threads.  What other processes have of the session is in them as far as it is known here, which
    it is for sessions with a budget.  ``None`` when nothing is active.
    """
    label = current_label()
    if label is not None:
        return session_rollup(label.session_id) or Rollup()
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    found = (one.trace_rollup(context.trace_id, context.span_id) for one in aggregators())
    return fullest(found)


def record_feedback(
    score: float | bool | None = None,  # noqa: FBT001 -- a thumb is a score
    label: str | None = None,
    comment: str | None = None,
    *,
    session_id: object = None,
) -> None:
    """Record feedback on a session: ``metadata.has_feedback`` is true for it from now on.

    A small span named ``feedback`` with the event ``gen_ai.evaluation.result`` of the OpenTelemetry
    GenAI conventions is exported.  Inside a session or a trace, it belongs to that; with
    ``session_id`` it may come later, and from any process.  Where the root or the record of the
    session has left already, a new revision of the record has it.

    Args:
        score: Any number; 0 and ``False`` are feedback, too.
        label: The score as text, such as ``thumbs_down``.
        comment: The feedback as text.
        session_id: The session, when it is not the active one.

    Raises:
        ValueError: the score is no number, or the id is longer than 1024 characters.

    """
    active = current_label()
    wanted = given_id(session_id) or (active.session_id if active is not None else None)
    given = (
        (n.EVALUATION_NAME, _FEEDBACK),
        (n.EVALUATION_SCORE, _number(score)),
        (n.EVALUATION_LABEL, _text(label)),
        (n.EVALUATION_EXPLANATION, _text(comment)),
    )
    evaluation = {name: value for name, value in given if value is not None}
    current = trace.get_current_span()
    span = _span(
        wanted,
        evaluation,
        current,
        is_outside=given_id(session_id) is not None and not _is_in(current, wanted),
    )
    are_forwarded = [one.feedback(wanted, span) for one in aggregators()]
    if not any(are_forwarded):
        _emit(wanted, evaluation, None if span.parent is not None else Context())


def _number(score: object) -> float | None:
    """Return a score as a float; the largest one for a number that is too large.

    Raises:
        ValueError: it is no number.

    """
    if score is None:
        return None
    try:
        return float(score)  # type: ignore[arg-type]  # what is no number is refused
    except OverflowError:
        return sys.float_info.max if score > 0 else -sys.float_info.max  # type: ignore[operator]
    except TypeError as error:
        message = f"a score of type {type(score).__name__} is not allowed: use a number"
        raise ValueError(message) from error


def _text(given: object) -> str | None:
    """Return a label or comment as text: exporters refuse anything else."""
    return None if given is None else plain(given if isinstance(given, str) else str(given))


def _is_in(span: trace.Span, session_id: str | None) -> bool:
    label = current_label()
    return label is not None and label.session_id == session_id and span.get_span_context().is_valid


def _span(
    session_id: str | None,
    evaluation: Mapping[str, str | float],
    current: trace.Span,
    *,
    is_outside: bool,
) -> ReadableSpan:
    now_ns = time.time_ns()
    context: SpanContext | None = current.get_span_context()
    if is_outside or context is None or not context.is_valid:
        context = None
    resource = current.resource if isinstance(current, ReadableSpan) else _resource()
    return made_span(
        n.FEEDBACK_SPAN,
        (
            context.trace_id if context is not None else _IDS.generate_trace_id(),
            _IDS.generate_span_id(),
        ),
        (now_ns, now_ns),
        resource=resource,
        parent=context,
        attributes={n.SESSION_ID: session_id} if session_id is not None else {},
        events=[Event(n.EVALUATION_EVENT, evaluation, now_ns)],
    )


def _resource() -> Resource:
    """Return the resource of the application's tracer provider, else that of the environment."""
    own = getattr(trace.get_tracer_provider(), "resource", None)
    return own if isinstance(own, Resource) else _of_environment()


@lru_cache(maxsize=1)
def _of_environment() -> Resource:
    """Return the resource by the environment; making it takes milliseconds, and threads."""
    return _guard.call("making a resource", Resource.create) or Resource.get_empty()


def _emit(
    session_id: str | None, evaluation: Mapping[str, str | float], context: Context | None
) -> None:
    """Make the span with the application's own tracer, where no aggregator forwards it."""
    span = trace.get_tracer(n.OUR_SCOPE, version(), schema_url=SCHEMA_URL).start_span(
        n.FEEDBACK_SPAN,
        context,
        attributes={n.SESSION_ID: session_id} if session_id is not None else None,
    )
    span.add_event(n.EVALUATION_EVENT, evaluation)
    span.end()
