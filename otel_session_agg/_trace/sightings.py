"""Reports of calls in two traces: what shows that they may be of one call."""

from __future__ import annotations

from typing import NamedTuple

from otel_session_agg._trace import same_call
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.trace import Trace

Figures = tuple["int | None", "int | None"]
"""Prompt and completion tokens."""


class Sighting(NamedTuple):
    """The report of a call, and the trace that it is in."""

    report: Call
    trace: Trace

    @property
    def call(self) -> Call | None:
        """The call of this trace that the report is of, once that was decided."""
        call = self.report.winner()
        return call if call.lost_to is None else None

    def begins(self, call: Call) -> bool:
        """Return whether no span of the application is above the call.

        The root of the trace is then of a scope that reports the call.
        """
        root, root_id = self.trace.root_span, self.trace.root_id
        return root_id in (self.report.span_id, call.span_id) or (
            root is not None and root.scope_name in call.scopes
        )


def knows_tokens(call: Call) -> bool:
    """Return whether a call's tokens are in the totals, and are no estimate."""
    return call.usage_counts and not call.unsure_usage


def is_findable(call: Call) -> bool:
    """Return whether another trace may report a call."""
    return call.strong and bool(call.usage_counts or call.model_events or call.silent)


def figures(call: Call) -> Figures:
    """Return the figures that a call is found by."""
    return (
        (call.usage.prompt_tokens, call.usage.completion_tokens)
        if call.usage is not None
        else (None, None)
    )


def is_apart(mine: Sighting, call: Call, other: Sighting, other_call: Call) -> bool:
    """Return whether two reports are in different traces, of what may be one model."""
    return other.trace.trace_id != mine.trace.trace_id and same_call.same_model(call, other_call)


def differs(mine: Sighting, call: Call, other: Sighting, other_call: Call) -> bool:
    """Return whether two concurrent reports may be of one call although their figures differ."""
    if (
        call.scope in other_call.scopes
        or call.start_ns > other_call.end_ns
        or other_call.start_ns > call.end_ns
    ):
        return False
    if (
        call.failed
        or other_call.failed
        or not (
            same_call.differs(call, other_call)
            or not (call.usage_counts and other_call.usage_counts)
        )
    ):
        return False
    return other.begins(other_call) and is_apart(mine, call, other, other_call)


def may_be_one(call: Call, other_call: Call) -> bool:
    """Return whether different scopes report two calls that may be one."""
    return other_call.scopes != call.scopes and same_call.one_call(other_call, call) is not None
