"""Mirascope's own tracing.

Source: recordings of Mirascope 2.8.2.  Its spans of calls have GenAI's names, but for the parts of
input and output, which stand in an object; functions that it traces repeat the object of their
call.  ``mirascope.response.cost`` comes from its cloud, in hundredths of a cent, and is not read.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention, Text

TABLE = Convention(
    name="mirascope",
    texts=(Text("mirascope.response.usage", "inclusive"),),
    response_model=("mirascope.response.model_id",),
    provider=("mirascope.response.provider_id",),
    session=("mirascope.ops.session.id",),
    output=("mirascope.trace.output",),
)
