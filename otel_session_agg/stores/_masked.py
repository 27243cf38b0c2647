"""URLs as they may be shown."""

from __future__ import annotations

import re

_SECRETS = (
    (re.compile(r"(://[^:@/?]*):.*@", re.DOTALL), r"\1:***@"),
    (re.compile(r"([?&][^=&]*(?:password|secret|token)[^=&]*=)[^&]*", re.IGNORECASE), r"\1***"),
)
"""A password goes on to the last ``@``: one that is not quoted as it should be has some itself."""


def masked(url: str) -> str:
    """The URL without its passwords."""
    for secret, stars in _SECRETS:
        url = secret.sub(stars, url)
    return url
