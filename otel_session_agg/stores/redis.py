"""A store in Redis, Valkey or a cluster of either: for the processes of many machines.

Rules
-----
* What belongs to a key is in one hash, ``{prefix:key}:slots``, and its claim in
  ``{prefix:key}:claim``.  Keys are percent-quoted: the text in braces decides which node of a
  cluster has them, and no id can break out of that.
* Which keys are due is in a few sorted sets, ``{prefix#number}:due``, on other nodes than the
  keys.  Nothing spans nodes, so correctness rests on the order of the steps: a live key that was
  given a time is always in the index, or its writer is still at work.
* ``put`` writes the index, then the slots.  A reader in between finds a name without a key and may
  drop it, a process that settles may take it out for the version before; so after slots of a key
  that was new or settled, the name is added again if it is gone.
* ``settle`` marks the key as settled, then takes its name out of the index, then looks whether it
  is still settled, and puts the name back if not.
* Time is that of the server that has the index, in microseconds.
* Other programs may have written what is under these names.  What this library cannot have written
  is left out and noted; names in the index that it cannot have written, or that are names of
  something of another type, are taken out of it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from otel_session_agg._collections.recent import Recent
from otel_session_agg._exceptions import StoreError
from otel_session_agg._untrusted.masked import masked
from otel_session_agg.stores import _redis_scripts as scripts
from otel_session_agg.stores._redis_index import DueIndex, milliseconds
from otel_session_agg.stores._redis_names import encoded, key_of, parsed, quoted, shown, unquoted
from otel_session_agg.stores.base import LeftOut, Slot, Stored

if TYPE_CHECKING:
    from otel_session_agg.stores._redis_link import Command, Link

__all__ = ["RedisStore"]

_KEEP_SECONDS = 30 * 24 * 3600
"""How long the index keeps names at least; longer than keys live, whose life it does not know."""
_MAX_ROUNDS = 10
"""How often ``due`` asks again after it met names of keys that are gone.

More than that can wait for the next call.
"""
_MAX_ALIVE, _MAX_EVICTED = 65_536, 4096
"""Names that are known to live, and those that are gone and not taken yet.

