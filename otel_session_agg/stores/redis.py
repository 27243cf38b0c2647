"""Sessions in Redis, Valkey or a cluster of either: for the processes of many machines.

Rules
-----
* What belongs to a key is in one hash, ``{prefix:key}:slots``, and its claim in ``{prefix:key}:claim``.  Keys are percent-quoted:
  what stands in braces decides which node of a cluster has them, and no id can break out of that.
* Which keys are due is in a few sorted sets, ``{prefix#number}:due``, on other nodes than the keys.  Nothing spans nodes, so the
  order of the steps has to do: a live key that was given a time is always in the index, or its writer is still at work.
* ``put`` writes the index, then the slots.  A reader in between finds a name without a key and may drop it, a settler may take it
  out for the version before; so after slots of a key that was new or settled, the name is added again if it is gone.
* ``settle`` marks the key, then takes its name out of the index, then looks whether the mark still stands, and puts the name back
  if not.
* Time is that of the server that has the index, in microseconds.
* What stands under these names may be anybody's.  What cannot be ours is left out and noted; names in the index that cannot be ours,
  or are names of what is of another type, are taken out of it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from otel_session_agg._exceptions import StoreError
from otel_session_agg._masked import masked
from otel_session_agg._recent import Recent
from otel_session_agg.stores import _redis_scripts as scripts
from otel_session_agg.stores._redis_names import encoded, key_of, parsed, quoted, shown, unquoted
from otel_session_agg.stores.base import LeftOut, Slot, Stored

if TYPE_CHECKING:
    from otel_session_agg.stores._redis_link import Command, Link

__all__ = ["RedisStore"]

_SHARDS = 8
"""Parts of the index: enough to spread over the nodes of a cluster, few enough to ask them all."""
_KEEP_SECONDS = 30 * 24 * 3600
"""How long the index remembers at least, where nobody says how long a key lives: longer than keys live."""
_MAX_ROUNDS = 10
"""How often ``due`` asks again after it met names of keys that are gone; more than that can wait for the next call."""
_MAX_ALIVE, _MAX_EVICTED = 65_536, 4096
"""Names that are known to live, more than the sessions that a process keeps, and those that are gone and not taken yet."""
_PUT_STATES = (scripts.NEW, scripts.OPEN, scripts.SETTLED)
_VERSION = re.compile(rb"[0-9]{1,19}")
_LEFT_ALONE: list[object] = []
"""Links of a parent, kept here so that nothing closes them."""


class _Due(NamedTuple):
    """A name in an index, and when it is due."""

    shard: str
    name: bytes
    time: bytes
    is_ours: bool

    @property
    def text(self) -> str:
        """The name, if it is ours."""
        return self.name.decode("ascii")


class RedisStore:
    """A :class:`SessionStore` in a Redis or Valkey server, or in a cluster.

    Nothing is connected before the first call.  Errors of redis-py come out at once, none is retried.

    Args:
        url: ``redis://[user:password@]host[:port][/database]``, or ``rediss``, ``valkey``, ``valkeys``, each perhaps with
            ``+cluster``.  A cluster is noticed without that too, as far as the server may be asked with INFO.  ``?prefix=`` goes
            before the names of all keys, everything else is redis-py's: ``socket_timeout`` and ``socket_connect_timeout`` are a
            second unless given.

    Raises:
        StoreError: The URL is not one of these, or the ``redis`` extra is not installed.

    """

    def __init__(self, url: str) -> None:
        self._url, self._prefix, self._cluster = parsed(url)
        try:
            from otel_session_agg.stores._redis_link import Command, Sight, open_link  # noqa: PLC0415 -- needs the extra
        except ImportError as error:
            message = f"{masked(url)} needs redis-py: pip install 'otel-session-agg[redis]'"
            raise StoreError(message) from error
        self._command, self._sight, self._open_link = Command, Sight(), open_link
        self._link: Link | None = None
        self._pid = os.getpid()
        self.left_out = LeftOut()
        """Entries that cannot be ours."""
        self.evicted: dict[str, None] = {}
        """Keys with a time that were put here and are gone before their end."""
        self._alive: Recent[str, float] = Recent(_MAX_ALIVE // 2)
        """Until when names live at least, monotonic seconds."""

    @property
    def name(self) -> str:
        """What this store is, whichever object stands for it; with the password, so not to be shown."""
        return f"{self._prefix}@{self._url}"

    def put(
        self, slots: Sequence[Slot], *, ttl_seconds: float, due_seconds: float | None = None
    ) -> list[bool]:
        """See :meth:`SessionStore.put`."""
        by_name: dict[str, list[Slot]] = {}
        for slot in slots:
            by_name.setdefault(quoted(slot.key), []).append(slot)
        if not by_name:
            return []
        writes = [self._write(name, rows, ttl_seconds) for name, rows in by_name.items()]
        if due_seconds is None:
            (states,) = self._run(writes)
        else:
            keep_seconds = max(_KEEP_SECONDS, ttl_seconds + due_seconds)
            _, states = self._run(self._schedule(by_name, due_seconds, keep_seconds), writes)
            unsure = [
                name
                for name, state in zip(by_name, states, strict=True)
                if state in (scripts.NEW, scripts.SETTLED)
            ]
            self._run(self._schedule(unsure, due_seconds, keep_seconds, mode="NX"))
        for name, state in zip(by_name, states, strict=True):
            if state not in _PUT_STATES:
                self.left_out.note(self._slots(name))
            elif due_seconds is not None:
                if state == scripts.NEW:
                    self._gone(name)
                self._alive.put(name, time.monotonic() + ttl_seconds)
        settled = {
            name: state == scripts.SETTLED for name, state in zip(by_name, states, strict=True)
        }
        return [settled[quoted(slot.key)] for slot in slots]

    def get(self, keys: Sequence[str]) -> list[Stored]:
        """See :meth:`SessionStore.get`."""
        names = [self._slots(quoted(key)) for key in keys]
        (rows,) = self._run([self._command(name, ("HGETALL", name)) for name in names])
        for key, row in zip(keys, rows, strict=True):
            if not row:
                self._gone(quoted(key))
        return [self._stored(name, row) for name, row in zip(names, rows, strict=True)]

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See :meth:`SessionStore.keys`."""
        begin, end = self._slots("|").split("|")
        seen: set[bytes] = set()
        for name in self._connected().scan(f"{begin}{quoted(prefix)}*{end}"):
            if name not in seen:
                seen.add(name)
                key = key_of(name[len(begin) : -len(end)])
                if key is not None:
                    yield key
                else:
                    self.left_out.note(shown(name))

    def due(self, limit: int) -> list[str]:
        """See :meth:`SessionStore.due`."""
        names: list[str] = []
        for _ in range(_MAX_ROUNDS):
            rows = self._overdue(limit)
            ours = [row for row in rows if row.is_ours]
            (sizes,) = self._run(
                [
                    self._command(self._slots(row.text), ("HLEN", self._slots(row.text)))
                    for row in ours
                ]
            )
            names = [
                row.text
                for row, size in zip(ours, sizes, strict=True)
                if size and not isinstance(size, Exception)
            ]
            bad = [
                row for row, size in zip(ours, sizes, strict=True) if isinstance(size, Exception)
            ]
            gone = [row for row, size in zip(ours, sizes, strict=True) if not size]
            for row in gone:
                self._gone(row.text)
            bad += [row for row in rows if not row.is_ours]
            for row in bad:
                self.left_out.note(f"{row.shard}: {shown(row.name)}")
            if not gone and not bad:
                break
            self._run(
                [self._eval(scripts.DROP, row.shard, row.name, row.time) for row in (*gone, *bad)]
            )
        return [unquoted(name) for name in names]

    def postpone(self, keys: Sequence[str], due_seconds: float) -> None:
        """See :meth:`SessionStore.postpone`."""
        self._run(self._schedule(map(quoted, keys), due_seconds, _KEEP_SECONDS + due_seconds))

    def settle(self, slot: Slot, version: int, *, ttl_seconds: float) -> bool:
        """See :meth:`SessionStore.settle`."""
        name = quoted(slot.key)
        key, index = self._slots(name), self._index(name)
        life = (_milliseconds(ttl_seconds), version, encoded(slot.writer), slot.seq, slot.value)
        ((marked,),) = self._run([self._eval(scripts.SETTLE, key, *life)])
        if marked == scripts.MALFORMED:
            self.left_out.note(key)
        if marked != 1:
            return False
        (time,), (meaning,) = self._run(
            [self._eval(scripts.TAKE, index, name)], [self._command(key, ("HGET", key, "s"))]
        )
        if meaning is None and time is not None:
            self._run([self._command(index, ("ZADD", index, "NX", time, name))])
        return meaning is not None

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """See :meth:`SessionStore.claim`."""
        ((taken,),) = self._run(
            [self._eval(scripts.CLAIM, self._claim(key), encoded(owner), _milliseconds(seconds))]
        )
        return bool(taken)

    def unclaim(self, key: str, owner: str) -> None:
        """See :meth:`SessionStore.unclaim`."""
        self._run([self._eval(scripts.UNCLAIM, self._claim(key), encoded(owner))])

    def lost_sight(self) -> bool:
        """Whether another run of a server answered since this was asked last.

        In a cluster also after an error that made us look for its nodes again.  Where INFO is forbidden, after every
        connection but the first.
        """
        lost, self._sight.lost = self._sight.lost, False
        if lost:  # then all of it is written again in any case
            self._alive = Recent(_MAX_ALIVE // 2)
        return lost

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        self._leave_to_parent()
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _gone(self, name: str) -> None:
        """Note a name that is not there any more, if it should be: nobody but the server, or a person, has deleted it."""
        if (
            (self._alive.get(name) or 0.0) > time.monotonic()
            and not self._sight.lost
            and len(self.evicted) < _MAX_EVICTED
        ):
            self.evicted[unquoted(name)] = None
            self._alive.put(name, 0.0)

    def _leave_to_parent(self) -> None:
        if self._pid != os.getpid():
            _LEFT_ALONE.append(self._link)
            self._link, self._pid = None, os.getpid()

    def _connected(self) -> Link:
        self._leave_to_parent()
        if self._link is None:
            self._link = self._open_link(self._url, self._sight, cluster=self._cluster)
        return self._link

    def _run(self, *phases: Sequence[Command]) -> list[list[Any]]:
        if not any(phases):
            return [[] for _ in phases]
        return self._connected().run(*phases)

    def _slots(self, name: str) -> str:
        return f"{{{self._prefix}:{name}}}:slots"

    def _claim(self, key: str) -> str:
        return f"{{{self._prefix}:{quoted(key)}}}:claim"

    def _index(self, name: str) -> str:
        return self._shard(crc32(name.encode("ascii")) % _SHARDS)

    def _shard(self, number: int) -> str:
        return f"{{{self._prefix}#{number}}}:due"

    def _eval(self, script: str, key: str, *args: str | bytes | int) -> Command:
        return self._command(key, ("EVAL", script, 1, key, *args))

    def _write(self, name: str, slots: Sequence[Slot], ttl_seconds: float) -> Command:
        values = [value for slot in slots for value in (encoded(slot.writer), slot.seq, slot.value)]
        return self._eval(scripts.PUT, self._slots(name), _milliseconds(ttl_seconds), *values)

    def _schedule(
        self, names: Iterable[str], due_seconds: float, keep_seconds: float, mode: str = ""
    ) -> list[Command]:
        shards: dict[str, list[str]] = {}
        for name in names:
            shards.setdefault(self._index(name), []).append(name)
        times = (ceil(due_seconds * 1e6), _milliseconds(keep_seconds), mode)
        return [
            self._eval(scripts.SCHEDULE, shard, *times, *members)
            for shard, members in shards.items()
        ]

    def _overdue(self, limit: int) -> list[_Due]:
        """Names with their times, those that are due the longest first, each by the clock of its server."""
        indices = [self._shard(number) for number in range(_SHARDS)]
        (answers,) = self._run([self._eval(scripts.DUE, index, limit) for index in indices])
        rows = [
            (float(time) - float(now), index, name, time)
            for index, (now, found) in zip(indices, answers, strict=True)
            for name, time in zip(found[::2], found[1::2], strict=True)
        ]
        return [
            _Due(index, name, time, self._is_ours(index, name))
            for _, index, name, time in sorted(rows)[:limit]
        ]

    def _is_ours(self, index: str, name: bytes) -> bool:
        return key_of(name) is not None and self._index(name.decode("ascii")) == index

    def _stored(self, name: str, answer: list[bytes] | dict[bytes, bytes] | Exception) -> Stored:
        if isinstance(answer, Exception):
            self.left_out.note(name)
            return Stored(0, {}, 1)
        row = (
            answer
            if isinstance(answer, dict)
            else dict(zip(answer[::2], answer[1::2], strict=True))
        )
        version = row.get(b"n", b"0")
        slots, malformed = {}, 0
        for field, value in row.items():
            if field.startswith(b"v"):
                try:
                    slots[field[1:].decode("utf-8", "surrogatepass")] = value
                except UnicodeDecodeError:
                    self.left_out.note(f"{name}: {shown(field)}")
                    malformed += 1
        return Stored(int(version) if _VERSION.fullmatch(version) else 0, slots, malformed)


def _milliseconds(seconds: float) -> int:
    return max(1, ceil(seconds * 1000))
