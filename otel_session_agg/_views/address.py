"""The address of a view: everything that a page shows can be read from it, and written to it.

::

    /overview?where=cost+%3E+0.1&from=14d&by=model&theme=dark

An address comes from whoever made the link: what is not understood, too long or not of its form is
left out, and nothing of it is more than a text, a name from a list, or a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl, quote_plus

from otel_session_agg._untrusted.values import MAX_TEXT_CHARS, encodable
from otel_session_agg._views.calendar_ranges import CALENDAR, calendar_times

__all__ = ["ALL", "DEFAULT_VIEW", "RANGES", "State", "Times", "parse"]

DEFAULT_VIEW = "overview"
ALL = "all"
"""The range that has no bounds."""
RANGES: Mapping[str, timedelta] = MappingProxyType(
    {
        "1h": timedelta(hours=1),
        "6h": timedelta(hours=6),
        "24h": timedelta(hours=24),
        "7d": timedelta(days=7),
        "14d": timedelta(days=14),
        "30d": timedelta(days=30),
        "90d": timedelta(days=90),
    }
)
"""By the value of ``from``, the time before now that is shown."""
THEMES = ("light", "dark")

_MAX_SEARCH_CHARS = 50_000
"""Encoded: more than two values of characters of four bytes and a condition have."""
_MAX_WHERE_CHARS = 10_000
"""As long as a condition may be."""
_MAX_CHARS = MAX_TEXT_CHARS
"""Of every other value: ids of sessions and names of segments are among them, at any length."""
_MAX_FIELDS = 40
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")


class Times(NamedTuple):
    """The time that is shown, in UTC; ``None``: without a bound."""

    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class State:
    """What a view shows."""

    view: str = DEFAULT_VIEW
    """The name of the view; it may be of none that there is."""
    where: str | None = None
    """A condition on sessions, as `otel_session_agg._history.conditions` has it; not checked."""
    since: str | None = None
    """A key of `RANGES` or `CALENDAR`, ``all``, a time in ISO 8601; ``None``: the view chooses."""
    until: datetime | None = None
    """In UTC; has no meaning beside such a key."""
    by: str | None = None
    """What is grouped by: model, agent, tool, user or a dimension; not checked."""
    theme: str | None = None
    """``light`` or ``dark``; ``None``: as the browser prefers."""
    more: Mapping[str, str] = field(default_factory=dict)
    """What only this view knows, by name; not checked."""

    def times(self, now: datetime) -> Times:
        """Return the time that is shown, when it is ``now``, in UTC."""
        if self.since is not None and self.since in RANGES:
            return Times(now - RANGES[self.since], None)
        if self.since is not None and self.since in CALENDAR:
            return Times(*calendar_times(self.since, now))
        return Times(_time(self.since), self.until)

    @property
    def of_selection(self) -> tuple[object, ...]:
        """What decides which sessions are shown, when it is the same time, as a key of a map."""
        return self.where, self.since, self.until

    @property
    def of_view(self) -> tuple[object, ...]:
        """What decides what the view shows, but for its colours, as a key of a map."""
        return self.view, *self.of_selection, self.by, *sorted(self.more.items())

    def href(self) -> str:
        """Return the address."""
        return f"/{self.view}{self.search()}"

    def search(self) -> str:
        """Return the part of the address from the question mark on."""
        until = None if self.until is None else _written(self.until)
        fields = {
            "where": self.where,
            "from": self.since,
            "to": until,
            "by": self.by,
            "theme": self.theme,
            **self.more,
        }
        text = "&".join(
            f"{name}={quote_plus(encodable(value))}" for name, value in fields.items() if value
        )
        return f"?{text}" if text else ""

    def with_more(self, **more: str | None) -> State:
        """Return it with other values of what only this view knows; ``None`` takes one away."""
        merged = {**self.more, **more}
        return replace(self, more={name: value for name, value in merged.items() if value})

    def going_to(self, view: str, **more: str) -> State:
        """Return the state of another view of the same sessions."""
        return replace(self, view=view, more=more)


def parse(path: str | None, search: str | None) -> State:
    """Return what an address says, as far as it is understood."""
    given = parse_qsl(
        (search or "")[:_MAX_SEARCH_CHARS].removeprefix("?"), errors="backslashreplace"
    )
    fields = {name: value for name, value in given[:_MAX_FIELDS] if _NAME.fullmatch(name)}
    where = fields.pop("where", "").strip()[:_MAX_WHERE_CHARS]
    since = fields.pop("from", "")
    until = _time(fields.pop("to", ""))
    by, theme = fields.pop("by", ""), fields.pop("theme", "")
    view = (path or "").strip("/")
    return State(
        view=view if _NAME.fullmatch(view) else DEFAULT_VIEW,
        where=where or None,
        since=_since(since),
        until=until if since not in RANGES and since not in CALENDAR else None,
        by=by[:_MAX_CHARS] or None,
        theme=theme if theme in THEMES else None,
        more={name: value for name, value in fields.items() if len(value) <= _MAX_CHARS},
    )


def _since(text: str) -> str | None:
    if text in RANGES or text in CALENDAR or text == ALL:
        return text
    time = _time(text)
    return None if time is None else _written(time)


def _time(text: str | None) -> datetime | None:
    """Return a time in UTC; ``None``: the text is none."""
    try:
        time = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text or ""))
        return (
            time.replace(tzinfo=timezone.utc)
            if time.tzinfo is None
            else time.astimezone(timezone.utc)
        )
    except (OverflowError, ValueError):
        return None


def _written(time: datetime) -> str:
    text = time.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z").replace(".000Z", "Z").replace(":00Z", "Z")
