"""The names of reasons, as counters and attributes use them.

Why a root was released, why totals are partial, why a span or a value is not counted, and why a
session ended.
"""

from __future__ import annotations

COMPLETE = "complete"
"""Released: everything below the root had ended."""
LINGER = "linger"
"""Partial: the time to wait for open spans was over."""
FLUSH = "force_flush"
"""Partial: the application called ``force_flush``."""
SHUTDOWN = "shutdown"
"""Partial: the processor was shut down.  Lost: the time for the shutdown was not enough."""
STOPPING = "stopping"
"""Partial: the process got a signal to stop."""
OPEN_ROOTS = "max_open_roots"
"""Partial: too many roots at once."""
OPEN_SPANS = "max_open_spans"
"""Partial: too many open spans below one root."""
NO_START = "start_not_seen"
"""Partial: the root ended, but its start was not seen."""

DUPLICATE = "duplicate_span"
"""Ignored: the same span ended twice."""
FAULT = "fault"
"""Ignored: reading or folding the span raised.  Partial: a span below the root was ignored so."""

DROPPED = "dropped_attributes"
"""Unread: the SDK dropped attributes of a call or root, maybe its usage, model or session.

Partial: there is such a span.
"""
OTHER_TRACE = "told_in_another_trace"
"""Unread: a call that another trace reports, too, and in which it is counted."""
SESSION_CONFLICT = "session_id_conflict"
"""Unread: a session id that differs from the first of its trace."""
DIMENSION_CONFLICT = "dimension_conflict"
"""Unread: of a root's dimensions, one with another value than its session has."""

NO_ROOT = "no_root"
"""Released: no root came for the spans that were kept, so there is none to write on."""
DISCARDED = "discarded"
"""Released: an open root beyond all bounds; its totals are lost."""
NO_CONTEXT = "no_context"
"""Ignored: the span could not be read at all."""
HELD = "max_held_spans"
"""Lost: the exporter behind hangs, and too many spans wait for it."""
AFTER_SHUTDOWN = "after_shutdown"
"""Lost: the span ended after ``shutdown``."""

END_SESSION = "end_session"
"""Session ended: the application called ``end_session``."""
END_ON_EXIT = "end_on_exit"
"""Session ended: its ``session()`` block was left."""
IDLE = "idle"
"""Session ended: nothing new came for a while."""
MAX_AGE = "max_age"
"""Session ended: it has been open for too long."""
MAX_SESSIONS = "max_sessions"
"""Session ended: too many at once."""
LATE = "late"
"""Session changed: spans ended after the root of a trace without a session had left."""
SESSION_ENDS = frozenset({END_SESSION, END_ON_EXIT, IDLE, MAX_AGE, MAX_SESSIONS, SHUTDOWN, LATE})
"""Why a session has ended or changed: all values that records have."""

OPEN_TRACES = "open_traces"
"""Partial: a trace of the session, or a part of the trace in another process, had not ended.

Or a process that was at work in the session was killed before it reported that it was done.
"""
STORE = "store"
"""Partial: the store could not be reached, so parts in other processes may be missing."""
STORE_EVICTED = "store_evicted"
"""Partial: the store lost the session too early, so totals of other processes may be missing."""
UNREADABLE = "store_entry"
"""Partial: an entry of the session in the store was damaged, or another version wrote it."""
