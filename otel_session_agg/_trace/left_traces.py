"""Session roots that left recently: how many are remembered, and those of one trace id.

Late spans are expected where something was open when the root left, or where starts are not seen,
so such traces are remembered longer.  What is remembered is what the garbage collector goes through
again and again, on whichever thread it runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from otel_session_agg._trace.trace import Trace

MAX_REMEMBERED = 8192
"""Traces that left while something below them was, or may have been, open.

They are a minute of a busy process.
"""

MAX_COMPLETE = 512
"""Traces that left with all that had begun: a second of a busy process."""

_MAX_SAME_ID = 4
"""Roots of one trace that are remembered beside the one that left last.

As many as a process has concurrent calls to itself.
"""


def chain(trace: Trace | None) -> Iterator[Trace]:
    """Yield a trace that left, and those of its id that left before it."""
    while trace is not None:
        following = trace.next
        yield trace
        trace = following


def put_before(trace: Trace, newest: Trace) -> list[Trace]:
    """Chain those of its id that left before behind a trace; return all that are remembered."""
    others = list(chain(newest))
    # its parts go first
    unwritten = [one for one in others[_MAX_SAME_ID:] if one.begins and one.payload is not None]
    kept = [trace, *others[:_MAX_SAME_ID], *unwritten[-1:]]
    for one, following in zip(kept, [*kept[1:], None], strict=True):
        one.next = following
    return kept
