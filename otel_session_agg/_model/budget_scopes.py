"""What a budget is over: a session, a user or any other key of the metadata, and for how long: an hour, a day, a month of UTC, or ever.

What a budget over anything else than a session adds up stands in *accounts*: one for each value of the key and each period.  An
account has a name that all processes agree on, such as ``day:2026-11-28:["user","ada"]``, and each process adds to it what ends
in its own traces.  A call counts in the period in which it ended.  Since all periods begin at full hours of UTC, whatever ended
in one hour is in one account of each scope.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from otel_session_agg._formatting import printable

SESSION, USER = "session", "user"
"""Keys that are no metadata."""

HOUR_NS = 3_600_000_000_000

_MAX_SCOPES = 64
"""Different scopes in one process: each call that ends is added to an account of each."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MAX_HOURS = 8000 * 8766
"""About the year 9970: the calendar ends at 9999, clocks of hosts may say anything."""


class _Period(NamedTuple):
    num_chars: int
    """How much of an ISO time tells one from another."""
    ttl_seconds: float
    """How long an account is of use after something was added to it."""


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
    """What a budget is over."""

    per: str
    """``session``, ``user``, or a name of the metadata."""
    period: str | None
    """``hour``, ``day`` or ``month``; ``None``: ever."""

    def account(self, value: object, hour: int) -> str:
        """The name of the account of a value in the hour so many hours after the Unix epoch."""
        when = (_EPOCH + timedelta(hours=max(0, min(hour, _MAX_HOURS)))).isoformat()[
            : _PERIODS[self.period].num_chars
        ]
        return f"{self.period or _EVER}:{when}:{owner(self.per, value)}"

    def has(self, account: str) -> bool:
        """Whether an account of the same owner is one of this scope."""
        return account.startswith(f"{self.period or _EVER}:")


def said(account: str) -> str:
    """An account for people, as in ``user ada has used ...``."""
    _, when, whose = account.split(":", 2)
    per, value = json.loads(whose)
    return f"{printable(f'{per} {value}')}" + (f" in {when} (UTC)" if when else "")


def owner(per: str, value: object) -> str:
    """Whose accounts they are, in all periods."""
    return json.dumps([per, value], separators=(",", ":"))


def ttl_seconds(account: str) -> float:
    """How long an account is of use after something was added to it."""
    period = account.partition(":")[0]
    return _PERIODS[period if period in PERIODS else None].ttl_seconds


scopes: dict[Scope, None] = {}
"""Scopes of all budgets of this process but those of sessions."""


def known_scope(per: str | None, period: str | None) -> Scope | None:
    """A scope, which is added up from now on; ``None`` for sessions without a period.

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
        message = f"per={per!r}, period={period!r} is not allowed: at most {_MAX_SCOPES} different ones in one process"
        raise ValueError(message)
    scopes[scope] = None
    return scope


def values(session_id: str, user: object, metadata: Callable[[str], object]) -> dict[str, object]:
    """The values of all keys that budgets are over; those that are not known are left out."""
    found: dict[str, object] = {}
    for per in {scope.per for scope in scopes}:
        value = session_id if per == SESSION else user if per == USER else metadata(per)
        if value is not None:
            found[per] = value
    return found
