"""Import libraries that are installed on request only."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from otel_session_agg._exceptions import SessionAggError


def needed(module: str, extra: str | None) -> Any:
    """Return a module; ``extra``: what installs it, ``None``: it is a user's own choice.

    Raises:
        SessionAggError: it is not installed; the text says how to install it.

    """
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        package = name if extra is None else f"'otel-session-agg[{extra}]'"
        message = f"{name} is missing: pip install {package}"
        raise SessionAggError(message) from None
