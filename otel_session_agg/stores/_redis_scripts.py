"""The scripts that run inside a Redis or Valkey server; each changes one physical key, in one step.

The hash of a key holds its version (``n``), whether it is settled (``s``), and by writer the
sequence number (``q`` + writer) and the value (``v`` + writer).  A version begins with the
server's time in microseconds, so that a key that comes back, be it after a restart without its
data, never has a version again that it had before.  Sequence numbers are compared as texts: as
numbers they would be exact up to 2**53 only.  The index is a sorted set of names by the time they
are due, in microseconds.

Other programs may have written what is there.  Slots of another type are left alone; a field that
is no number is replaced like one that is not there; an index and a claim, which hold nothing that
is not known from other keys, are made anew.
"""

from __future__ import annotations

_IS_NEWER = """
local function is_newer(seq, old)
  if not old or #old > 19 or string.find(old, '[^0-9]') or old == '' then return true end
  return #seq > #old or (#seq == #old and seq > old)
end
"""

PUT = (
    _IS_NEWER
    + """
local key, ttl = KEYS[1], tonumber(ARGV[1])
local state, replaced = 1, 0
local kind = redis.call('TYPE', key).ok
if kind ~= 'hash' and kind ~= 'none' then return 3 end
if kind == 'none' then
  state = 0
  local time = redis.call('TIME')
  redis.call('HSET', key, 'n', string.format('%d%06d', time[1], time[2]))
elseif redis.call('HEXISTS', key, 's') == 1 then
  state = 2
end
for i = 2, #ARGV, 3 do
  local seq, old = ARGV[i + 1], redis.call('HGET', key, 'q' .. ARGV[i])
  if is_newer(seq, old) then
    redis.call('HSET', key, 'q' .. ARGV[i], seq, 'v' .. ARGV[i], ARGV[i + 2])
    replaced = replaced + 1
  end
end
if replaced > 0 then
  local counted = redis.pcall('HINCRBY', key, 'n', replaced)
  if type(counted) == 'table' then
    local time = redis.call('TIME')
    redis.call('HSET', key, 'n', string.format('%d%06d', time[1], time[2]))
  end
  redis.call('HDEL', key, 's')
end
if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
return state
"""
)
"""Put slots of a key.

Arguments: life in ms; then writer, sequence number and value of each slot.

Returns one of ``NEW``, ``OPEN``, ``SETTLED`` and ``MALFORMED``: what the key was before.
"""

NEW, OPEN, SETTLED, MALFORMED = range(4)

SETTLE = (
    _IS_NEWER
    + """
local key, ttl = KEYS[1], tonumber(ARGV[1])
local kind = redis.call('TYPE', key).ok
if kind ~= 'hash' and kind ~= 'none' then return 3 end
local version = redis.call('HGET', key, 'n')
if version and (version == '' or #version > 19 or string.find(version, '[^0-9]')) then
  version = nil
end
if not version then
  local time = redis.call('TIME')
  redis.call('HSET', key, 'n', string.format('%d%06d', time[1], time[2]))
end
local seq, old = ARGV[4], redis.call('HGET', key, 'q' .. ARGV[3])
if is_newer(seq, old) then
  redis.call('HSET', key, 'q' .. ARGV[3], seq, 'v' .. ARGV[3], ARGV[5])
end
if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
if (version or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', key, 's', 1)
return 1
"""
)
"""Put a slot, and settle the key if it still has a version.

Arguments: life in ms, the version, writer, sequence number, value.  Returns 1 if the key is
settled now, 0 if not, or ``MALFORMED``.
"""

SCHEDULE = """
local index, keep = KEYS[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kind, replaced = redis.call('TYPE', index).ok, 0
if kind ~= 'zset' and kind ~= 'none' then
  redis.call('DEL', index)
  replaced = 1
end
for i = 4, #ARGV do
  if ARGV[3] == 'NX' then
    redis.call('ZADD', index, 'NX', now + tonumber(ARGV[1]), ARGV[i])
  else
    redis.call('ZADD', index, now + tonumber(ARGV[1]), ARGV[i])
  end
end
redis.call('ZREMRANGEBYSCORE', index, '-inf', now - keep * 1000)
if redis.call('PTTL', index) < keep then redis.call('PEXPIRE', index, keep) end
return replaced
"""
"""Set when names are due.

Arguments: in how many microseconds, how many ms the index lives and keeps what is overdue, ``NX``
to leave names that are in the index as they are or nothing, and the names.  Returns 1 if the index
was of another type, and is made anew.
"""

DUE = """
local time = redis.call('TIME')
local now = string.format('%d%06d', time[1], time[2])
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then return {now, {}} end
return {now, redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])}
"""
"""Return the server's time, and the names that are due with their times.

Argument: how many names at most.
"""

DROP = """
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then return 0 end
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return 0
"""
"""Take names out of the index, unless they are due at another time by now.

Arguments: names with their times.
"""

TAKE = """
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then return nil end
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
return score
"""
"""Take a name out of the index.  Returns when it was due, if it was in there."""

CLAIM = """
local owner = redis.pcall('GET', KEYS[1])
if type(owner) == 'string' and owner ~= ARGV[1] and redis.call('PTTL', KEYS[1]) > 0 then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""Claim for an owner, for so many ms.  Returns whether it is the owner's.

A claim without an end is not written by this library, and is replaced.
"""

UNCLAIM = """
if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""
"""End an owner's claim."""


def call(script: str, key: str, *args: str | bytes | int) -> tuple[str | bytes | int, ...]:
    """Return the arguments of a command that runs a script on a physical key."""
    return ("EVAL", script, 1, key, *args)
