"""URLs as they may be shown."""

from __future__ import annotations

import re

_USER = re.compile(r"://(?!/)(.*)@", re.DOTALL)
"""On to the last ``@``: a password that is not quoted as it should be has some itself."""
_USER_ALONE = re.compile(r"^[^@]*@", re.DOTALL)
_USER_NAME = re.compile(r"[^@/?\s]+")
_QUERY = re.compile(r"([?&])([^=&]*)=([^&]*)")
_PAIR = re.compile(
    r"((?:pass|pwd|secret|token|key|auth|credential)\w*\s*=\s*)[^&,;\s]*", re.IGNORECASE
)
"""As in connection strings that are no URLs."""
_HARMLESS = frozenset(
    {
        "client_name", "db", "decode_responses", "health_check_interval", "max_connections", "prefix", "protocol", "retry_on_timeout",
        "socket_connect_timeout", "socket_keepalive", "socket_timeout", "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile",
        "ssl_check_hostname", "timeout",
    }
)  # fmt: skip
"""Parameters of URLs that are shown; what any other one holds is not known."""


def masked(url: str) -> str:
    """The URL without its passwords, and without whatever may be one: a user without a password is a token."""
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
    """The user with a colon, when a password follows."""
    user, _, password = info.partition(":")
    return f"{user}:" if password and (not user or _USER_NAME.fullmatch(user)) else ""
