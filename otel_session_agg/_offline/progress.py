"""How far a replay is, and what is known of it beside its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from otel_session_agg._otlp.batches import Problem

Phase = Literal["reading", "counting"]


@dataclass(slots=True)
class Progress:
    """How far a replay is."""

    phase: Phase = "reading"
    done_bytes: int = 0
    """Bytes of the files that were read, compressed as they are."""
    total_bytes: int | None = None
    """``None``: unknown, as for standard input."""
    num_spans: int = 0
    """Spans read; while counting, those counted."""
    total_spans: int = 0
    """While counting: all of them."""
    num_files: int = 0


@dataclass(slots=True)
class Replayed:
    """What is known of a replay beside its results."""

    num_files: int = 0
    num_spans: int = 0
    num_traces: int = 0
    problems: list[Problem] = field(default_factory=list)
    """What could not be read; at most 1,000 of them."""
    num_problems: int = 0
    num_counted: int = 0
    """Spans that were counted, each once: fewer than were read when it was stopped."""
    is_interrupted: bool = False
    """Whether it was stopped before all was read or counted."""
    num_forgotten: int = 0
    """Sessions that ended before the time before which the history forgets, and are not kept."""
    seconds: float = 0.0
