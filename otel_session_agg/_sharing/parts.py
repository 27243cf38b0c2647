"""What processes say to each other of the traces and sessions that they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_session_agg._model.rollup import Rollup


class Part(NamedTuple):
    """What one process says of a trace that other processes are in, too."""

    rollups: Mapping[str | None, Rollup]
    """By session; ``None``: no session is known."""
    is_open: bool
    """The root is still open: there is more to come."""
    root: bool
    """It begins the trace, and has left."""
    session_id: str | None
    """The id that the trace goes by, as far as this process knows."""
    seq: int = 1
    """Of the slot it stands in."""
    included: tuple[str, ...] = ()
    """With ``root``: what has left with it, itself too; writer and ``seq`` of each.  Its rollup here is its own."""
    is_unsampled: bool = False
    """It is not exported, because its trace is not sampled."""


class Recorded(NamedTuple):
    """What the last session record was about."""

    revision: int
    version: int
    """Of the key in the store that the record was made from."""
    reason: str = ""
    """Why the session ended; empty when whoever wrote this did not say so, or says what this version does not know."""
    ended_ns: int = 0
    """When that was, nanoseconds since the Unix epoch, by the clock of the host that wrote this."""


class RemoteParts(NamedTuple):
    """What the store says of the parts of a trace."""

    parts: tuple[tuple[str, Part], ...]
    """By writer."""
    is_reached: bool
    """The store could be asked; otherwise parts may be missing."""