The former more than the sessions that a process keeps.
"""
_PUT_STATES = (scripts.NEW, scripts.OPEN, scripts.SETTLED)
_VERSION = re.compile(rb"[0-9]{1,19}")
_LEFT_ALONE: list[object] = []
"""Links of a parent, kept here so that nothing closes them."""


class RedisStore:
    """A :class:`SessionStore` in a Redis or Valkey server, or in a cluster.

    Nothing is connected before the first call.  Errors of redis-py are raised at once, none is
    retried.

    Args:
        url: ``redis://[user:password@]host[:port][/database]``, or ``rediss``, ``valkey``,
            ``valkeys``, each perhaps with ``+cluster``.  A cluster is noticed without that too, as
            far as the server may be asked with INFO.  ``?prefix=`` goes before the names of all
            keys, everything else is redis-py's: ``socket_timeout`` and
            ``socket_connect_timeout`` are a second unless given.

    Raises:
        StoreError: The URL is not one of these, or the ``redis`` extra is not installed.

    """

    def __init__(self, url: str) -> None:
        self._url, self._prefix, self._cluster = parsed(url)
        try:
            from otel_session_agg.stores._redis_link import (  # noqa: PLC0415 -- needs the extra
                Command,
                Sight,
                open_link,
            )
        except ImportError as error:
            message = f"{masked(url)} needs redis-py: pip install 'otel-session-agg[redis]'"
            raise StoreError(message) from error
        self._command, self._sight, self._open_link = Command, Sight(), open_link
        self._index = DueIndex(self._prefix, Command)
        self._link: Link | None = None
        self._pid = os.getpid()
        self.left_out = LeftOut()
        """Entries that this library cannot have written."""
        self.evicted: dict[str, None] = {}
        """Keys with a time that were put here and are gone before their end."""
        self._alive: Recent[str, float] = Recent(_MAX_ALIVE // 2)
        """Until when names of keys live at least, monotonic seconds."""

    @property
    def name(self) -> str:
        """What identifies this store in all objects; with the password, so not to be shown."""
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
            _, states = self._run(self._index.schedule(by_name, due_seconds, keep_seconds), writes)
            unsure = [
                name
                for name, state in zip(by_name, states, strict=True)
                if state in (scripts.NEW, scripts.SETTLED)
            ]
            self._run(self._index.schedule(unsure, due_seconds, keep_seconds, mode="NX"))
        for name, state in zip(by_name, states, strict=True):
            if state not in _PUT_STATES:
                self.left_out.note(self._slots(name))
            elif due_seconds is not None:
                if state == scripts.NEW:
                    self._note_gone(name)
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
                self._note_gone(quoted(key))
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
            (replies,) = self._run(self._index.look(limit))
            rows = self._index.overdue(replies, limit)
            known = [row for row in rows if row.is_known]
            keys = [self._slots(row.text) for row in known]
            (sizes,) = self._run([self._command(key, ("HLEN", key)) for key in keys])
            found = list(zip(known, sizes, strict=True))
            names = [row.text for row, size in found if size and not isinstance(size, Exception)]
            bad = [row for row, size in found if isinstance(size, Exception)]
            gone = [row for row, size in found if not size]
            for row in gone:
                self._note_gone(row.text)
            bad += [row for row in rows if not row.is_known]
            for row in bad:
                self.left_out.note(f"{row.shard}: {shown(row.name)}")
            if not gone and not bad:
                break
            self._run([self._index.drop(row) for row in (*gone, *bad)])
        return [unquoted(name) for name in names]

    def postpone(self, keys: Sequence[str], due_seconds: float) -> None:
        """See :meth:`SessionStore.postpone`."""
        keep_seconds = _KEEP_SECONDS + due_seconds
        self._run(self._index.schedule(map(quoted, keys), due_seconds, keep_seconds))

    def settle(self, slot: Slot, version: int, *, ttl_seconds: float) -> bool:
        """See :meth:`SessionStore.settle`."""
        name = quoted(slot.key)
        key, index = self._slots(name), self._index.shard_of(name)
        args = (milliseconds(ttl_seconds), version, encoded(slot.writer), slot.seq, slot.value)
        ((state,),) = self._run([self._eval(scripts.SETTLE, key, *args)])
        if state == scripts.MALFORMED:
            self.left_out.note(key)
        if state != 1:
            return False
        (due,), (settled,) = self._run(
            [self._eval(scripts.TAKE, index, name)], [self._command(key, ("HGET", key, "s"))]
        )
        if settled is None and due is not None:
            self._run([self._command(index, ("ZADD", index, "NX", due, name))])
        return settled is not None

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """See :meth:`SessionStore.claim`."""
        ((taken,),) = self._run(
            [self._eval(scripts.CLAIM, self._claim(key), encoded(owner), milliseconds(seconds))]
        )
        return bool(taken)

    def unclaim(self, key: str, owner: str) -> None:
        """See :meth:`SessionStore.unclaim`."""
        self._run([self._eval(scripts.UNCLAIM, self._claim(key), encoded(owner))])

    def lost_sight(self) -> bool:
        """Return whether another run of a server answered since the last call.

        In a cluster also after an error that made its nodes be looked up again.  Where INFO is
        forbidden, after every connection but the first.
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

    def _note_gone(self, name: str) -> None:
        """Note a name that is not there any more, if it should be.

        Only the server, or a person, can have deleted it.
        """
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

    def _eval(self, script: str, key: str, *args: str | bytes | int) -> Command:
        return self._command(key, scripts.call(script, key, *args))

    def _write(self, name: str, slots: Sequence[Slot], ttl_seconds: float) -> Command:
        values = [value for slot in slots for value in (encoded(slot.writer), slot.seq, slot.value)]
        return self._eval(scripts.PUT, self._slots(name), milliseconds(ttl_seconds), *values)

    def _stored(self, name: str, reply: list[bytes] | dict[bytes, bytes] | Exception) -> Stored:
        if isinstance(reply, Exception):
            self.left_out.note(name)
            return Stored(0, {}, 1)
        row = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
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
