"""What a reader of the demo can do wrong."""

from __future__ import annotations


class EndpointError(ValueError):
    """What was given as the backend's address is not one."""
