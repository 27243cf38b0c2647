"""What a budget is over: a session, a user or another key of the metadata, and a period.

Periods are an hour, a day or a month, in UTC, or no limit of time (``ever``).  A budget over
anything else than a session is added up in *accounts*: one for each value of the key and each
period.  An account has a name that all processes agree on, such as
``day:2026-11-28:["user","ada"]``, and each process adds to it the calls that end in its own traces.
A call counts in the period in which it ended.  Since all periods begin at full hours of UTC, all
calls that ended in one hour are in one account of each scope.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from otel_session_agg._untrusted.formatting import printable

SESSION, USER = "session", "user"
"""Keys that are not metadata."""

HOUR_NS = 3_600_000_000_000

_MAX_SCOPES = 64
"""Different scopes in one process; each call that ends is added to an account of each."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MAX_HOURS = 8000 * 8766
"""Hours up to about the year 9970: the calendar ends at 9999, and host clocks may be wrong."""


class _Period(NamedTuple):
    num_chars: int
    """Number of leading characters of an ISO time that identify a period."""
    ttl_seconds: float
    """How long an account is kept after the last addition."""


_DAY_SECONDS = 86400.0
_PERIODS: Mapping[str | None, _Period] = {
    "hour": _Period(13, _DAY_SECONDS),
    "day": _Period(10, 3 * _DAY_SECONDS),
    "month": _Period(7, 40 * _DAY_SECONDS),
    None: _Period(0, 400 * _DAY_SECONDS),
}
PERIODS = tuple(name for name in _PERIODS if name is not None)
_EVER = "ever"


class Scope(NamedTuple):
    """What a budget is over: a key and a period."""

    per: str
    """``session``, ``user``, or a name of the metadata."""
    period: str | None
    """``hour``, ``day`` or ``month``; ``None``: ever."""

    def account(self, value: object, hour: int) -> str:
        """Return the name of a value's account; ``hour``: hours since the Unix epoch."""
        when = (_EPOCH + timedelta(hours=max(0, min(hour, _MAX_HOURS)))).isoformat()[
            : _PERIODS[self.period].num_chars
        ]
        return f"{self.period or _EVER}:{when}:{owner(self.per, value)}"

    def has(self, account: str) -> bool:
        """Return whether an account, of an owner in this scope, has this period."""
        return account.startswith(f"{self.period or _EVER}:")


def in_words(account: str) -> str:
    """Return an account in words, as in ``user ada has used ...``."""
    _, when, whose = account.split(":", 2)
    per, value = json.loads(whose)
    return f"{printable(f'{per} {value}')}" + (f" in {when} (UTC)" if when else "")


def owner(per: str, value: object) -> str:
    """Return the owner of accounts in all periods: the key and its value."""
    return json.dumps([per, value], separators=(",", ":"))


def ttl_seconds(account: str) -> float:
    """Return how long an account is kept after the last addition, in seconds."""
    period = account.partition(":")[0]
    return _PERIODS[period if period in PERIODS else None].ttl_seconds


scopes: dict[Scope, None] = {}
"""Scopes of all budgets of this process, except over sessions without a period."""


def known_scope(per: str | None, period: str | None) -> Scope | None:
    """Return a scope, which is added up from now on; ``None`` for sessions without a period.

    Raises:
        ValueError: the period or the key is not allowed, or there are too many of them.

    """
    if period not in _PERIODS:
        message = f"period={period!r} is not allowed: use one of {', '.join(PERIODS)}, or None"
        raise ValueError(message)
    if per is not None and (not isinstance(per, str) or not per):
        message = f"per={per!r} is not allowed: use session, user, or a name of the metadata"
        raise ValueError(message)
    scope = Scope(per or SESSION, period)
    if scope == (SESSION, None):
        return None
    if scope not in scopes and len(scopes) >= _MAX_SCOPES:
        message = (
            f"per={per!r}, period={period!r} is not allowed: "
            f"at most {_MAX_SCOPES} different ones in one process"
        )
        raise ValueError(message)
    scopes[scope] = None
    return scope


def values(session_id: str, user: object, metadata: Callable[[str], object]) -> dict[str, object]:
    """Return the values of all keys that budgets are over, as far as they are known."""
    found: dict[str, object] = {}
    for per in {scope.per for scope in scopes}:
        value = session_id if per == SESSION else user if per == USER else metadata(per)
        if value is not None:
            found[per] = value
    return found
