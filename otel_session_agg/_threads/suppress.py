"""Mark the work of exporters so that instrumented HTTP clients do not trace it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value


@contextmanager
def suppressed() -> Iterator[None]:
    """Suppress spans of instrumented libraries inside."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: FBT003 -- the SDK's own way
    try:
        yield
    finally:
        detach(token)
