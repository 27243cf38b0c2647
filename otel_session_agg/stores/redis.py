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
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from zlib import crc32

from otel_session_agg._exceptions import StoreError
from otel_session_agg._store import Slot, Stored
from otel_session_agg.stores import _redis_scripts as scripts
from otel_session_agg.stores._masked import masked

if TYPE_CHECKING:
    from otel_session_agg.stores._redis_link import Command, Link

__all__ = ["SCHEMES", "RedisStore"]

SCHEMES = {
    f"{name}{secure}{cluster}": (f"redis{secure}", bool(cluster))
    for name in ("redis", "valkey")
    for secure in ("", "s")
    for cluster in ("", "+cluster")
}
"""What a URL may begin with: what redis-py calls it, and whether it is known to be a cluster."""
DEFAULT_PREFIX = "otel_session_agg"
_SHARDS = 8
"""Parts of the index: enough to spread over the nodes of a cluster, few enough to ask them all."""
_KEEP_SECONDS = 30 * 24 * 3600
"""How long the index remembers at least, where nobody says how long a key lives: longer than keys live."""
_MAX_ROUNDS = 10
"""How often ``due`` asks again after it met names of keys that are gone; more than that can wait for the next call."""
_LEFT_ALONE: list[object] = []
"""Links of a parent, kept here so that nothing closes them."""


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
        self._url, self._prefix, self._cluster = _parsed(url)
        try:
            from otel_session_agg.stores._redis_link import Command, Sight, open_link  # noqa: PLC0415 -- needs the extra
        except ImportError as error:
            message = f"{masked(url)} needs redis-py: pip install 'otel-session-agg[redis]'"
            raise StoreError(message) from error
        self._command, self._sight, self._open_link = Command, Sight(), open_link
        self._link: Link | None = None
        self._pid = os.getpid()

    @property
    def name(self) -> str:
        """What this store is, whichever object stands for it; with the password, so not to be shown."""
        return f"{self._prefix}@{self._url}"

    def put(self, slots: Sequence[Slot], *, ttl_seconds: float, due_seconds: float | None = None) -> list[bool]:
        """See :meth:`SessionStore.put`."""
        by_name: dict[str, list[Slot]] = {}
        for slot in slots:
            by_name.setdefault(_quoted(slot.key), []).append(slot)
        if not by_name:
            return []
        writes = [self._write(name, rows, ttl_seconds) for name, rows in by_name.items()]
        if due_seconds is None:
            (states,) = self._run(writes)
        else:
            keep_seconds = max(_KEEP_SECONDS, ttl_seconds + due_seconds)
            _, states = self._run(self._schedule(by_name, due_seconds, keep_seconds), writes)
            unsure = [name for name, state in zip(by_name, states, strict=True) if state != scripts.OPEN]
            self._run(self._schedule(unsure, due_seconds, keep_seconds, mode="NX"))
        settled = {name: state == scripts.SETTLED for name, state in zip(by_name, states, strict=True)}
        return [settled[_quoted(slot.key)] for slot in slots]

    def get(self, keys: Sequence[str]) -> list[Stored]:
        """See :meth:`SessionStore.get`."""
        names = [self._slots(_quoted(key)) for key in keys]
        (rows,) = self._run([self._command(name, ("HGETALL", name)) for name in names])
        return [_stored(row) for row in rows]

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See :meth:`SessionStore.keys`."""
        begin, end = self._slots("|").split("|")
        seen: set[bytes] = set()
        for name in self._connected().scan(f"{begin}{_quoted(prefix)}*{end}"):
            if name not in seen:
                seen.add(name)
                yield _unquoted(name.decode("ascii")[len(begin) : -len(end)])

    def due(self, limit: int) -> list[str]:
        """See :meth:`SessionStore.due`."""
        names: list[str] = []
        for _ in range(_MAX_ROUNDS):
            rows = self._overdue(limit)
            (sizes,) = self._run([self._command(self._slots(name), ("HLEN", self._slots(name))) for name, _ in rows])
            names = [name for (name, _), size in zip(rows, sizes, strict=True) if size]
            gone = [row for row, size in zip(rows, sizes, strict=True) if not size]
            if not gone:
                break
            self._run([self._eval(scripts.DROP, self._index(name), name, time) for name, time in gone])
        return [_unquoted(name) for name in names]

    def postpone(self, keys: Sequence[str], due_seconds: float) -> None:
        """See :meth:`SessionStore.postpone`."""
        self._run(self._schedule(map(_quoted, keys), due_seconds, _KEEP_SECONDS + due_seconds))

    def settle(self, slot: Slot, version: int, *, ttl_seconds: float) -> bool:
        """See :meth:`SessionStore.settle`."""
        name = _quoted(slot.key)
        key, index = self._slots(name), self._index(name)
        life = (_milliseconds(ttl_seconds), version, _encoded(slot.writer), slot.seq, slot.value)
        ((marked,),) = self._run([self._eval(scripts.SETTLE, key, *life)])
        if not marked:
            return False
        (time,), (mark,) = self._run([self._eval(scripts.TAKE, index, name)], [self._command(key, ("HGET", key, "s"))])
        if mark is None and time is not None:
            self._run([self._command(index, ("ZADD", index, "NX", time, name))])
        return mark is not None

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """See :meth:`SessionStore.claim`."""
        ((taken,),) = self._run([self._eval(scripts.CLAIM, self._claim(key), _encoded(owner), _milliseconds(seconds))])
        return bool(taken)

    def unclaim(self, key: str, owner: str) -> None:
        """See :meth:`SessionStore.unclaim`."""
        self._run([self._eval(scripts.UNCLAIM, self._claim(key), _encoded(owner))])

    def lost_sight(self) -> bool:
        """Whether another run of a server answered since this was asked last.

        In a cluster also after an error that made us look for its nodes again.  Where INFO is forbidden, after every
        connection but the first.
        """
        lost, self._sight.lost = self._sight.lost, False
        return lost

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        self._leave_to_parent()
        link, self._link = self._link, None
        if link is not None:
            link.close()

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
        return f"{{{self._prefix}:{_quoted(key)}}}:claim"

    def _index(self, name: str) -> str:
        return self._shard(crc32(name.encode("ascii")) % _SHARDS)

    def _shard(self, number: int) -> str:
        return f"{{{self._prefix}#{number}}}:due"

    def _eval(self, script: str, key: str, *args: str | bytes | int) -> Command:
        return self._command(key, ("EVAL", script, 1, key, *args))

    def _write(self, name: str, slots: Sequence[Slot], ttl_seconds: float) -> Command:
        values = [value for slot in slots for value in (_encoded(slot.writer), slot.seq, slot.value)]
        return self._eval(scripts.PUT, self._slots(name), _milliseconds(ttl_seconds), *values)

    def _schedule(self, names: Iterable[str], due_seconds: float, keep_seconds: float, mode: str = "") -> list[Command]:
        shards: dict[str, list[str]] = {}
        for name in names:
            shards.setdefault(self._index(name), []).append(name)
        times = (ceil(due_seconds * 1e6), _milliseconds(keep_seconds), mode)
        return [self._eval(scripts.SCHEDULE, shard, *times, *members) for shard, members in shards.items()]

    def _overdue(self, limit: int) -> list[tuple[str, bytes]]:
        """Names with their times, those that are due the longest first, each by the clock of its server."""
        (shards,) = self._run([self._eval(scripts.DUE, self._shard(number), limit) for number in range(_SHARDS)])
        rows = [
            (float(time) - float(now), name.decode("ascii"), time)
            for now, found in shards
            for name, time in zip(found[::2], found[1::2], strict=True)
        ]
        return [(name, time) for _, name, time in sorted(rows)[:limit]]


def _parsed(url: str) -> tuple[str, str, bool]:
    """The URL as redis-py wants it, the prefix, and whether it is a cluster."""
    try:
        parts = urlsplit(url)
        scheme, cluster = SCHEMES[parts.scheme]
        _ = parts.port  # redis-py's own message would show what it takes for the port: a part of an unquoted password
    except (KeyError, ValueError):
        message = f"{masked(url)} is not the URL of a server: {', '.join(f'{name}://' for name in SCHEMES)} and host:port"
        raise StoreError(message) from None
    query = parse_qsl(parts.query, keep_blank_values=True)
    prefix = dict(query).get("prefix") or DEFAULT_PREFIX
    rest = urlencode([(name, value) for name, value in query if name != "prefix"])
    return parts._replace(scheme=scheme, query=rest).geturl(), quote(prefix, safe=""), cluster


@lru_cache(1024)
def _quoted(key: str) -> str:
    return quote(key, safe=":", errors="surrogatepass")


def _unquoted(name: str) -> str:
    return unquote(name, errors="surrogatepass")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _milliseconds(seconds: float) -> int:
    return max(1, ceil(seconds * 1000))


def _stored(answer: list[bytes] | dict[bytes, bytes]) -> Stored:
    row = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
    slots = {field[1:].decode("utf-8", "surrogatepass"): value for field, value in row.items() if field.startswith(b"v")}
    return Stored(int(row.get(b"n", 0)), slots)
