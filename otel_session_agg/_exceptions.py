"""Errors that users may see.  None of them is ever raised out of a span hook."""

from __future__ import annotations

__all__ = ["SessionAggError", "SettingsError", "StoreError"]


class SessionAggError(Exception):
    """Base class of this library's errors."""


class SettingsError(SessionAggError, ValueError):
    """A setting has a value that is not allowed.

    The text names the setting, the value and what is allowed.
    """


class StoreError(SessionAggError):
    """A store cannot be opened as requested; the text states what is wrong and what to do.

    When a store only cannot be reached, the errors of ``sqlite3`` or ``redis`` are raised instead.
    """
