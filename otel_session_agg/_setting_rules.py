"""The rules by which values of settings are read, given as they are or as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from otel_session_agg._untrusted.values import flag
from otel_session_agg.attributes import METADATA_PREFIX, RESERVED

Rule = tuple[Callable[[object], Any], str]
"""How a value is read (``None``: it is not allowed), and a text that names the allowed ones."""

MOST = 10**9
MAX_CHARS = 40
MAX_DIMENSIONS = 16
"""Dimensions of a session: reports are grouped by one to three; each is some 60 bytes of memory."""
_MAX_DIMENSION_CHARS = 64
"""The longest name of OpenTelemetry's conventions for resources has 40 characters."""
_MAX_NAMES = 8
_HOUR = 3600.0
_MONTH = 31 * 24 * _HOUR


def _whole(value: object) -> int | None:
    if (
        isinstance(value, str)
        and len(value) <= MAX_CHARS
        and value.strip().isascii()
        and value.strip().isdigit()
    ):
        value = int(value.strip())
    return value if type(value) is int and 1 <= value <= MOST else None


def _seconds(most: float) -> Rule:
    """Return the rule for seconds from 0 to ``most``."""

    def read(value: object) -> float | None:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value) if 0 <= value <= most else None

    return read, f"seconds from 0 to {most:.0f}"


def _url(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and "://" in value else None


def _name(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) and len(value) <= MAX_CHARS else None


def _list(value: object, max_names: int, max_chars: int) -> tuple[str, ...] | None:
    """Return different names, given one by one or in one text with commas."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
        return None
    found = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    return (
        found if len(found) <= max_names and all(len(one) <= max_chars for one in found) else None
    )


def _names(value: object) -> tuple[str, ...] | None:
    return _list(value, _MAX_NAMES, MAX_CHARS)


def _dimensions(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str) and value.strip().lower() == "none":
        return ()
    names = _list(value, MAX_DIMENSIONS, _MAX_DIMENSION_CHARS)
    is_taken = any(METADATA_PREFIX + name in RESERVED for name in names or ())
    return None if is_taken else names


def _records(value: object) -> bool | Literal["auto"] | None:
    return "auto" if isinstance(value, str) and value.strip().lower() == "auto" else flag(value)


def _profiles(value: object) -> tuple[str, ...] | None:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
        return None
    found = tuple(dict.fromkeys(name.strip() for name in names))
    return found if found and set(found) <= set(PROFILE_NAMES) else None


PROFILE_NAMES = ("default", "honeyhive", "phoenix", "posthog")
"""Sets of attribute names in which roots and records can be written."""

WHOLE: Rule = (_whole, f"a whole number from 1 to {MOST}")
SECONDS_OF_HOUR: Rule = _seconds(_HOUR)
SECONDS_OF_MONTH: Rule = _seconds(_MONTH)
FLAG: Rule = (flag, "true or false")
NAMES: Rule = (
    _names,
    f"at most {_MAX_NAMES} names of at most {MAX_CHARS} characters, by commas",
)
_OTHERS = "names of at most {} characters, by commas, that this library does not write itself"
DIMENSIONS: Rule = (
    _dimensions,
    f"none, or at most {MAX_DIMENSIONS} {_OTHERS.format(_MAX_DIMENSION_CHARS)}",
)
RECORDS: Rule = (_records, "auto, true or false")
URL: Rule = (_url, "a URL such as memory://, sqlite:///file or redis://host:6379/0")
NAME: Rule = (_name, f"a name of at most {MAX_CHARS} characters")
PROFILES: Rule = (_profiles, f"one or more of {', '.join(PROFILE_NAMES)}")
