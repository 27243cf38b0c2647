"""What sessions are made of, by model, agent and tool, as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from otel_session_agg._model.breakdown import NO_CALLS, Breakdown, BreakdownRow
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._sharing.stored_sessions import StoredSession

PARTS: Mapping[str, Callable[[Rollup], Breakdown]] = {
    "model": lambda rollup: rollup.by_model,
    "agent": lambda rollup: rollup.by_agent,
    "tool": lambda rollup: rollup.by_tool,
}
"""What totals can be split by."""


class NamedPart(NamedTuple):
    """What one model, agent or tool came to in one session."""

    session_id: str
    start_ns: int | None
    """Of the session."""
    kind: str
    """A key of ``PARTS``."""
    name: str | None
    """``None``: what has no row, as in totals of older versions."""
    row: BreakdownRow


def parts_of_session(session: StoredSession) -> Iterator[NamedPart]:
    """Return the rows of a session."""
    rollup = session.rollup
    by_model = rollup.by_model
    rest = rest_of(rollup, by_model.total)
    for kind, read in PARTS.items():
        rows = by_model if kind == "model" else read(rollup)
        for name, row in rows.items():
            yield NamedPart(session.session_id, rollup.start_ns, kind, name, row)
        if rest is not None:
            yield NamedPart(session.session_id, rollup.start_ns, kind, None, rest)


def rest_of(rollup: Rollup, known: BreakdownRow) -> BreakdownRow | None:
    """Return what is in the totals and in no row of models; ``None``: nothing is."""
    rest = NO_CALLS._replace(
        prompt_tokens=(rollup.prompt_tokens or 0) - known.prompt_tokens,
        completion_tokens=(rollup.completion_tokens or 0) - known.completion_tokens,
        total_tokens=(rollup.total_tokens or 0) - known.total_tokens,
        cache_read_tokens=rollup.cache_read_tokens - known.cache_read_tokens,
        cost_pusd=rollup.cost_pusd - known.cost_pusd,
        num_priced=rollup.num_computed + rollup.num_recorded - known.num_priced,
        num_unpriced=rollup.num_unpriced_events - known.num_unpriced,
    )
    return rest if any(rest) else None
