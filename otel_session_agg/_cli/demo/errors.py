"""The error of a wrong argument of the demo."""

from __future__ import annotations


class EndpointError(ValueError):
    """The address of the backend is not an HTTP URL."""
