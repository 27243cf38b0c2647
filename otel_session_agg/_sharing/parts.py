"""The values that processes exchange about traces and sessions that they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_session_agg._model.rollup import Rollup


class Part(NamedTuple):
    """What one process has of a trace that other processes are in, too."""

    rollups: Mapping[str | None, Rollup]
    """Totals by session; ``None``: no session is known."""
    is_open: bool
    """The root is still open: there is more to come."""
    root: bool
    """It begins the trace, and was released."""
    session_id: str | None
    """The session that the trace belongs to, as far as this process knows."""
    seq: int = 1
    """Sequence number of the slot that it is in."""
    included: tuple[str, ...] = ()
    """With ``root``: what was released with it, itself too, as writer and ``seq`` of each.

    The rollup here is only its own.
    """
    is_unsampled: bool = False
    """It is not exported, because its trace is not sampled."""


class Recorded(NamedTuple):
    """What the last record of a session was made from."""

    revision: int
    """The revision of the record."""
    version: int
    """The version of the key in the store that the record was made from."""
    reason: str = ""
    """Why the session ended; empty when an older version wrote this, or a newer one a reason
    that is unknown here."""
    ended_ns: int = 0
    """When it ended, nanoseconds since the Unix epoch, by the clock of the host that wrote this."""


class RemoteParts(NamedTuple):
    """What the store has of the parts of a trace."""

    parts: tuple[tuple[str, Part], ...]
    """The parts, each with its writer."""
    is_reached: bool
    """The store could be read; otherwise parts may be missing."""


class TraceParts(NamedTuple):
    """The answer of the store about a trace."""

    trace_id: int
    parts: RemoteParts
