"""What attributes mean: every convention as a table; how tables are read is in ``_reading``."""

from __future__ import annotations

from otel_session_agg.conventions._precedence import CONVENTIONS

__all__ = ["CONVENTIONS"]
