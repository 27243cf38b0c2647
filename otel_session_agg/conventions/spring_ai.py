"""Spring AI over Micrometer: counts arrive as text.

Source: its observation conventions; operation ``framework`` is the client's wrapper.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention

TABLE = Convention(
    name="spring_ai",
    session=("spring.ai.chat.client.conversation.id",),
    tool_name=("spring.ai.tool.definition.name",),
)
