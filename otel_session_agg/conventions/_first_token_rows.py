"""Rows of the convention tables about the time from the start of a call to its first token."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["INSTANT", "MILLISECONDS", "NANOSECONDS", "SECONDS", "FirstToken"]

NANOSECONDS = 1
MILLISECONDS = 1_000_000
SECONDS = 1_000_000_000
INSTANT = 0
"""The time of day: ISO 8601, or a number since the Unix epoch in any unit."""


@dataclass(frozen=True, slots=True)
class FirstToken:
    """An attribute of a model call that states when the first token or chunk came."""

    key: str
    unit: int
    """Nanoseconds of one unit, or ``INSTANT``."""
    whole: int | None = None
    """The unit of whole numbers, where it is another one."""
    member: str = ""
    """The name of the value in the JSON object that the attribute holds; empty: it is the value."""
    scopes: tuple[str, ...] = ()
    """Read only on spans of these scopes (prefixes); empty: of any."""
