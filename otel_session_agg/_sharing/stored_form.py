"""The form of totals in a store: JSON with these fields and a version.

With the version a process can tell apart what an older or newer one wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals

VERSION = 1
"""The version of this form; values of another one are malformed."""

TRACE_BYTES = 16
"""Bytes of a trace id; those of a session are one base64 text."""

COUNTS = tuple(f.name for f in fields(SessionTotals) if type(f.default) is int)
"""The fields of a session that are counts or times; those that are 0 are left out."""

FLAGS = tuple(f.name for f in fields(SessionTotals) if type(f.default) is bool)
"""The fields of a session that are true or false; those that are false are left out."""

DEFAULTS: Mapping[str, Any] = {f.name: f.default for f in fields(Rollup) if f.name != "details"}
"""The fields of a rollup; those that have their default are left out.

Its details stand beside it, where versions that do not know them pass them over.
"""
