"""The instrumentation scope of the spans and metrics that this library creates.

Its version, and the schema of the names that are written.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata

SCHEMA_URL = "https://opentelemetry.io/schemas/1.38.0"
"""The first semantic conventions that have all standard names that are written.

These are ``session.id``, ``user.id``, and ``gen_ai.evaluation.*``, which is new in this version.
"""

DISTRIBUTION = "otel-session-agg"
"""The name of this library in package indexes."""


@cache
def version() -> str:
    """Return the version that is installed.

    It is empty when it is not known, as in a source folder that was only put on the path.
    """
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return ""
