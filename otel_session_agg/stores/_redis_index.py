"""The index of due keys in a Redis or Valkey server: a few sorted sets on different nodes.

It builds commands and reads replies; `RedisStore` runs the commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from otel_session_agg.stores import _redis_scripts as scripts
from otel_session_agg.stores._redis_names import key_of

if TYPE_CHECKING:
    from otel_session_agg.stores._redis_link import Command

_SHARDS = 8
"""Sets of the index: enough to spread over the nodes of a cluster, few enough to ask them all."""


class Due(NamedTuple):
    """A name in an index, and when it is due."""

    shard: str
    name: bytes
    time: bytes
    is_known: bool
    """Whether this library can have written the name."""

    @property
    def text(self) -> str:
        """The name, if it is known."""
        return self.name.decode("ascii")


class DueIndex:
    """The names of keys by the time they are due.

    ``command`` is the class `Command`, which can only be imported with redis-py.
    """

    def __init__(self, prefix: str, command: type[Command]) -> None:
        self._prefix = prefix
        self._command = command
        self._shards = [f"{{{prefix}#{number}}}:due" for number in range(_SHARDS)]

    def shard_of(self, name: str) -> str:
        """Return the physical key of the set that a name is in."""
        return self._shards[crc32(name.encode("ascii")) % _SHARDS]

    def schedule(
        self, names: Iterable[str], due_seconds: float, keep_seconds: float, mode: str = ""
    ) -> list[Command]:
        """Return commands that set when names are due.

        ``mode``: ``NX`` leaves names that are in the index as they are.
        """
        by_shard: dict[str, list[str]] = {}
        for name in names:
            by_shard.setdefault(self.shard_of(name), []).append(name)
        times = (ceil(due_seconds * 1e6), milliseconds(keep_seconds), mode)
        return [
            self._command(shard, scripts.call(scripts.SCHEDULE, shard, *times, *names_of_one))
            for shard, names_of_one in by_shard.items()
        ]

    def look(self, limit: int) -> list[Command]:
        """Return commands that look for names that are due."""
        return [
            self._command(shard, scripts.call(scripts.DUE, shard, limit)) for shard in self._shards
        ]

    def overdue(self, replies: Sequence[Any], limit: int) -> list[Due]:
        """Return the names in replies to `look`, those that are due the longest first.

        Each by the clock of its server.
        """
        rows = [
            (float(time) - float(now), shard, name, time)
            for shard, (now, found) in zip(self._shards, replies, strict=True)
            for name, time in zip(found[::2], found[1::2], strict=True)
        ]
        return [
            Due(shard, name, time, self._is_known(shard, name))
            for _, shard, name, time in sorted(rows)[:limit]
        ]

    def _is_known(self, shard: str, name: bytes) -> bool:
        return key_of(name) is not None and self.shard_of(name.decode("ascii")) == shard

    def drop(self, row: Due) -> Command:
        """Return the command that takes a name out, unless it is due at another time by now."""
        return self._command(row.shard, scripts.call(scripts.DROP, row.shard, row.name, row.time))


def milliseconds(seconds: float) -> int:
    """Return a duration as a server takes it, at least 1."""
    return max(1, ceil(seconds * 1000))
