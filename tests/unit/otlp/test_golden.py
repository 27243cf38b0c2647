"""Files that exporters wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otel_session_agg._model.span import SpanData
from otel_session_agg._spans.received import span_data
from tests.support.exports import read, spans_in
from tests.support.otlp_golden import FOLDER, trace

_FILES = sorted(FOLDER.iterdir())


def _content(spans: list[SpanData]) -> list[tuple[Any, ...]]:
    """All but what differs from run to run, and the name of each span's parent."""
    names = {span.span_id: span.name for span in spans}
    return sorted(
        (
            span._replace(trace_id=0, span_id=0, parent_id=None, start_ns=0, end_ns=0, events=()),
            names.get(span.parent_id or 0),
            [(event.name, dict(event.attributes)) for event in span.events],
        )
        for span in spans
    )


class TestGolden:
    """``tests/cases/otlp``."""

    @pytest.mark.parametrize("path", _FILES, ids=[path.name for path in _FILES])
    def test_content(self, path: Path) -> None:
        """All of them hold the same trace."""
        batches = read(path)
        assert {"shop"} == {batch.resource["service.name"] for batch in batches}
        spans = spans_in(batches)
        assert _content([span_data(span) for span in trace()]) == _content(spans)
        assert all(0 < span.start_ns <= span.end_ns for span in spans)
        assert 1 == len({span.trace_id for span in spans})
