"""Session keys that belong to no other convention, read last.

Source: Opik's and Braintrust's mappings.  OpenTelemetry's ``thread.id`` (a thread of the operating
system), ``mcp.session.id`` and LangSmith's project are no sessions.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention

TABLE = Convention(
    name="other_ids",
    session=("thread_id",),
)
