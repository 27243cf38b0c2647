"""Errors that users may see.  None of them is ever raised out of a span hook."""

from __future__ import annotations

__all__ = ["SessionAggError", "SettingsError"]


class SessionAggError(Exception):
    """Base class of this library's errors."""


class SettingsError(SessionAggError, ValueError):
    """A setting has a value that is not allowed; the text names the setting, the value and what is allowed."""
