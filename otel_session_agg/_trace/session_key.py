"""To which session a span belongs, by what it and the spans above it state.

A span belongs to the session that it states itself, else to that of its nearest ancestor, else to
its trace's.  Session ids are strong or weak: strong ones are set for sessions; weak ones are those
of conversations and threads, which frameworks set by themselves, on sub-agents too.  Of strong ids
the nearest counts, of weak ones the outermost; a strong id beats a weak one.
"""

from __future__ import annotations

from typing import Final

SessionKey = tuple["str | None", bool]
"""A session id, if one is stated, and whether it is weak."""

NO_SESSION: Final[SessionKey] = (None, False)
"""To be compared by its value: in compiled code a tuple has no identity."""


def within(inner: SessionKey, outer: SessionKey) -> SessionKey:
    """Return what counts of the sessions that a span and its ancestors state."""
    return inner if outer[0] is None or (inner[0] is not None and not inner[1]) else outer
