"""Who may use a server: names that it has, origins of pages, tokens.

A server on loopback is open to whoever is on the machine, but not to pages of others that a
browser there shows: a name that is made to point here ("DNS rebinding") is not one of its names,
and a request that another site's page makes has that site's origin.  Any other server asks for a
token, in ``Authorization: Bearer``, or in a cookie that the login gives for it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from otel_session_agg._serve.asgi import Scope, header
from otel_session_agg._serve.refusals import Refused

__all__ = ["COOKIE", "Access", "is_loopback"]

COOKIE = "otel-session-agg"
"""The name of the cookie that shows that somebody has logged in."""
_COOKIE_PURPOSE = b"otel-session-agg: page"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_OWN_SITES = frozenset({None, "same-origin", "none"})
"""Values of ``Sec-Fetch-Site`` of requests that no other site has caused."""


def is_loopback(host: str) -> bool:
    """Return whether a server on this host is reached from its own machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server."""

    token: str | None = field(default=None, repr=False)
    """What is asked for; ``None``: nothing."""
    names: frozenset[str] | None = _LOOPBACK
    """The names that it may be called by; ``None``: any."""

    @classmethod
    def at(cls, host: str, token: str | None, more_names: Iterable[str] = ()) -> Access:
        """Return the rules for a server on a host, which may have more names."""
        if not is_loopback(host):
            return cls(token, None)
        own = host if ":" not in host or host.startswith("[") else f"[{host}]"
        return cls(token, frozenset({*_LOOPBACK, own, *map(str.lower, more_names)}))

    def check_name(self, scope: Scope) -> None:
        """Raise `Refused` if a request is for another name than the server's."""
        if self.names is not None and _name(header(scope, b"host")) not in self.names:
            raise Refused(421, "this server is not called so", closes=True)

    def check_origin(self, scope: Scope) -> None:
        """Raise `Refused` if a page of another site has caused a request.

        It may link here: a request that shows a page, and changes nothing.
        """
        is_safe = scope["method"] in _SAFE
        origin = header(scope, b"origin")
        own = f"{scope['scheme']}://{header(scope, b'host')}"
        if origin is not None and origin != own and not is_safe:
            raise _other_site()
        is_own = header(scope, b"sec-fetch-site") in _OWN_SITES
        if not is_own and not (is_safe and header(scope, b"sec-fetch-mode") == "navigate"):
            raise _other_site()

    def is_allowed(self, scope: Scope) -> bool:
        """Return whether a request has the token, or the cookie for it."""
        if self.token is None:
            return True
        kind, _, given = (header(scope, b"authorization") or "").partition(" ")
        if kind.lower() == "bearer":
            return self.is_token(given.strip())
        cookie = _cookie(header(scope, b"cookie") or "")
        return cookie is not None and _same(cookie, self.cookie_value)

    def is_token(self, given: str) -> bool:
        """Return whether this is the token, in a time that does not depend on it."""
        return self.token is not None and _same(given, self.token)

    @property
    def cookie_value(self) -> str:
        """What the cookie says: made of the token, which it does not tell."""
        key = (self.token or "").encode()
        return hmac.new(key, _COOKIE_PURPOSE, hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _other_site() -> Refused:
    return Refused(403, "a page of another site has made this request", closes=True)


def _name(host: str | None) -> str:
    """Return the name in a ``Host`` header, without the port."""
    name, colon, port = (host or "").lower().rpartition(":")
    return name if colon and port.isdigit() and not name.endswith(":") else (host or "").lower()


def _cookie(text: str) -> str | None:
    for pair in text.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return None
