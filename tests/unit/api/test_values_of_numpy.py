"""Values of data frames, given to ``session()``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg import session
from tests.support.apps import App


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.bool_(False), False),  # noqa: FBT003 -- a value
        (np.str_("pro"), "pro"),
        (np.datetime64("2026-11-30"), "2026-11-30"),
        (np.array(3), 3),
    ],
)
def test_scalar(app: App, given: Any, expected: object) -> None:
    """A scalar is what it holds, as a plain value of Python."""
    with session("s", metadata={"plan": given}):
        span = app.tracer.start_span("span")
    assert isinstance(span, ReadableSpan)
    found = (span.attributes or {})["metadata.plan"]
    assert (expected, type(expected)) == (found, type(found))


def test_array() -> None:
    """What holds several values is refused."""
    with pytest.raises(ValueError, match="is not allowed"):
        session("s", metadata={"plan": np.array([1, 2])})  # type: ignore[dict-item]  # it is wrong
