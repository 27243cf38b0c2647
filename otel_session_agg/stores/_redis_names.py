"""URLs of Redis and Valkey servers, and the names that keys have there."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from otel_session_agg._exceptions import StoreError
from otel_session_agg._untrusted.masked import masked

SCHEMES = {
    f"{name}{secure}{cluster}": (f"redis{secure}", bool(cluster))
    for name in ("redis", "valkey")
    for secure in ("", "s")
    for cluster in ("", "+cluster")
}
"""Schemes of URLs: redis-py's scheme for each, and whether it is known to be a cluster."""
DEFAULT_PREFIX = "otel_session_agg"


def parsed(url: str) -> tuple[str, str, bool]:
    """Return the URL as redis-py wants it, the prefix, and whether it is a cluster.

    Raises:
        StoreError: It is not the URL of a server.

    """
    try:
        parts = urlsplit(url)
        scheme, cluster = SCHEMES[parts.scheme]
        # redis-py's own message would show what it takes for the port: a part of an unquoted
        # password
        _ = parts.port
    except (KeyError, ValueError):
        known = ", ".join(f"{name}://" for name in SCHEMES)
        message = f"{masked(url)} is not the URL of a server: {known} and host:port"
        raise StoreError(message) from None
    query = parse_qsl(parts.query, keep_blank_values=True)
    prefix = dict(query).get("prefix") or DEFAULT_PREFIX
    rest = urlencode([(name, value) for name, value in query if name != "prefix"])
    return parts._replace(scheme=scheme, query=rest).geturl(), quote(prefix, safe=""), cluster


@lru_cache(1024)
def quoted(key: str) -> str:
    """Return the name of a key; no id can break out of it."""
    return quote(key, safe=":", errors="surrogatepass")


def unquoted(name: str) -> str:
    """Return the key that ``quoted`` was given."""
    return unquote(name, errors="surrogatepass")


def encoded(text: str) -> bytes:
    """Return a text as bytes, whatever is in it."""
    return text.encode("utf-8", "surrogatepass")


def key_of(name: bytes) -> str | None:
    """Return the key of a name; ``None``: this library did not write the name."""
    try:
        text = name.decode("ascii")
        key = unquoted(text)
    except UnicodeDecodeError:
        return None
    return key if quoted(key) == text else None


def shown(name: bytes) -> str:
    """Return bytes as a text for people."""
    return name.decode("utf-8", "backslashreplace")
