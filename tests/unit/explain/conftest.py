"""Spans to explain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg.testing import make_span

BEGIN_NS = 1_790_000_000_000_000_000

Make = Callable[..., ReadableSpan]


def call(prompt: Any = 1000, completion: Any = 100, **more: Any) -> dict[str, Any]:
    """The attributes of a model call."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": completion,
        **more,
    }


@pytest.fixture
def make() -> Make:
    """Make a span that begins and ends inside those with lower ids."""

    def made(span_id: int, parent_id: int | None = 1, attributes: dict[str, Any] | None = None, **more: Any) -> ReadableSpan:
        times = {"start_ns": BEGIN_NS + span_id * 1000, "end_ns": BEGIN_NS + 10_000_000 - span_id * 1000}
        return make_span(
            more.pop("name", f"span {span_id}"), span_id=span_id, parent_id=parent_id, attributes=attributes, **{**times, **more}
        )

    return made
