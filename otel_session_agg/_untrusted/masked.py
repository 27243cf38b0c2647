"""Hide passwords in URLs."""

from __future__ import annotations

import re

_USER = re.compile(r"://(?!/)(.*)@", re.DOTALL)
"""User and password, up to the last ``@``: a password that is not quoted may contain some."""
_USER_ALONE = re.compile(r"^[^@]*@", re.DOTALL)
_USER_NAME = re.compile(r"[^@/?\s]+")
_QUERY = re.compile(r"([?&])([^=&]*)=([^&]*)")
_PAIR = re.compile(
    r"((?:pass|pwd|secret|token|key|auth|credential)\w*\s*=\s*)[^&,;\s]*", re.IGNORECASE
)
"""A secret in a connection string that is no URL."""
_HARMLESS = frozenset(
    {
        "client_name", "db", "decode_responses", "health_check_interval", "max_connections",
        "prefix", "protocol", "retry_on_timeout", "socket_connect_timeout", "socket_keepalive",
        "socket_timeout", "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile",
        "ssl_check_hostname", "timeout",
    }
)  # fmt: skip
"""Parameters of URLs that are shown; any other may hold a secret."""


def masked(url: str) -> str:
    """Return the URL without passwords, and without what may be one.

    A user without a password is taken for a token.
    """
    url = (
        _USER.sub(lambda found: f"://{_user(found[1])}***@", url)
        if "://" in url
        else _USER_ALONE.sub("***@", url)
    )
    url = _QUERY.sub(
        lambda found: found[0] if found[2] in _HARMLESS else f"{found[1]}{found[2]}=***", url
    )
    return _PAIR.sub(lambda found: f"{found[1]}***", url)


def _user(info: str) -> str:
    """Return the user and a colon if a password follows, else nothing."""
    user, _, password = info.partition(":")
    return f"{user}:" if password and (not user or _USER_NAME.fullmatch(user)) else ""
