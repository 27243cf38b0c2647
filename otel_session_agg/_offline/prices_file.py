"""Read prices of one's own from a file, and the time that calls are to be priced as of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import Any

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._extras import needed
from otel_session_agg._files import read_bounded

_MAX_BYTES = 10_000_000
_YAML = frozenset({".yaml", ".yml"})


def prices_in(path: Path) -> Mapping[str, Any]:
    """Return the prices of a file in JSON or YAML, as ``PriceBook`` takes them.

    Raises:
        SettingsError: it cannot be read, or is no object.

    """
    try:
        content = read_bounded(path, _MAX_BYTES)
    except OSError as error:
        message = f"the prices in {path} cannot be read: {error.strerror}"
        raise SettingsError(message) from None
    found = _from_yaml(path, content) if path.suffix.lower() in _YAML else _from_json(path, content)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        message = f"the prices in {path} are not an object of models and their prices"
        raise SettingsError(message)
    return found


def _from_json(path: Path, content: bytes) -> object:
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"the prices in {path} are not JSON: {str(error)[:100]}"
        raise SettingsError(message) from None
    return found


def _from_yaml(path: Path, content: bytes) -> object:
    yaml = needed("yaml", "replay")
    try:
        found: object = yaml.safe_load(content)
    except (yaml.YAMLError, RecursionError) as error:
        message = f"the prices in {path} are not YAML: {' '.join(str(error).split())[:100]}"
        raise SettingsError(message) from None
    return found


def moment_of(text: str) -> datetime:
    """Return a date or time in ISO 8601, which is in UTC unless it says otherwise, as UTC.

    Raises:
        SettingsError: it is something else.

    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return datetime.combine(day, time(), timezone.utc)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        given = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
        return given.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        message = f"{text[:60]!r} is no date or time such as 2026-01-31 or 2026-01-31T12:00"
        raise SettingsError(message) from None


def nanoseconds_of(moment: datetime) -> int:
    """Return a time as nanoseconds since the Unix epoch."""
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
