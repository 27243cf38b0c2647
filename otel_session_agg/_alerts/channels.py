"""Where notifications go, as a rule file says it.

URLs and secrets can be left out of the file: a value that begins with ``$`` is the name of an
environment variable.  Neither is ever shown or logged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from otel_session_agg._exceptions import SettingsError

KINDS = ("webhook", "apprise", "otlp")
_KEYS: Mapping[str, frozenset[str]] = {
    "webhook": frozenset({"webhook", "secret"}),
    "apprise": frozenset({"apprise"}),
    "otlp": frozenset({"otlp", "headers"}),
}
_MAX_CHARS = 8192
_MAX_HEADERS = 32


@dataclass(frozen=True, slots=True)
class Channel:
    """One place where notifications go."""

    name: str
    kind: str
    """One of ``KINDS``."""
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    """Of a webhook: what notifications are signed with; empty: they are not."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of an OTLP endpoint."""


def channel(name: str, given: object) -> Channel:
    """Return the channel that a rule file describes.

    Raises:
        SettingsError: it is none; the text names the key and what is allowed, never a value.

    """
    kinds = [kind for kind in KINDS if isinstance(given, dict) and kind in given]
    if not isinstance(given, dict) or len(kinds) != 1:
        message = f"a channel has exactly one of the keys {', '.join(KINDS)}"
        raise SettingsError(message)
    [kind] = kinds
    for key in given:
        if key not in _KEYS[kind]:
            message = f"key {key!r}: a channel of this kind has {', '.join(sorted(_KEYS[kind]))}"
            raise SettingsError(message)
    url = _text(kind, given[kind])
    if kind != "apprise":
        _check_url(kind, url)
    return Channel(
        name,
        kind,
        url,
        _text("secret", given["secret"]) if "secret" in given else "",
        _headers(given.get("headers", {})),
    )


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_CHARS:
        message = f"key {key!r} is a text, or $NAME of an environment variable"
        raise SettingsError(message)
    if not value.startswith("$"):
        return value
    found = os.environ.get(value[1:], "").strip()
    if not found:
        message = f"key {key!r}: the environment variable {value[1:][:60]!r} is not set"
        raise SettingsError(message)
    return found


def _check_url(key: str, url: str) -> None:
    message = f"key {key!r} is a URL such as https://example.org/path"
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise SettingsError(message) from None
    if not fits or not url.isascii() or not url.isprintable() or " " in url:
        raise SettingsError(message)
    if parts.username is not None:
        message = f"key {key!r}: a user in the URL is not sent; use a secret or headers"
        raise SettingsError(message)


def _headers(given: object) -> Mapping[str, str]:
    if not isinstance(given, dict) or len(given) > _MAX_HEADERS:
        message = f"key 'headers' is a mapping of at most {_MAX_HEADERS} names to texts"
        raise SettingsError(message)
    found = {str(name): _text("headers", value) for name, value in given.items()}
    for name, value in found.items():
        is_token = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not is_token or not value.isascii() or not value.isprintable():
            message = "key 'headers' has a name or value that no header can have"
            raise SettingsError(message)
    return found
