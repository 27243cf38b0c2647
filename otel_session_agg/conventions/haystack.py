"""Haystack: usage only inside the JSON of a component's output, and only where content tracing is on.

Source: recordings; replies carry the provider's own usage in their ``meta``.
"""

from __future__ import annotations

from otel_session_agg.conventions._convention import Convention, Text

TABLE = Convention(
    name="haystack",
    precedence=79,
    texts=(Text("haystack.component.output", "native", sole=True, search="usage"),),
    output=("haystack.component.output",),
)
