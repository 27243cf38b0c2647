"""Haystack: usage is only in the JSON of a component's output, and only with content tracing.

Source: recordings of 2.x and 3.4; replies and embedders carry the provider's own usage in their
``meta``.  Other outputs are not read: agents and tool invokers pass on the messages of earlier
calls.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import (
    Convention,
    Kinds,
    NamedSpans,
    NameText,
    SpanNames,
    Text,
)

_COMPONENTS = {
    "generator": Kind.MODEL,
    "embedder": Kind.EMBEDDING,
    "retriever": Kind.RETRIEVER,
    "ranker": Kind.RETRIEVER,
    "agent": Kind.AGENT,
}
"""Suffixes of the names of component classes."""

_OUTPUTS = ("haystack.component.output", "haystack.agent.step.llm.output")

TABLE = Convention(
    name="haystack",
    kinds=(Kinds("haystack.component.type", {}, suffixes=_COMPONENTS),),
    spans=(
        NamedSpans(
            {
                "haystack.agent.run": Kind.AGENT,
                "haystack.agent.step.llm": Kind.MODEL,
                "haystack.agent.step.tool": Kind.TOOL,
            }
        ),
    ),
    texts=tuple(
        Text(key, "native", sole=True, path=(part,), search="usage")
        for key in _OUTPUTS
        for part in ("replies", "meta")
    ),
    model_texts=tuple(
        NameText(key, r'"meta": \{(?:[^{}]|\{[^{}]*\})*?"model": "([^"\\]+)"') for key in _OUTPUTS
    ),
    output=_OUTPUTS,
    tool_name=("haystack.tool.name",),
    entity_name=("haystack.component.name",),
    span_names=(
        SpanNames(
            nameless=("haystack.agent.run", "haystack.agent.step.tool", "haystack.component.run"),
        ),
    ),
)
