"""What sessions came to under each agent."""

from __future__ import annotations

from otel_session_agg._page.named import view_by

__all__ = ["VIEW"]

VIEW = view_by("agent", "agents", "Agents")
