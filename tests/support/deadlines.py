"""Deadlines of parts of a pipeline."""

from __future__ import annotations

from otel_session_agg._collections.deadlines import Deadlines, Phase
from otel_session_agg._trace.engine import Engine


def next_deadline(deadlines: Deadlines, phase: Phase) -> float | None:
    """When something of a phase is due; ``None``: never."""
    return min((when for when, _, one in deadlines._heap if one.phase is phase and one.item is not None), default=None)


def release_due(engine: Engine, now: float, out: list[object]) -> None:
    """Let time pass for an engine that has a heap of its own."""
    engine._deadlines.heap.due(now)
    engine.expired(out)
