"""What a request may be, and how long it may take: checked before anything is built of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PAGE_LIMITS", "Limits"]

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a server; the defaults are those of the receiver."""

    max_body_bytes: int = 20 * _MIB
    """Of a body as it is sent; the collector's receiver takes as much."""
    max_message_bytes: int = 64 * _MIB
    """Of a body when it is decompressed."""
    max_waiting_bytes: int = 256 * _MIB
    """Of all bodies that are in memory at once, as they were sent; then the answer is "later"."""
    max_spans: int = 100_000
    """Spans of a request; the collector sends 8,192 by default."""
    max_values: int = 1_000_000
    """Attributes, events, links and items of lists of a request."""
    header_seconds: float = 10.0
    """From the first byte of a request, or a connection, until its header is complete."""
    body_seconds: float = 30.0
    """From then until its body is complete."""
    max_dropped_bytes: int = 64 * _MIB
    """Of a body that is refused, which are read after the answer, so that the client gets that."""
    dropped_seconds: float = 10.0
    """How long they are."""
    read_seconds: float = 120.0
    """Within which a client has to read the answer that waits for it."""
    requests_per_second: float = 500.0
    """Of one client, on average."""
    burst: int = 1000
    """Requests that a client may send at once."""
    max_connections: int = 1000
    """When there is a further one, the one is closed that has asked for nothing for longest, or
    whose body takes longest; if none does either, the further one is."""
    slow_body_seconds: float = 2.0
    """So long a body may take while others wait for a connection."""
    retry_seconds: int = 2
    """How long a client has to wait when there is too much to do."""


PAGE_LIMITS = Limits(
    max_body_bytes=4 * _MIB,
    max_message_bytes=4 * _MIB,
    max_waiting_bytes=64 * _MIB,
    requests_per_second=100.0,
    burst=400,
)
"""Of the page and the API; a page asks for some dozens of files at once."""
