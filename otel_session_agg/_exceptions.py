"""Errors that users may see.  None of them is ever raised out of a span hook."""

from __future__ import annotations

__all__ = ["SessionAggError", "SettingsError", "StoreError"]


class SessionAggError(Exception):
    """Base class of this library's errors."""


class SettingsError(SessionAggError, ValueError):
    """A setting has a value that is not allowed; the text names the setting, the value and what is allowed."""


class StoreError(SessionAggError):
    """A store cannot be opened as it was asked for; the text says what is wrong and what to do.

    That a store cannot be reached just now is another thing: then the errors of ``sqlite3`` or ``redis`` come out.
    """
