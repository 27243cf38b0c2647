"""What sessions came to under each value of a dimension, or each user."""

from __future__ import annotations

from otel_session_agg._page.named import SEGMENT, view_by

__all__ = ["VIEW"]

VIEW = view_by(SEGMENT, "segments", "Segments")
