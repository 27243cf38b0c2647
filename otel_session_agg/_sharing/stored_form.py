"""The form of totals in a store: JSON with these fields and a version.

With the version a process can tell apart what an older or newer one wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from otel_session_agg._model.rollup import Rollup

VERSION = 1
"""The version of this form; values of another one are malformed."""

TRACE_BYTES = 16
"""Bytes of a trace id; those of a session are one base64 text."""

COUNTS = (
    "num_open",
    "more_traces",
    "num_roots",
    "root_ns",
    "num_parts",
    "part_ns",
    "last_began_ns",
    "root_events",
    "num_unsampled",
)
"""The fields of a session that are counts or times; those that are 0 are left out."""

DEFAULTS: Mapping[str, Any] = {f.name: f.default for f in fields(Rollup)}
"""The fields of a rollup; those that have their default are left out."""
