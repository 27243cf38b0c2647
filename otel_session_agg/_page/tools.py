"""What sessions came to under each tool."""

from __future__ import annotations

from otel_session_agg._page.named import view_by

__all__ = ["VIEW"]

VIEW = view_by("tool", "tools", "Tools")
