"""Errors of the API, as RFC 9457 has them."""

from __future__ import annotations

import json
from http import HTTPStatus

__all__ = ["PROBLEM", "problem"]

PROBLEM = "application/problem+json"
"""The media type."""


def problem(status: int, detail: str) -> bytes:
    """Return the body of an answer with a status of HTTP, which says what is wrong."""
    title = HTTPStatus(status).phrase
    return json.dumps({"title": title, "status": status, "detail": detail}).encode()
