"""The instrumentation scope of what this library emits itself: its version, and the schema of the names it writes."""

from __future__ import annotations

from functools import cache
from importlib import metadata

SCHEMA_URL = "https://opentelemetry.io/schemas/1.38.0"
"""Of the semantic conventions that have all of the standard names that are written: ``session.id``, ``user.id``, and
``gen_ai.evaluation.*``, which came with this version."""

_DISTRIBUTION = "otel-session-agg"


@cache
def version() -> str:
    """The version that is installed; empty when it is not known, as in a source folder that was only put on the path."""
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return ""
