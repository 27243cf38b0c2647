"""Mark the work of exporters so that instrumented HTTP clients do not trace it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value


@contextmanager
def suppressed() -> Iterator[None]:
    """Suppress spans of instrumented libraries inside."""
    # the SDK's own way
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: FBT003
    try:
        yield
    finally:
        detach(token)
